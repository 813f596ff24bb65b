/**
 * Seals packages for recipients with age [age]: X25519, ML-KEM-768 with X25519, or a passphrase.
 *
 * The age library draws its file keys from the platform's generator itself, not through `foundations/random`.
 *
 * @module
 */

import {
  Decrypter,
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from 'age-encryption';

import { PackageError } from './errors.ts';

const MAGIC = new TextEncoder().encode('age-encryption.org/v1\n');

/** Tells whether bytes are an age file. */
export function isSealed(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/** Who may open: recipients (`age1…`, `age1pq1…`), or whoever knows a passphrase. */
export type SealFor =
  | { readonly kind: 'recipients'; readonly recipients: readonly string[] }
  | { readonly kind: 'passphrase'; readonly passphrase: string };

/**
 * Seals bytes.
 * @throws {RangeError} when a recipient is none, or when recipients that withstand quantum computers are mixed with ones
 * that do not: the weaker one would open it for everybody.
 */
export async function sealFor(bytes: Uint8Array, target: SealFor): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  if (target.kind === 'passphrase') {
    if (target.passphrase.length < 12) throw new RangeError('"passphrase" must have at least 12 characters');
    encrypter.setPassphrase(target.passphrase);
    return encrypter.encrypt(bytes);
  }
  const hybrid = target.recipients.filter((recipient) => recipient.startsWith('age1pq1')).length;
  if (target.recipients.length === 0) throw new RangeError('"recipients" must name at least one');
  if (hybrid !== 0 && hybrid !== target.recipients.length) {
    throw new RangeError('"recipients" must be all post-quantum (age1pq1…) or all classical (age1…)');
  }
  for (const recipient of target.recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch (cause) {
      throw new RangeError(`"recipients" must be age recipients such as age1…, got ${recipient.slice(0, 24)}…`, {
        cause,
      });
    }
  }
  return encrypter.encrypt(bytes);
}

/**
 * Opens sealed bytes; nothing is given out of what does not authenticate to its end.
 * @throws {PackageError} `package/no-matching-identity`, `package/seal-invalid`.
 */
export async function openSeal(
  sealed: Uint8Array,
  keys: { readonly identities?: readonly string[]; readonly passphrase?: string },
): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  if (!isSealed(sealed)) throw new PackageError('package/seal-invalid', 'this is no age file');
  try {
    for (const identity of keys.identities ?? []) decrypter.addIdentity(identity);
  } catch {
    throw new PackageError('package/no-matching-identity', 'an identity is not one of age: AGE-SECRET-KEY-…');
  }
  if (keys.passphrase !== undefined) decrypter.addPassphrase(keys.passphrase);
  try {
    return await decrypter.decrypt(sealed);
  } catch (error) {
    if (error instanceof Error && /no identity matched/.test(error.message)) {
      throw new PackageError('package/no-matching-identity', 'the package is sealed for others');
    }
    // The library's message may quote a header line, never a key; ours says what it means.
    throw new PackageError('package/seal-invalid', 'the seal was changed or cut short');
  }
}

/** Makes an identity and the recipient that belongs to it. */
export async function createSealIdentity({ hybrid }: { readonly hybrid: boolean }): Promise<{
  readonly identity: string;
  readonly recipient: string;
}> {
  const identity = await (hybrid ? generateHybridIdentity() : generateX25519Identity());
  return { identity, recipient: await identityToRecipient(identity) };
}
