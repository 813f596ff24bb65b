/**
 * What rounding to the integer grid does to a vector's norm, and so to the sensitivity.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../foundations/numerics/index.ts';

/**
 * Computes the L2 bound after stochastic rounding that is repeated until the norm is small: [KLS21] proposition 22
 * (arXiv 2102.06387 v4), min(l2 + √d, √(l2² + d/4 + √(2 log 1/β)·(l2 + √d/2))).
 * @param l2 - the bound before rounding, in grid units.
 * @param options - `beta` in [0, 1): the bias allowed, 0 for rounding without a condition; `dimension`.
 */
export function computeConditionalRoundingNorm(
  l2: number,
  { beta, dimension }: { readonly beta: number; readonly dimension: number },
): number {
  assertPositive(l2, 'l2');
  assertInteger(dimension, 'dimension', { min: 1 });
  if (!(beta >= 0 && beta < 1)) throw new RangeError(`"beta" must be a number in [0, 1), got ${beta}`);
  const always = l2 + Math.sqrt(dimension);
  if (beta === 0) return always;
  const likely = l2 * l2 + dimension / 4 + Math.sqrt(2 * Math.log(1 / beta)) * (l2 + Math.sqrt(dimension) / 2);
  return Math.min(always, Math.sqrt(likely));
}

/**
 * Computes the L2 sensitivity of a sum of clipped vectors that is rounded to the grid as a whole: clip·scale + √d.
 * Rounding moves each coordinate of either neighbour's sum by at most a half, so their difference by at most √d.
 */
export function computeRoundedSumSensitivity({
  clipNorm,
  scale,
  dimension,
}: {
  readonly clipNorm: number;
  readonly scale: number;
  readonly dimension: number;
}): number {
  assertPositive(clipNorm, 'clipNorm');
  assertPositive(scale, 'scale');
  assertInteger(dimension, 'dimension', { min: 1 });
  return clipNorm * scale + Math.sqrt(dimension);
}

/** Returns the largest L1 norm of an integer vector of L2 norm ≤ l2: min(√d·l2, l2²), since |x| ≤ x² on integers. */
export function computeLatticeL1Norm(l2: number, dimension: number): number {
  return l2 * Math.min(Math.sqrt(dimension), l2);
}
