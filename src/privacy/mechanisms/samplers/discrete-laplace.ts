/**
 * The discrete Laplace (two-sided geometric) on the integers, batched: P(x) ∝ exp(−|x|/scale), exactly. [GRS12] [CKS20]
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

/** Discrete Laplace noise with its exact parameter. */
export interface DiscreteLaplace extends IntegerNoise {
  readonly scale: number;
}

/** The largest scale of the batched sampler: 2^24 keeps every magnitude of the table in 30 bits. */
const MAX_SCALE = { numerator: 1n << 24n, denominator: 1n };

/**
 * Creates a source of discrete Laplace noise.
 * Guarantee: none by itself. Added to an integer query of L1 sensitivity Δ it gives (Δ/scale)-DP, exactly.
 * @param options - `scale`, a rational in (0, 2^24]; a double is taken at its exact binary value.
 * @throws {RangeError} when the scale is out of range.
 * @see [CKS20] arXiv 2004.00010v4, Algorithm 2
 */
export function createDiscreteLaplace({ scale }: { scale: RationalLike }): DiscreteLaplace {
  const rational = toPositiveRational(scale, 'scale');
  if (compareRational(rational, MAX_SCALE) > 0) {
    throw new RangeError(`"scale" must be at most 2^24 for draws of 32 bits, got ${rationalToNumber(rational)}`);
  }
  const { numerator, denominator } = rational;
  return {
    scale: rationalToNumber(rational),
    ...createBlockNoise({
      linear: { numerator: denominator, denominator: numerator },
      quadratic: { numerator: 0n, denominator: 1n },
    }),
  };
}
