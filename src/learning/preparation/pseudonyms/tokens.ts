/**
 * Keyed tokens: the same value gets the same token under one purpose, and nobody without the key can link purposes or
 * find the value. A pseudonym stays personal data (GDPR Art. 4(5)): whoever has the key can redo it.
 *
 * @module
 */

import { hkdfSha256, hmacSha256, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { assertInteger } from '../../../foundations/numerics/index.ts';
import { PreparationError } from '../errors.ts';

/** Derives the key of one purpose from a master key; keys of different purposes are independent. */
export function derivePurposeKey(masterKey: Uint8Array, purpose: string): Uint8Array {
  if (!(masterKey.length >= 16)) {
    throw new PreparationError(
      'preparation/key',
      `the master key must have at least 16 bytes, got ${masterKey.length}`,
    );
  }
  if (purpose.trim() === '')
    throw new PreparationError('preparation/key', 'a pseudonym needs a purpose: it names its key');
  return hkdfSha256(masterKey, { info: utf8(`sotto/preparation/pseudonym/${purpose}`), sizeBytes: 32 });
}

/** Turns values into tokens. */
export type Tokenizer = (value: string) => string;

/**
 * Creates tokens by HMAC-SHA256, cut to `sizeBytes` and written in hex.
 * @param key - of one purpose, from {@link derivePurposeKey}.
 * @param options - 16 bytes by default: two of 2^32 values collide with probability 2^−65.
 */
export function createTokenizer(
  key: Uint8Array,
  { sizeBytes = 16, prefix = '' }: { sizeBytes?: number; prefix?: string } = {},
): Tokenizer {
  assertInteger(sizeBytes, 'sizeBytes', { min: 8, max: 32 });
  return (value) => prefix + toHex(hmacSha256(key, utf8(value.normalize('NFC'))).subarray(0, sizeBytes));
}
