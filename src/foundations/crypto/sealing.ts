/**
 * Authenticated encryption with associated data: AES-256-GCM. [SP800-38D]
 *
 * @module
 */

import { assertBytes } from './bytes.ts';
import { CryptoError } from './errors.ts';
import { cryptoProvider } from './provider.ts';

/** Bytes that sealing adds. */
export const SEAL_OVERHEAD_BYTES = 16;

/** Key, nonce and what is authenticated beside the plaintext. */
export interface SealOptions {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 12 bytes; a key must never see the same nonce with two plaintexts. */
  readonly nonce: Uint8Array;
  readonly associatedData: Uint8Array;
}

/** Encrypts and authenticates. @returns the ciphertext followed by the 16-byte tag. */
export function seal(plaintext: Uint8Array, { key, nonce, associatedData }: SealOptions): Uint8Array {
  assertBytes(key, 'key', 32);
  assertBytes(nonce, 'nonce', 12);
  return cryptoProvider().seal(key, nonce, plaintext, associatedData);
}

/**
 * Decrypts what {@link seal} made.
 * @throws {CryptoError} `crypto/authentication-failed` when anything was changed; the plaintext is not released.
 */
export function openSealed(sealed: Uint8Array, { key, nonce, associatedData }: SealOptions): Uint8Array {
  assertBytes(key, 'key', 32);
  assertBytes(nonce, 'nonce', 12);
  const plaintext =
    sealed.length < SEAL_OVERHEAD_BYTES ? undefined : cryptoProvider().open(key, nonce, sealed, associatedData);
  if (plaintext === undefined) {
    throw new CryptoError('crypto/authentication-failed', 'a sealed message does not authenticate');
  }
  return plaintext;
}
