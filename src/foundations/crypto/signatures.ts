/**
 * Ed25519 signatures. [RFC8032] §5.1
 *
 * @module
 */

import { assertBytes } from './bytes.ts';
import { cryptoProvider } from './provider.ts';

/** A private Ed25519 key, imported once. */
export interface SigningKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Signs a message. @returns 64 bytes, the same for the same message. */
  sign(message: Uint8Array): Uint8Array;
}

/**
 * Imports a private signing key.
 * @param seed - 32 uniform bytes (the private key of [RFC8032]); copied.
 */
export function createSigningKey(seed: Uint8Array): SigningKey {
  assertBytes(seed, 'seed', 32);
  return cryptoProvider().importSigningKey(seed);
}

/** Tells whether `signature` was made over `message` by the holder of `publicKey`. Never throws on bad bytes. */
export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  return cryptoProvider().verify(publicKey, message, signature);
}
