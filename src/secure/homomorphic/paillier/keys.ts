/**
 * Paillier keys [Pai99] with generator n + 1 and the short-exponent base of Damgård, Jurik and Nielsen [DJN10] §4.
 *
 * @module
 */

import { sha256, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { sampleBigIntBelow, type Rng } from '../../../foundations/random/index.ts';
import { HomomorphicError } from '../errors.ts';
import { bitLength, bytesOfInteger, gcd, integerOfBytes, mod, modInverse, modPow } from './modular.ts';
import { sampleKeyPrime } from './primes.ts';

/** Sizes of the modulus that are offered: 112, 128 and about 150 bits of security. */
export type PaillierKeyBits = 2048 | 3072 | 4096;

/** What everybody may know. */
export interface PaillierPublicKey {
  readonly scheme: 'paillier';
  /** First 16 bytes of SHA-256 of the modulus and the base: with another base, ciphertexts may hide nothing. */
  readonly keyId: string;
  readonly keyBits: number;
  readonly n: bigint;
  readonly nSquared: bigint;
  /** (−y²)^n modulo n², whose short powers hide as n-th powers do; absent in keys made elsewhere. */
  readonly base?: bigint;
}

/** What only the key holder knows. */
export interface PaillierSecretKey {
  readonly scheme: 'paillier';
  readonly keyId: string;
  readonly publicKey: PaillierPublicKey;
  readonly p: bigint;
  readonly q: bigint;
}

/** Builds a public key. @throws {HomomorphicError} `homomorphic/insecure-parameters` below 2048 bits unless told. */
export function createPaillierPublicKey(
  { n, base }: { readonly n: bigint; readonly base?: bigint | undefined },
  { allowInsecureKeyBits = false }: { readonly allowInsecureKeyBits?: boolean } = {},
): PaillierPublicKey {
  const keyBits = bitLength(n);
  if (keyBits < 2048 && !allowInsecureKeyBits) {
    throw new HomomorphicError('homomorphic/insecure-parameters', `a Paillier modulus needs 2048 bits, got ${keyBits}`);
  }
  const size = Math.ceil(keyBits / 8);
  const parts = [bytesOfInteger(n, size), ...(base === undefined ? [] : [bytesOfInteger(base, 2 * size)])];
  const keyId = toHex(sha256(utf8('sotto/paillier'), ...parts).subarray(0, 16));
  return Object.freeze({ scheme: 'paillier', keyId, keyBits, n, nSquared: n * n, ...(base !== undefined && { base }) });
}

/** Builds a secret key from its primes. @throws {HomomorphicError} `homomorphic/malformed` when they do not fit. */
export function createPaillierSecretKey(publicKey: PaillierPublicKey, p: bigint, q: bigint): PaillierSecretKey {
  if (p * q !== publicKey.n || p === q || gcd(publicKey.n, (p - 1n) * (q - 1n)) !== 1n) {
    throw new HomomorphicError('homomorphic/malformed', 'the primes are not those of the public key');
  }
  return Object.freeze({ scheme: 'paillier', keyId: publicKey.keyId, publicKey, p, q });
}

/**
 * Generates a key pair. Takes seconds: primes of half the size are drawn until they fit.
 * Guarantee: ciphertexts are indistinguishable under the decisional composite residuosity assumption and, for the short
 * exponents, the assumption of [DJN10] that powers of the base with half-length exponents look like all its powers.
 */
export function generatePaillierKeys(
  { keyBits, allowInsecureKeyBits = false }: { readonly keyBits: number; readonly allowInsecureKeyBits?: boolean },
  rng: Rng,
): { readonly publicKey: PaillierPublicKey; readonly secretKey: PaillierSecretKey } {
  if (![2048, 3072, 4096].includes(keyBits) && !allowInsecureKeyBits) {
    throw new HomomorphicError(
      'homomorphic/insecure-parameters',
      `"keyBits" must be 2048, 3072 or 4096, got ${keyBits}`,
    );
  }
  for (;;) {
    const p = sampleKeyPrime(keyBits / 2, rng);
    const q = sampleKeyPrime(keyBits / 2, rng);
    const n = p * q;
    if (p === q || gcd(p - 1n, q - 1n) !== 2n || gcd(n, (p - 1n) * (q - 1n)) !== 1n) continue;
    const y = sampleBigIntBelow(n - 1n, rng) + 1n;
    const base = modPow(mod(-y * y, n), n, n * n);
    const publicKey = createPaillierPublicKey({ n, base }, { allowInsecureKeyBits });
    return { publicKey, secretKey: createPaillierSecretKey(publicKey, p, q) };
  }
}

/** Numbers that decryption needs and that follow from the primes. */
export interface CrtConstants {
  readonly pSquared: bigint;
  readonly qSquared: bigint;
  readonly hp: bigint;
  readonly hq: bigint;
  readonly pInverse: bigint;
}

const constants = new WeakMap<PaillierSecretKey, CrtConstants>();

/** Computes, once a key, h_p = L_p((n + 1)^(p−1) mod p²)^−1 and its like. [Pai99] §7 */
export function crtConstantsOf(key: PaillierSecretKey): CrtConstants {
  const known = constants.get(key);
  if (known !== undefined) return known;
  const { p, q, publicKey } = key;
  const h = (prime: bigint) => {
    const square = prime * prime;
    return modInverse((modPow(publicKey.n + 1n, prime - 1n, square) - 1n) / prime, prime);
  };
  const made = { pSquared: p * p, qSquared: q * q, hp: h(p), hq: h(q), pInverse: modInverse(p, q) };
  constants.set(key, made);
  return made;
}

/** Writes a public key: length of n in bytes (u16), n, and the base when there is one. */
export function encodePaillierPublicKey({ n, base, keyBits }: PaillierPublicKey): Uint8Array {
  const size = Math.ceil(keyBits / 8);
  const out = new Uint8Array(3 + size + (base === undefined ? 0 : 2 * size));
  out.set([1, size >> 8, size & 255]);
  out.set(bytesOfInteger(n, size), 3);
  if (base !== undefined) out.set(bytesOfInteger(base, 2 * size), 3 + size);
  return out;
}

/** Reads a public key. @throws {HomomorphicError} `homomorphic/malformed`, or `insecure-parameters` when it is short. */
export function decodePaillierPublicKey(
  bytes: Uint8Array,
  options?: { allowInsecureKeyBits?: boolean },
): PaillierPublicKey {
  const size = ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0);
  if (bytes[0] !== 1 || size === 0 || ![3 + size, 3 + 3 * size].includes(bytes.length)) {
    throw new HomomorphicError('homomorphic/malformed', 'the bytes are not a Paillier public key');
  }
  const n = integerOfBytes(bytes.subarray(3, 3 + size));
  const base = bytes.length > 3 + size ? integerOfBytes(bytes.subarray(3 + size)) : undefined;
  if ((n & 1n) === 0n || (base !== undefined && (base <= 1n || base >= n * n || gcd(base, n) !== 1n))) {
    throw new HomomorphicError('homomorphic/malformed', 'the bytes are not a Paillier public key');
  }
  return createPaillierPublicKey({ n, base }, options);
}

/** Writes a secret key: the public key's length (u32) and bytes, then the primes. Keep it sealed. */
export function encodePaillierSecretKey({ publicKey, p, q }: PaillierSecretKey): Uint8Array {
  const open = encodePaillierPublicKey(publicKey);
  const size = Math.ceil(publicKey.keyBits / 8);
  const out = new Uint8Array(4 + open.length + 2 * size);
  new DataView(out.buffer).setUint32(0, open.length);
  out.set(open, 4);
  out.set(bytesOfInteger(p, size), 4 + open.length);
  out.set(bytesOfInteger(q, size), 4 + open.length + size);
  return out;
}

/** Reads a secret key. @throws {HomomorphicError} `homomorphic/malformed` when it is none. */
export function decodePaillierSecretKey(
  bytes: Uint8Array,
  options?: { allowInsecureKeyBits?: boolean },
): PaillierSecretKey {
  const length = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const primes = bytes.subarray(4 + length);
  if (length === 0 || primes.length === 0 || primes.length % 2 !== 0) {
    throw new HomomorphicError('homomorphic/malformed', 'the bytes are not a Paillier secret key');
  }
  const publicKey = decodePaillierPublicKey(bytes.subarray(4, 4 + length), options);
  const half = primes.length / 2;
  return createPaillierSecretKey(
    publicKey,
    integerOfBytes(primes.subarray(0, half)),
    integerOfBytes(primes.subarray(half)),
  );
}
