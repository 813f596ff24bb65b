/**
 * FF1 format-preserving encryption [SP800-38G]: a number of some digits becomes another number of as many digits, and
 * back, under an AES key. Rounds, padding and lengths follow Algorithm 7 and 8; block cipher AES from noble.
 *
 * @module
 */

import { cbc } from '@noble/ciphers/aes.js';

import { PreparationError } from '../errors.ts';

/** Digits, then letters: the numerals of radix 36. */
const ALPHANUMERIC = '0123456789abcdefghijklmnopqrstuvwxyz';

/** Enciphers strings over one alphabet. */
export interface FormatPreservingCipher {
  encrypt(text: string): string;
  decrypt(text: string): string;
}

/** The least number of possible strings: NIST SP 800-38G Rev. 1 (draft) raised it from 100 to a million. */
const MIN_DOMAIN = 1_000_000;

/**
 * Creates the cipher.
 * @param key - 16, 24 or 32 bytes.
 * @param options - the alphabet's characters, digits by default; the tweak, which need not be secret.
 * @throws {@link PreparationError} `preparation/key` for a wrong key, `preparation/not-in-domain` when a text is too
 * short or has a character outside the alphabet.
 */
export function createFf1(
  key: Uint8Array,
  { alphabet = '0123456789', tweak = new Uint8Array(0) }: { alphabet?: string; tweak?: Uint8Array } = {},
): FormatPreservingCipher {
  if (![16, 24, 32].includes(key.length)) {
    throw new PreparationError('preparation/key', `an AES key has 16, 24 or 32 bytes, got ${key.length}`);
  }
  const characters = Array.from(alphabet);
  const radix = characters.length;
  const values = new Map(characters.map((character, i) => [character, i]));
  if (radix < 2 || radix > 65_536 || values.size !== radix) {
    throw new RangeError('"alphabet" must have 2 to 65536 different characters');
  }
  const minLength = Math.max(2, Math.ceil(Math.log(MIN_DOMAIN) / Math.log(radix) - 1e-9));

  function parse(text: string): number[] {
    const numerals = Array.from(text, (character) => values.get(character) ?? -1);
    if (numerals.includes(-1)) {
      throw new PreparationError(
        'preparation/not-in-domain',
        'a value has a character outside the alphabet of its format',
      );
    }
    if (numerals.length < minLength) {
      throw new PreparationError(
        'preparation/not-in-domain',
        `a value has ${numerals.length} characters; with ${radix} possible ones at least ${minLength} are needed`,
      );
    }
    return numerals;
  }
  const print = (numerals: readonly number[]): string => numerals.map((value) => characters[value]).join('');
  return {
    encrypt: (text) => print(feistel(parse(text), { key, radix, tweak, backwards: false })),
    decrypt: (text) => print(feistel(parse(text), { key, radix, tweak, backwards: true })),
  };
}

/** The alphabet of digits and small letters. */
export const FF1_ALPHANUMERIC = ALPHANUMERIC;

function numberOf(numerals: readonly number[], radix: number): bigint {
  return numerals.reduce((sum, value) => sum * BigInt(radix) + BigInt(value), 0n);
}

function numeralsOf(value: bigint, { radix, length }: { radix: number; length: number }): number[] {
  const numerals = Array.from({ length }, () => 0);
  let rest = value;
  for (let i = length - 1; i >= 0; i -= 1) {
    numerals[i] = Number(rest % BigInt(radix));
    rest /= BigInt(radix);
  }
  return numerals;
}

function bytesOf(value: bigint, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let rest = value;
  for (let i = sizeBytes - 1; i >= 0; i -= 1) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** The last block of CBC with a zero start: the function PRF, Algorithm 6. */
function prf(key: Uint8Array, message: Uint8Array): Uint8Array {
  return cbc(key, new Uint8Array(16), { disablePadding: true }).encrypt(message).slice(-16);
}

/** [SP800-38G] Algorithms 7 and 8. */
function feistel(
  numerals: readonly number[],
  { key, radix, tweak, backwards }: { key: Uint8Array; radix: number; tweak: Uint8Array; backwards: boolean },
): number[] {
  const n = numerals.length;
  const u = Math.floor(n / 2);
  const v = n - u;
  let a = numberOf(numerals.slice(0, u), radix);
  let b = numberOf(numerals.slice(u), radix);
  const sizes = [BigInt(radix) ** BigInt(u), BigInt(radix) ** BigInt(v)] as const;
  // ⌈⌈v · log₂ radix⌉ / 8⌉: the bytes of the largest half.
  const bytesB = Math.ceil((sizes[1] - 1n).toString(2).length / 8);
  const d = 4 * Math.ceil(bytesB / 4) + 4;
  const p = new Uint8Array([
    1,
    2,
    1,
    ...bytesOf(BigInt(radix), 3),
    10,
    u % 256,
    ...bytesOf(BigInt(n), 4),
    ...bytesOf(BigInt(tweak.length), 4),
  ]);
  const padding = (((-tweak.length - bytesB - 1) % 16) + 16) % 16;
  for (let step = 0; step < 10; step += 1) {
    const round = backwards ? 9 - step : step;
    const half = backwards ? a : b;
    const q = new Uint8Array([...tweak, ...new Uint8Array(padding), round, ...bytesOf(half, bytesB)]);
    const r = prf(key, new Uint8Array([...p, ...q]));
    const blocks = [...r];
    for (let j = 1; blocks.length < d; j += 1) {
      const counter = bytesOf(BigInt(j), 16);
      blocks.push(
        ...prf(
          key,
          r.map((byte, i) => byte ^ (counter[i] as number)),
        ),
      );
    }
    const y = blocks.slice(0, d).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const size = sizes[round % 2] as bigint;
    if (backwards) {
      const c = (((b - y) % size) + size) % size;
      b = a;
      a = c;
    } else {
      const c = (a + y) % size;
      a = b;
      b = c;
    }
  }
  return [...numeralsOf(a, { radix, length: u }), ...numeralsOf(b, { radix, length: v })];
}
