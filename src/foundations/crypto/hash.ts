/**
 * SHA-256 [FIPS180-4], HMAC-SHA256 [RFC2104] and HKDF-SHA256 [RFC5869]. HMAC and HKDF run on noble in every runtime:
 * for inputs of a few hundred bytes it is faster than crossing into OpenSSL.
 *
 * @module
 */

import { expand, extract, hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';

import { cryptoProvider } from './provider.ts';

/** Hashes the concatenation of `parts`. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return cryptoProvider().sha256(...parts);
}

/** Computes HMAC-SHA256. */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  return hmac(nobleSha256, key, message);
}

/** HKDF in one step: extract with `salt` (32 zero bytes when empty or left out), then expand with `info`. */
export function hkdfSha256(
  inputKey: Uint8Array,
  { salt, info, sizeBytes }: { readonly salt?: Uint8Array; readonly info: Uint8Array; readonly sizeBytes: number },
): Uint8Array {
  return hkdf(nobleSha256, inputKey, salt, info, sizeBytes);
}

/** HKDF-Extract: concentrates the entropy of `inputKey` in 32 uniform bytes. [RFC5869] §2.2 */
export function hkdfExtract(inputKey: Uint8Array, salt?: Uint8Array): Uint8Array {
  return extract(nobleSha256, inputKey, salt);
}

/** HKDF-Expand: derives `sizeBytes` bytes from a uniform key, apart for every `info`. [RFC5869] §2.3 */
export function hkdfExpand(key: Uint8Array, info: Uint8Array, sizeBytes = 32): Uint8Array {
  return expand(nobleSha256, key, info, sizeBytes);
}
