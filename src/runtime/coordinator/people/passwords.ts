/**
 * Passwords at rest: Argon2id [RFC9106] with the first of the settings that OWASP's cheat sheet recommends for it
 * (19 MiB, two passes, one lane), by the platform where it has it and by noble where it has not.
 *
 * @module
 */

import * as platform from 'node:crypto';

import { equalBytes, utf8 } from '../../../foundations/crypto/index.ts';
import { readEntropy } from '../../../foundations/random/index.ts';
import { PeopleError } from './errors.ts';

/** What a hash costs. */
export interface PasswordCost {
  readonly memoryKiB: number;
  readonly passes: number;
}

const COST: PasswordCost = { memoryKiB: 19_456, passes: 2 };
const TAG_BYTES = 32;
const SALT_BYTES = 16;
/** Length is what counts, and rules beside it help nobody: twelve characters, as many more as somebody likes. */
const LEAST_LENGTH = 12;
const MOST_BYTES = 1024;
const FORM = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

type PlatformArgon2 = (
  algorithm: 'argon2id',
  parameters: {
    message: Uint8Array;
    nonce: Uint8Array;
    parallelism: number;
    tagLength: number;
    memory: number;
    passes: number;
  },
  callback: (error: Error | null, tag: Uint8Array) => void,
) => void;

/** Derives the tag of a password; `portable` does without the platform. */
export async function deriveTag(
  password: string,
  { salt, memoryKiB, passes, portable = false }: PasswordCost & { salt: Uint8Array; portable?: boolean },
): Promise<Uint8Array> {
  const message = utf8(password.normalize('NFC'));
  const { argon2 } = platform as { argon2?: PlatformArgon2 };
  if (argon2 !== undefined && !portable) {
    const parameters = { message, nonce: salt, parallelism: 1, tagLength: TAG_BYTES, memory: memoryKiB, passes };
    return new Promise((resolve, reject) => {
      argon2('argon2id', parameters, (error, tag) => (error === null ? resolve(new Uint8Array(tag)) : reject(error)));
    });
  }
  const { argon2idAsync } = await import('@noble/hashes/argon2.js');
  return argon2idAsync(message, salt, { t: passes, m: memoryKiB, p: 1, dkLen: TAG_BYTES });
}

/** Hashes a new password. @throws {@link PeopleError} `people/weak-password`. */
export async function hashPassword(password: string): Promise<string> {
  if (password.length < LEAST_LENGTH || utf8(password).length > MOST_BYTES) {
    throw new PeopleError(
      'people/weak-password',
      `a password has at least ${LEAST_LENGTH} characters; four random words are good`,
    );
  }
  const salt = readEntropy(SALT_BYTES);
  const tag = await deriveTag(password, { ...COST, salt });
  return `$argon2id$v=19$m=${COST.memoryKiB},t=${COST.passes},p=1$${toBase64(salt)}$${toBase64(tag)}`;
}

/** Tells whether a password is the one that was hashed. Anything that is not a hash of ours is a no. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [, memory, passes, salt, tag] = FORM.exec(hash) ?? [];
  if (salt === undefined || tag === undefined || utf8(password).length > MOST_BYTES) return false;
  const derived = await deriveTag(password, {
    salt: fromBase64(salt),
    memoryKiB: Number(memory),
    passes: Number(passes),
  });
  return equalBytes(derived, fromBase64(tag));
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '');
const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
