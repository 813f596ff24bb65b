/**
 * Adaptive clipping: the clip norm follows a quantile of the examples' norms, learned from a noisy count each round,
 * which has its own charge. [ATMR21]
 *
 * @module
 */

import { discreteGaussian } from '../../accounting/index.ts';
import { assertInteger, assertPositive, assertProbability } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS, type Mechanism } from '../mechanism.ts';
import { createGaussianNoise } from '../noise/discrete-gaussian-mechanism.ts';
import { createFlatClipper, type Clipper } from './clipping.ts';

/** A clip norm that adapts. The event is that of one round's count; the noisy sum of gradients is charged beside it. */
export interface AdaptiveClipping extends Mechanism<'adaptive-clipping'> {
  /** The bound of the coming round. */
  readonly clipNorm: number;
  /** A flat clipper with the bound of the coming round. */
  createClipper(): Clipper;
  /**
   * Ends a round: releases the noisy fraction of contributions that were within the bound, and moves the bound.
   * @param within - for each contribution of the round, whether it was within the bound; an empty round counts too.
   * @returns the noisy fraction, which is public.
   */
  update(within: Iterable<boolean>, rng: Rng): number;
}

/**
 * Creates adaptive clipping.
 * Guarantee: every round's count is ρ-zCDP with ρ = 1/(2·countNoiseMultiplier²) for one contribution added, removed or
 * zeroed: contributions within the bound count +1, others −1, so one changes the sum by 1. Exact.
 * @param options - `targetQuantile` of the norms to be within the bound; `learningRate` of the geometric step (0.2);
 * `countNoiseMultiplier`: σ of the ±1 count, which is twice σ_b of the paper; `expectedCount`, a public constant that the
 * count is divided by, never the number drawn; bounds of the clip norm.
 * @throws {RangeError} when a parameter is out of range.
 * @see [ATMR21] algorithm 1 and theorem 1 (arXiv 1905.03871 v5); clip ← clip·exp(−η(fraction − quantile))
 */
export function createAdaptiveClipping(options: {
  readonly initialClipNorm: number;
  readonly targetQuantile: number;
  readonly countNoiseMultiplier: number;
  readonly expectedCount: number;
  readonly learningRate?: number;
  readonly minClipNorm?: number;
  readonly maxClipNorm?: number;
}): AdaptiveClipping {
  const { initialClipNorm, targetQuantile, countNoiseMultiplier, expectedCount, learningRate = 0.2 } = options;
  const { minClipNorm = 1e-6, maxClipNorm = 1e6 } = options;
  assertPositive(initialClipNorm, 'initialClipNorm');
  assertProbability(targetQuantile, 'targetQuantile');
  assertPositive(countNoiseMultiplier, 'countNoiseMultiplier');
  assertInteger(expectedCount, 'expectedCount', { min: 1 });
  assertPositive(learningRate, 'learningRate');
  assertPositive(minClipNorm, 'minClipNorm');
  if (!(minClipNorm <= initialClipNorm && initialClipNorm <= maxClipNorm)) {
    throw new RangeError('"initialClipNorm" must lie between "minClipNorm" and "maxClipNorm"');
  }
  const noise = createGaussianNoise(countNoiseMultiplier);
  let clipNorm = initialClipNorm;
  return {
    kind: 'adaptive-clipping',
    get clipNorm() {
      return clipNorm;
    },
    guarantee: {
      measure: 'zcdp',
      rho: 1 / (2 * countNoiseMultiplier * countNoiseMultiplier),
      relations: ADDITIVE_RELATIONS,
      precondition: 'one flag a contribution',
      source: '[ATMR21] theorem 1',
    },
    event: () => discreteGaussian({ sigma: countNoiseMultiplier, sensitivity: 1, dimension: 1 }),
    createClipper: () => createFlatClipper({ clipNorm }),
    update(within, rng) {
      let sum = 0;
      for (const flag of within) sum += flag ? 1 : -1;
      const fraction = ((sum + noise.sample(rng)) / expectedCount + 1) / 2;
      const moved = clipNorm * Math.exp(-learningRate * (Math.min(1, Math.max(0, fraction)) - targetQuantile));
      clipNorm = Math.min(maxClipNorm, Math.max(minClipNorm, moved));
      return fraction;
    },
  };
}

/**
 * Computes the noise multiplier that a sum of gradients needs beside the count, so that both together cost what one sum
 * of `noiseMultiplier` would: (z⁻² − countNoiseMultiplier⁻²)^(−1/2).
 * @throws {RangeError} when the count alone costs as much.
 * @see [ATMR21] theorem 1
 */
export function computeSumNoiseMultiplier({
  noiseMultiplier,
  countNoiseMultiplier,
}: {
  readonly noiseMultiplier: number;
  readonly countNoiseMultiplier: number;
}): number {
  assertPositive(noiseMultiplier, 'noiseMultiplier');
  assertPositive(countNoiseMultiplier, 'countNoiseMultiplier');
  const rest = noiseMultiplier ** -2 - countNoiseMultiplier ** -2;
  if (!(rest > 0)) throw new RangeError('"countNoiseMultiplier" must be above "noiseMultiplier"');
  return rest ** -0.5 * (1 + 2 ** -45);
}
