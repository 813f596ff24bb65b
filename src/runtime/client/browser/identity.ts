/**
 * A participant's identity key in a browser. The 32-byte seed lies in IndexedDB sealed under an AES-GCM key that the
 * browser made and does not hand out (`extractable: false`), so a copy of the database's values without the browser's
 * key store is worth nothing. In memory the seed exists in the worker alone. Code that the page's server sends could
 * still use it: that is the limit of every web page, and the page says so.
 *
 * @module
 */

import { createSigningKey, type SigningKey, toHex } from '../../../foundations/crypto/index.ts';
import { readEntropy } from '../../../foundations/random/index.ts';
import { ClientError } from '../errors.ts';
import type { ParticipantDatabase } from './database.ts';

interface SealedIdentity {
  readonly wrappingKey: CryptoKey;
  readonly nonce: Uint8Array<ArrayBuffer>;
  readonly sealed: ArrayBuffer;
}

const KEY = 'identity';

/**
 * Loads the identity, or makes one. Two windows that begin at once end with the same one.
 * @throws {@link ClientError} `client/storage` when the stored identity cannot be opened.
 */
export async function loadOrCreateIdentity(database: ParticipantDatabase): Promise<SigningKey> {
  if (globalThis.crypto?.subtle === undefined) {
    throw new ClientError('client/storage', 'a browser keeps keys only for pages over https: open the https address');
  }
  const found = (await database.get('single', KEY)) as SealedIdentity | undefined;
  if (found !== undefined) return openIdentity(found);
  const seed = new Uint8Array(readEntropy(32));
  const wrappingKey = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const nonce = new Uint8Array(readEntropy(12));
  const made: SealedIdentity = {
    wrappingKey,
    nonce,
    sealed: await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, wrappingKey, seed),
  };
  seed.fill(0);
  await database.write('single', (objects) => {
    const present = objects.count(KEY);
    present.onsuccess = () => {
      if (present.result === 0) objects.put(made, KEY);
    };
  });
  return openIdentity((await database.get('single', KEY)) as SealedIdentity);
}

async function openIdentity({ wrappingKey, nonce, sealed }: SealedIdentity): Promise<SigningKey> {
  try {
    const seed = new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: nonce }, wrappingKey, sealed));
    const key = createSigningKey(seed);
    seed.fill(0);
    return key;
  } catch (cause) {
    throw new ClientError(
      'client/storage',
      'the identity kept in this browser cannot be opened: forget it and join anew',
      {
        cause,
      },
    );
  }
}

/** What a person can compare: the first eight bytes of the public key. */
export function fingerprintOf(key: SigningKey): string {
  return toHex(key.publicKey.subarray(0, 8));
}
