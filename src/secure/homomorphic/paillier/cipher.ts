/**
 * Paillier on single plaintexts, with python-paillier's formulas: c = (1 + n m) · r^n modulo n². [Pai99]
 *
 * The factor r^n is the cost. `createObfuscator` draws it as a short power of the key's base from a table of fixed
 * powers [DJN10] §4.2, [BGMW92], about ten times faster than r^n; the factors may be made ahead of the values.
 *
 * @module
 */

import { sampleBigIntBelow, type Rng } from '../../../foundations/random/index.ts';
import { HomomorphicError } from '../errors.ts';
import { crtConstantsOf, type PaillierPublicKey, type PaillierSecretKey } from './keys.ts';
import { gcd, mod, modInverse, modPow } from './modular.ts';

/** Draws fresh r^n modulo n², one a ciphertext. */
export interface Obfuscator {
  /** How the factor is drawn. */
  readonly method: 'short-exponent' | 'full-exponent';
  /** Returns a factor nobody else gets. */
  next(): bigint;
  /** Makes factors now that `next` hands out later. */
  precompute(count: number): void;
  /** Factors made and not used. */
  readonly ready: number;
}

interface Table {
  readonly windowBits: number;
  readonly rows: readonly (readonly bigint[])[];
}

const tables = new WeakMap<PaillierPublicKey, Table>();

/** Powers base^(digit · 2^(w·i)) for all digits: an exponentiation becomes one product a window. */
function tableOf(key: PaillierPublicKey, windowBits: number): Table {
  const known = tables.get(key);
  if (known !== undefined && known.windowBits >= windowBits) return known;
  const { nSquared } = key;
  const rows: bigint[][] = [];
  let power = key.base as bigint;
  for (let bit = 0; bit < key.keyBits / 2; bit += windowBits) {
    const row = [1n, power];
    for (let digit = 2; digit < 2 ** windowBits; digit += 1) row.push(((row[digit - 1] as bigint) * power) % nSquared);
    power = ((row.at(-1) as bigint) * power) % nSquared;
    rows.push(row);
  }
  const table = { windowBits, rows };
  tables.set(key, table);
  return table;
}

/**
 * Creates the source of factors of a key.
 * @param options - `expected` ciphertexts (64 by default) choose the table: more powers made first, fewer products later;
 * `method` 'full-exponent' draws r and computes r^n, as keys without a base must.
 */
export function createObfuscator(
  key: PaillierPublicKey,
  { expected = 64, method }: { readonly expected?: number; readonly method?: Obfuscator['method'] },
  rng: Rng,
): Obfuscator {
  const chosen = method ?? (key.base === undefined ? 'full-exponent' : 'short-exponent');
  if (chosen === 'short-exponent' && key.base === undefined) {
    throw new HomomorphicError('homomorphic/unsupported', 'this key has no base for short exponents');
  }
  const windowBits = expected <= 8 ? 3 : expected <= 64 ? 5 : expected <= 512 ? 6 : 7;
  const ready: bigint[] = [];
  const draw = () => {
    if (chosen === 'full-exponent') return modPow(sampleUnit(key, rng), key.n, key.nSquared);
    const table = tableOf(key, windowBits);
    const mask = (1n << BigInt(table.windowBits)) - 1n;
    const shift = BigInt(table.windowBits);
    // [DJN10] §4.2: an exponent of half the modulus' length.
    let exponent = sampleBigIntBelow(1n << BigInt(key.keyBits / 2), rng);
    let product = 1n;
    for (const row of table.rows) {
      const digit = Number(exponent & mask);
      if (digit > 0) product = (product * (row[digit] as bigint)) % key.nSquared;
      exponent >>= shift;
    }
    return product;
  };
  return {
    method: chosen,
    next: () => ready.pop() ?? draw(),
    precompute(count) {
      while (ready.length < count) ready.push(draw());
    },
    get ready() {
      return ready.length;
    },
  };
}

function sampleUnit({ n }: PaillierPublicKey, rng: Rng): bigint {
  for (;;) {
    const r = sampleBigIntBelow(n - 1n, rng) + 1n;
    if (gcd(r, n) === 1n) return r;
  }
}

/** Encrypts a residue in [0, n) with the given factor r^n. */
export function encryptResidue(key: PaillierPublicKey, plaintext: bigint, factor: bigint): bigint {
  if (plaintext < 0n || plaintext >= key.n) {
    throw new HomomorphicError('homomorphic/overflow', 'the plaintext is not a residue of the modulus');
  }
  return ((1n + key.n * plaintext) * factor) % key.nSquared;
}

/** Decrypts modulo p² and q² and joins the halves: a quarter of the work. [Pai99] §7 */
export function decryptResidue(key: PaillierSecretKey, ciphertext: bigint): bigint {
  const { p, q } = key;
  const { pSquared, qSquared, hp, hq, pInverse } = crtConstantsOf(key);
  const half = (prime: bigint, square: bigint, h: bigint) =>
    (((modPow(ciphertext % square, prime - 1n, square) - 1n) / prime) * h) % prime;
  const mp = half(p, pSquared, hp);
  const mq = half(q, qSquared, hq);
  return mp + p * mod((mq - mp) * pInverse, q);
}

/** Multiplies ciphertexts: the plaintexts add. */
export function addCiphertexts(key: PaillierPublicKey, a: bigint, b: bigint): bigint {
  return (a * b) % key.nSquared;
}

/** Adds a plain residue: no randomness is needed, the ciphertext's own stays. */
export function addPlainResidue(key: PaillierPublicKey, ciphertext: bigint, plaintext: bigint): bigint {
  return (ciphertext * (1n + key.n * mod(plaintext, key.n))) % key.nSquared;
}

/** Raises a ciphertext to a signed power: the plaintext is multiplied. */
export function multiplyPlainResidue(key: PaillierPublicKey, ciphertext: bigint, factor: bigint): bigint {
  if (factor < 0n) return modPow(modInverse(ciphertext, key.nSquared), -factor, key.nSquared);
  return modPow(ciphertext, factor, key.nSquared);
}

/** Multiplies by a fresh encryption of zero, so that the result does not tell how it came about. */
export function rerandomize(key: PaillierPublicKey, ciphertext: bigint, obfuscator: Obfuscator): bigint {
  return (ciphertext * obfuscator.next()) % key.nSquared;
}

/** Reads the residue as a signed integer: the upper half of the range is negative. */
export function centre(key: PaillierPublicKey, residue: bigint): bigint {
  return residue > key.n / 2n ? residue - key.n : residue;
}
