/**
 * Rigorous fixed-point enclosures of exp(−γ) and −ln u for rational arguments: pairs of integers between which the true
 * value times 2^bits lies. They decide comparisons exactly where floating point cannot.
 *
 * @module
 */

import type { Rational } from './rational.ts';

/** Integers with low ≤ x·2^bits ≤ high for the enclosed number x. */
export interface Enclosure {
  readonly low: bigint;
  readonly high: bigint;
}

/**
 * Encloses exp(−γ) · 2^bits, at most three units wide.
 *
 * Proof of the error bound. With w = bits + guard working bits and h halvings, x = floor(γ·2^w / 2^h) errs by less than
 * one unit below γ/2^h ∈ [0, 1/2), hence exp(−x) by less than one unit. Each Taylor term is computed from the one
 * before by a multiplication and a floor; since x ≤ 1/2 and the index divides, a term's error is below 2 units, and the
 * terms dropped sum to less than 2 units; with T terms the sum errs by less than e₀ = 2T + 3 units. Squaring a value ≤ 1
 * turns an error e into at most 2e + e²·2^−w + 1 ≤ 2e + 2 units, so after h squarings it is below 2^h · (e₀ + 2), and
 * the guard is chosen so that this is less than one unit of 2^−bits.
 * @param gamma - a rational ≥ 0.
 * @param bits - the fixed-point precision, at least 1.
 * @throws {RangeError} when gamma is negative.
 */
export function encloseExpNeg(gamma: Rational, bits: number): Enclosure {
  const { numerator, denominator } = gamma;
  if (numerator < 0n) throw new RangeError('"gamma" must be a rational ≥ 0');
  const one = 1n << BigInt(bits);
  if (numerator === 0n) return { low: one, high: one };
  // exp(−γ)·2^bits < 1 as soon as γ ≥ bits·ln 2; bits itself is above that.
  if (numerator > denominator * BigInt(bits)) return { low: 0n, high: 1n };
  const halvings = Math.max(0, (numerator / denominator).toString(2).length + 1);
  const guard = halvings + 4 + bits.toString(2).length + 4;
  const work = BigInt(bits + guard);
  const unit = 1n << work;
  const x = (numerator << work) / (denominator << BigInt(halvings));
  let term = unit;
  let sum = unit;
  let terms = 0;
  for (let index = 1n; term > 0n; index += 1n) {
    term = ((term * x) >> work) / index;
    sum = (index & 1n) === 1n ? sum - term : sum + term;
    terms += 1;
  }
  for (let step = 0; step < halvings; step += 1) sum = (sum * sum) >> work;
  const error = BigInt(2 * terms + 5) << BigInt(halvings);
  const low = (sum - error) >> BigInt(guard);
  const high = ((sum + error) >> BigInt(guard)) + 1n;
  return { low: low < 0n ? 0n : low, high: high > one ? one : high };
}

/**
 * Encloses −ln(u) · 2^bits for a rational u in (0, 1].
 *
 * Proof of the error bound. u = m·2^−k with m ∈ [1, 2), ln m = 2·artanh(z), z = (m − 1)/(m + 1) ≤ 1/3. At w = bits +
 * guard working bits z is floored once (error 1, and the derivative of 2·artanh is at most 9/4), every power of z errs by
 * less than 2 units, every term of the sum by less than 2, and the terms dropped sum to less than 1: with T terms the sum
 * errs by less than 4T + 6 units. ln 2 = 2·artanh(1/3) is found in the same way and taken k times.
 * @throws {RangeError} when u is not in (0, 1].
 */
export function encloseNegLog(u: Rational, bits: number): Enclosure {
  const { numerator, denominator } = u;
  if (numerator <= 0n || numerator > denominator) throw new RangeError('"u" must be a rational in (0, 1]');
  let k = denominator.toString(2).length - numerator.toString(2).length;
  if (numerator << BigInt(k) < denominator) k += 1;
  const guard = 16 + bits.toString(2).length + k.toString(2).length;
  const work = bits + guard;
  const m = numerator << BigInt(k);
  const mantissa = twiceArtanh({ numerator: m - denominator, denominator: m + denominator }, work);
  const logTwo = twiceArtanh({ numerator: 1n, denominator: 3n }, work);
  const low = BigInt(k) * (logTwo.sum - logTwo.error) - (mantissa.sum + mantissa.error);
  const high = BigInt(k) * (logTwo.sum + logTwo.error) - (mantissa.sum - mantissa.error);
  const shift = BigInt(guard);
  return { low: low < 0n ? 0n : low >> shift, high: (high >> shift) + 1n };
}

/** 2·artanh(z)·2^work for 0 ≤ z ≤ 1/3, with the bound of its error. */
function twiceArtanh({ numerator, denominator }: Rational, work: number): { sum: bigint; error: bigint } {
  const shift = BigInt(work);
  const z = (numerator << shift) / denominator;
  const square = (z * z) >> shift;
  let power = z;
  let sum = 0n;
  let terms = 0;
  for (let index = 1n; power > 0n; index += 2n) {
    sum += power / index;
    power = (power * square) >> shift;
    terms += 1;
  }
  return { sum: 2n * sum, error: BigInt(4 * terms + 6) };
}
