/**
 * What shuffled or cyclic batches really cost against Poisson sampling: bounds for one epoch under zero-out, after
 * [CGHKKMSZ24].
 *
 * @module
 */

import { logNormalCdf } from '../../foundations/numerics/index.ts';
import { computeGaussianEpsilon } from './analytic-gaussian.ts';
import { gaussian, poissonSampled } from './events/constructors.ts';
import { createPldAccountant } from './pld/pld-accountant.ts';
import type { Interval } from './accountant.ts';

/** One epoch: the batches in it and the noise in each. */
export interface Epoch {
  readonly batches: number;
  readonly noiseMultiplier: number;
}

/** Computes the exact epsilon of batches in a fixed order: one Gaussian, since the record is in one known batch. */
export function computeCyclicEpsilon({ noiseMultiplier }: Epoch, delta: number): number {
  return computeGaussianEpsilon(1 / noiseMultiplier, delta);
}

/** P(some batch exceeds c), the batches normal with mean 0 but for one of mean `own`. */
function exceedance({ batches, noiseMultiplier: sigma }: Epoch, c: number, own: number): number {
  return -Math.expm1((batches - 1) * logNormalCdf(c / sigma) + logNormalCdf((c - own) / sigma));
}

/**
 * Computes a lower bound on the epsilon of shuffled batches. All other records pull one way, so that the batch with the
 * record stands out by 2 when it pulls the other way and by 1 when it is zeroed; the test "some batch exceeds c" then shows
 * this much, over a grid of thresholds ([CGHKKMSZ24] theorem 4.2, arXiv 2403.17673 v2).
 */
export function computeShuffledEpsilonLowerBound(epoch: Epoch, delta: number): number {
  const { noiseMultiplier: sigma } = epoch;
  let best = 0;
  for (let c = -3 * sigma; c <= 2 + 12 * sigma; c += 0.02 * sigma) {
    const present = exceedance(epoch, c, 2);
    const absent = exceedance(epoch, c, 1);
    if (present > delta && absent > 0) best = Math.max(best, Math.log((present - delta) / absent));
  }
  return best;
}

/** The three ways through one epoch, side by side. */
export interface FixedOrderGap {
  readonly cyclic: number;
  readonly shuffledAtLeast: number;
  /** As if every batch were a Poisson sample of rate 1/batches. */
  readonly poisson: Interval;
}

/** Computes what batches in a fixed or shuffled order cost, and what Poisson sampling of the same size would. */
export function computeFixedOrderGap(epoch: Epoch, delta: number): FixedOrderGap {
  const accountant = createPldAccountant({ relation: 'zero-out' });
  const step = poissonSampled({
    samplingRate: 1 / epoch.batches,
    event: gaussian({ noiseMultiplier: epoch.noiseMultiplier }),
  });
  accountant.compose(step, epoch.batches);
  return {
    cyclic: computeCyclicEpsilon(epoch, delta),
    shuffledAtLeast: computeShuffledEpsilonLowerBound(epoch, delta),
    poisson: accountant.epsilonInterval(delta),
  };
}
