/**
 * The discrete Gaussian on the integers, batched: P(x) ∝ exp(−x²/(2σ²)), exactly, at tens of millions of draws a second.
 * [CKS20]
 *
 * @module
 */

import {
  compareRational,
  rationalToNumber,
  toPositiveRational,
  type RationalLike,
} from '../../../foundations/numerics/index.ts';
import { createBlockNoise } from './block-noise.ts';
import type { IntegerNoise } from './integer-noise.ts';

/** Discrete Gaussian noise with its exact parameter. */
export interface DiscreteGaussian extends IntegerNoise {
  /** σ², the parameter; the variance of a draw is never above it. */
  readonly variance: number;
}

/** The largest σ² of the batched sampler: σ = 2^26 keeps every magnitude of the table in 30 bits. */
const MAX_VARIANCE = { numerator: 1n << 52n, denominator: 1n };

/**
 * Creates a source of discrete Gaussian noise.
 * Guarantee: none by itself. Added to an integer query of L2 sensitivity Δ it gives ρ-zCDP with ρ = Δ²/(2σ²); the
 * distribution is exact given uniform bits, which come from ChaCha20 keyed by 32 bytes of `rng` a call.
 * @param options - `variance`: σ², a rational in (0, 2^52]; a double is taken at its exact binary value.
 * @throws {RangeError} when the variance is out of range.
 * @see [CKS20] arXiv 2004.00010v4, Theorem 4 (zCDP), Corollary 9 (variance)
 */
export function createDiscreteGaussian({ variance }: { variance: RationalLike }): DiscreteGaussian {
  const rational = toPositiveRational(variance, 'variance');
  if (compareRational(rational, MAX_VARIANCE) > 0) {
    throw new RangeError(`"variance" must be at most 2^52 for draws of 32 bits, got ${rationalToNumber(rational)}`);
  }
  const { numerator, denominator } = rational;
  return {
    variance: rationalToNumber(rational),
    ...createBlockNoise({
      linear: { numerator: 0n, denominator: 1n },
      quadratic: { numerator: denominator, denominator: 2n * numerator },
    }),
  };
}
