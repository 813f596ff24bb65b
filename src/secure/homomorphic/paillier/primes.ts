/**
 * Random primes for Paillier keys: p ≡ 3 modulo 4 with (p − 1)/2 free of small factors, so that the same key serves
 * short-exponent encryption [DJN10] and threshold decryption, whose share coordinates must be invertible modulo it.
 *
 * @module
 */

import { sampleBigIntBelow, type Rng } from '../../../foundations/random/index.ts';
import { modPow } from './modular.ts';

/** (p − 1)/2 has no prime factor below this: threshold keys may have so many holders. */
export const SMALL_FACTOR_BOUND = 4096;
/**
 * Rounds of Miller–Rabin with random bases: a composite passes all with probability below 4^-32 = 2^-64, and for random
 * candidates of a thousand bits far below that.
 */
const MILLER_RABIN_ROUNDS = 32;

const smallPrimes: readonly number[] = (() => {
  const composite = new Uint8Array(SMALL_FACTOR_BOUND);
  const primes: number[] = [];
  for (let i = 2; i < SMALL_FACTOR_BOUND; i += 1) {
    if (composite[i]) continue;
    primes.push(i);
    for (let j = i * i; j < SMALL_FACTOR_BOUND; j += i) composite[j] = 1;
  }
  return primes;
})();

/** Tells whether an odd integer above 3 passes Miller–Rabin. */
export function isProbablePrime(candidate: bigint, rng: Rng, rounds = MILLER_RABIN_ROUNDS): boolean {
  if (candidate < 4n) return candidate === 2n || candidate === 3n;
  if ((candidate & 1n) === 0n) return false;
  let odd = candidate - 1n;
  let twos = 0;
  while ((odd & 1n) === 0n) {
    odd >>= 1n;
    twos += 1;
  }
  for (let round = 0; round < rounds; round += 1) {
    let power = modPow(sampleBigIntBelow(candidate - 3n, rng) + 2n, odd, candidate);
    if (power === 1n || power === candidate - 1n) continue;
    let witness = true;
    for (let i = 1; i < twos && witness; i += 1) {
      power = (power * power) % candidate;
      if (power === candidate - 1n) witness = false;
    }
    if (witness) return false;
  }
  return true;
}

/** Candidates sieved at a time. */
const SIEVE = 1 << 15;

/**
 * Draws a prime of exactly `bits` bits with its two highest bits set (so that the product of two has 2 · bits bits).
 * A window of candidates p = start + 4 i is sieved for factors of p and of (p − 1)/2; survivors are tested.
 */
export function sampleKeyPrime(bits: number, rng: Rng): bigint {
  for (;;) {
    const free = BigInt(bits - 2);
    const start = ((((3n << free) | sampleBigIntBelow(1n << free, rng)) >> 2n) << 2n) | 3n;
    const struck = new Uint8Array(SIEVE);
    for (const prime of smallPrimes) {
      if (prime === 2) continue;
      const residue = Number(start % BigInt(prime));
      // p ≡ 0 or p ≡ 1 modulo the small prime: a factor of p, or of (p − 1)/2.
      const step = 4 % prime;
      for (const target of [0, 1]) {
        let i = 0;
        while ((residue + step * i) % prime !== target) i += 1;
        for (; i < SIEVE; i += prime) struck[i] = 1;
      }
    }
    for (let i = 0; i < SIEVE; i += 1) {
      if (struck[i]) continue;
      const candidate = start + 4n * BigInt(i);
      if (candidate >> BigInt(bits) > 0n) break;
      if (isProbablePrime(candidate, rng, 1) && isProbablePrime(candidate, rng)) return candidate;
    }
  }
}
