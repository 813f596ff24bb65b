/**
 * Exact samplers over BigInt: they read rational parameters and uniform bits and nothing else, so the distribution is
 * the stated one to the last bit. The plain forms of [CKS20] (arXiv 2004.00010v4) Algorithms 1 to 3; the batched forms
 * are tested against them. Their running time depends on the value drawn: draw ahead, not on a request's path.
 *
 * @module
 */

import {
  encloseExpNeg,
  floorRational,
  isqrt,
  toPositiveRational,
  toRational,
  type Rational,
  type RationalLike,
} from '../../../foundations/numerics/index.ts';
import { sampleBigIntBelow, type Rng } from '../../../foundations/random/index.ts';

/**
 * Draws true with probability exactly `probability`.
 * @throws {RangeError} when the probability is not in [0, 1].
 */
export function sampleBernoulli(probability: RationalLike, rng: Rng): boolean {
  const { numerator, denominator } = toRational(probability, 'probability');
  if (numerator < 0n || numerator > denominator) throw new RangeError('"probability" must be in [0, 1]');
  return sampleBigIntBelow(denominator, rng) < numerator;
}

/**
 * Draws true with probability exactly `probability`, the exact value of a double, mostly from 32 bits.
 * A uniform number is compared with the binary expansion of the double, 32 digits at a time, until they differ.
 * @throws {RangeError} when the probability is not in [0, 1].
 */
export function sampleBernoulliDouble(probability: number, rng: Rng): boolean {
  if (!(probability >= 0 && probability <= 1)) {
    throw new RangeError(`"probability" must be in [0, 1], got ${probability}`);
  }
  if (probability === 1) return true;
  return continueBernoulliDouble(probability, rng);
}

/** The same with the range already checked and `rest` < 1. Scaling by 2^32 and taking the fraction are exact. */
function continueBernoulliDouble(rest: number, rng: Rng): boolean {
  for (let remaining = rest; remaining > 0;) {
    const scaled = remaining * 2 ** 32;
    const digits = Math.floor(scaled);
    const uniform = rng.uint32();
    if (uniform !== digits) return uniform < digits;
    remaining = scaled - digits;
  }
  return false;
}

/** Draws true with probability exp(−γ), exactly, for a rational γ ≥ 0. [CKS20] Algorithm 1. */
export function sampleBernoulliExp(gamma: RationalLike, rng: Rng): boolean {
  const { numerator, denominator } = toRational(gamma, 'gamma');
  if (numerator < 0n) throw new RangeError('"gamma" must be a rational ≥ 0');
  const whole = numerator / denominator;
  for (let k = 0n; k < whole; k += 1n) if (!bernoulliExpFraction(1n, 1n, rng)) return false;
  return bernoulliExpFraction(numerator - whole * denominator, denominator, rng);
}

/** γ = numerator/denominator ∈ [0, 1]: the parity of the first failure of Bernoulli(γ/k), k = 1, 2, … */
function bernoulliExpFraction(numerator: bigint, denominator: bigint, rng: Rng): boolean {
  let k = 1n;
  while (sampleBigIntBelow(denominator * k, rng) < numerator) k += 1n;
  return (k & 1n) === 1n;
}

/**
 * Draws true with probability exactly factor · exp(−γ), which must be at most 1, by extending a uniform number until it
 * leaves a shrinking enclosure of that probability.
 * @param options - `prefix` continues a uniform whose first `prefixBits` bits are known.
 */
export function sampleBernoulliScaledExp(
  { factor, gamma }: { factor: Rational; gamma: Rational },
  { prefix = 0n, prefixBits = 0 }: { prefix?: bigint; prefixBits?: number },
  rng: Rng,
): boolean {
  let uniform = prefix;
  let bits = prefixBits;
  for (;;) {
    // Enough extra precision that the factor does not widen the enclosure beyond a unit or two.
    const extra = Math.max(0, factor.numerator.toString(2).length - factor.denominator.toString(2).length) + 2;
    const { low, high } = encloseExpNeg(gamma, bits + extra);
    const shift = BigInt(extra);
    const lowP = (low * factor.numerator) / (factor.denominator << shift);
    const highP = (high * factor.numerator) / (factor.denominator << shift) + 1n;
    if (uniform + 1n <= lowP) return true;
    if (uniform >= highP) return false;
    uniform = (uniform << 64n) | rng.uint64();
    bits += 64;
  }
}

/**
 * Draws a geometric number: P(v) = (1 − e^(−1/scale)) · e^(−v/scale), v = 0, 1, 2, … [CKS20] Algorithm 2, first part
 * @param options - `scale`, a rational > 0: t/s in the paper.
 */
export function sampleGeometric({ scale }: { scale: RationalLike }, rng: Rng): bigint {
  const { numerator, denominator } = toPositiveRational(scale, 'scale');
  return geometric(numerator, denominator, rng);
}

function geometric(t: bigint, s: bigint, rng: Rng): bigint {
  for (;;) {
    const u = sampleBigIntBelow(t, rng);
    if (!bernoulliExpFraction(u, t, rng)) continue;
    let v = 0n;
    while (bernoulliExpFraction(1n, 1n, rng)) v += 1n;
    return (u + t * v) / s;
  }
}

/**
 * Draws a discrete Laplace number: P(x) ∝ exp(−|x|/scale) on the integers. [CKS20] Algorithm 2
 * @param options - `scale`, a rational > 0 in units of one.
 */
export function sampleDiscreteLaplace({ scale }: { scale: RationalLike }, rng: Rng): bigint {
  const { numerator, denominator } = toPositiveRational(scale, 'scale');
  return discreteLaplace(numerator, denominator, rng);
}

function discreteLaplace(t: bigint, s: bigint, rng: Rng): bigint {
  for (;;) {
    const magnitude = geometric(t, s, rng);
    const negative = (rng.uint32() & 1) === 1;
    if (negative && magnitude === 0n) continue;
    return negative ? -magnitude : magnitude;
  }
}

/**
 * Draws a discrete Gaussian number: P(x) ∝ exp(−x²/(2·variance)) on the integers. [CKS20] Algorithm 3
 * `variance` is the parameter σ²; the variance of the draw is never above it ([CKS20] Corollary 9).
 * @param options - `variance`, a rational > 0.
 */
export function sampleDiscreteGaussian({ variance }: { variance: RationalLike }, rng: Rng): bigint {
  const { numerator, denominator } = toPositiveRational(variance, 'variance');
  const t = isqrt(floorRational({ numerator, denominator })) + 1n;
  for (;;) {
    const y = discreteLaplace(t, 1n, rng);
    // (|y| − σ²/t)² / (2σ²) with σ² = numerator/denominator.
    const distance = (y < 0n ? -y : y) * t * denominator - numerator;
    const gamma = { numerator: distance * distance, denominator: 2n * numerator * denominator * t * t };
    if (sampleBernoulliExp(gamma, rng)) return y;
  }
}
