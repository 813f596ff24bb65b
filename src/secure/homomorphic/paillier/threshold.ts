/**
 * Threshold decryption of Paillier ciphertexts [DJ01] §4.1: a dealer, named in every share, splits the exponent once and
 * forgets the key; any `threshold` holders decrypt, fewer learn nothing.
 *
 * Semi-honest holders: a partial decryption carries no proof. Deviation from [DJ01]: the primes are not safe primes,
 * (p − 1)/2 only has no factor below 4096. Safe primes serve its proofs; secrecy of the sharing needs the differences of
 * coordinates to be invertible modulo n · λ, which this gives for up to 4095 holders.
 *
 * @module
 */

import { assertInteger } from '../../../foundations/numerics/index.ts';
import { sampleBigIntBelow, type Rng } from '../../../foundations/random/index.ts';
import { HomomorphicError } from '../errors.ts';
import type { PaillierPublicKey, PaillierSecretKey } from './keys.ts';
import { mod, modInverse, modPow } from './modular.ts';
import { SMALL_FACTOR_BOUND } from './primes.ts';

/** One holder's part of a key. */
export interface PaillierKeyShare {
  readonly scheme: 'paillier';
  readonly publicKey: PaillierPublicKey;
  /** 1 … holders. */
  readonly holder: number;
  readonly holders: number;
  readonly threshold: number;
  /** Who saw the whole key once and must have forgotten it. */
  readonly dealer: string;
  readonly value: bigint;
}

/** One holder's part of a decryption. */
export interface PartialDecryption {
  readonly keyId: string;
  readonly holder: number;
  readonly holders: number;
  readonly threshold: number;
  readonly dealer: string;
  readonly parts: readonly bigint[];
}

/**
 * Splits a secret key among holders.
 * @param options - `dealer`: a name that goes into every share and every output.
 */
export function dealPaillierKey(
  key: PaillierSecretKey,
  { holders, threshold, dealer }: { readonly holders: number; readonly threshold: number; readonly dealer: string },
  rng: Rng,
): readonly PaillierKeyShare[] {
  assertInteger(holders, 'holders', { min: 2, max: SMALL_FACTOR_BOUND - 1 });
  assertInteger(threshold, 'threshold', { min: 2, max: holders });
  if (dealer.trim() === '') throw new RangeError('"dealer" must name who deals the key');
  const { p, q, publicKey } = key;
  const { n } = publicKey;
  // m = (p − 1)(q − 1)/4 = p'q'; the squares modulo n² have order dividing n · m. d ≡ 0 mod m, d ≡ 1 mod n.
  const m = ((p - 1n) / 2n) * ((q - 1n) / 2n);
  for (let i = 2n; i < SMALL_FACTOR_BOUND; i += 1n) {
    if (m % i === 0n)
      throw new HomomorphicError('homomorphic/unsupported', 'this key was not made for threshold decryption');
  }
  const modulus = n * m;
  const d = mod(m * modInverse(m, n), modulus);
  const coefficients = [d, ...Array.from({ length: threshold - 1 }, () => sampleBigIntBelow(modulus, rng))];
  return Array.from({ length: holders }, (_, index) => {
    const x = BigInt(index + 1);
    const value = coefficients.reduceRight((sum, coefficient) => (sum * x + coefficient) % modulus, 0n);
    return { scheme: 'paillier', publicKey, holder: index + 1, holders, threshold, dealer, value };
  });
}

function factorial(count: number): bigint {
  let product = 1n;
  for (let i = 2n; i <= count; i += 1n) product *= i;
  return product;
}

/** Computes one holder's part: c^(2 Δ s) with Δ = holders!. */
export function decryptPartially(blocks: readonly bigint[], share: PaillierKeyShare): PartialDecryption {
  const { publicKey, holder, holders, threshold, dealer, value } = share;
  const exponent = 2n * factorial(holders) * value;
  const parts = blocks.map((block) => modPow(block, exponent, publicKey.nSquared));
  return { keyId: publicKey.keyId, holder, holders, threshold, dealer, parts };
}

/**
 * Joins partial decryptions.
 * @returns residues in [0, n).
 * @throws {HomomorphicError} `homomorphic/too-few` below the threshold, `wrong-key` or `malformed` when the parts do not
 * belong together or do not give a plaintext.
 */
export function joinPartialDecryptions(
  partials: readonly PartialDecryption[],
  publicKey: PaillierPublicKey,
): readonly bigint[] {
  const distinct = new Map(partials.map((partial) => [partial.holder, partial]));
  const [first] = partials;
  if (first === undefined || distinct.size < first.threshold) {
    throw new HomomorphicError(
      'homomorphic/too-few',
      `${first?.threshold ?? 2} holders are needed, ${distinct.size} answered`,
      {
        details: { threshold: first?.threshold, holders: [...distinct.keys()] },
      },
    );
  }
  const chosen = [...distinct.values()].slice(0, first.threshold);
  for (const { keyId, holder, holders, threshold, parts } of chosen) {
    if (keyId !== publicKey.keyId)
      throw new HomomorphicError('homomorphic/wrong-key', 'a partial decryption is under another key');
    const isHolder = Number.isInteger(holder) && holder >= 1 && holder <= holders && holders < SMALL_FACTOR_BOUND;
    if (
      !isHolder ||
      holders !== first.holders ||
      threshold !== first.threshold ||
      parts.length !== first.parts.length
    ) {
      throw new HomomorphicError('homomorphic/malformed', 'partial decryptions do not belong together');
    }
  }
  const { n, nSquared } = publicKey;
  const delta = factorial(first.holders);
  const weights = chosen.map(({ holder }) => {
    let numerator = delta;
    let denominator = 1n;
    for (const { holder: other } of chosen) {
      if (other === holder) continue;
      numerator *= BigInt(other);
      denominator *= BigInt(other - holder);
    }
    // Δ · λ is an integer; sign included.
    return 2n * (numerator / denominator);
  });
  const unblind = modInverse(4n * delta * delta, n);
  return first.parts.map((_, block) => {
    const product = chosen.reduce(
      (running, { parts }, i) => (running * modPow(parts[block] as bigint, weights[i] as bigint, nSquared)) % nSquared,
      1n,
    );
    if ((product - 1n) % n !== 0n) {
      throw new HomomorphicError('homomorphic/malformed', 'the partial decryptions do not give a plaintext');
    }
    return mod(((product - 1n) / n) * unblind, n);
  });
}
