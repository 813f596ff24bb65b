/**
 * The distributed discrete Gaussian: every participant of a secure sum adds a share of the noise to its integer vector,
 * and the sum of the honest shares is what the accountant charges. [KLS21]
 *
 * @module
 */

import { distributedDiscreteGaussian } from '../../accounting/index.ts';
import type { Mechanism } from '../mechanism.ts';
import { createDiscreteGaussian } from '../samplers/discrete-gaussian.ts';
import { createNoiseShares, type NoiseShares, type NoiseSharesOptions } from './noise-shares.ts';

/** One participant's part of a distributed mechanism, and the event of all honest parts together. */
export interface DistributedDiscreteGaussian extends Mechanism<'distributed-discrete-gaussian'>, NoiseShares {}

/**
 * Creates the mechanism.
 * Guarantee: the sum of `honestShares` shares hides a contribution of at most `l2Sensitivity`; the charge is that of a
 * sum of discrete Gaussians in `dimension` coordinates, which is not itself a discrete Gaussian (the τ term of [KLS21]).
 * Precondition: at least `honestShares` parties, whose shares the adversary does not know, take part in every released
 * sum; every contribution is an integer vector of L2 norm at most `l2Sensitivity`.
 * @throws {RangeError} when a parameter is out of range or a vector has another length.
 * @see [KLS21] arXiv 2102.06387v4, Proposition 14 and Theorem 1
 */
export function createDistributedDiscreteGaussian(options: NoiseSharesOptions): DistributedDiscreteGaussian {
  const { l2Sensitivity, honestShares, dimension } = options;
  const { guarantee, ...shares } = createNoiseShares(options, createDiscreteGaussian);
  return {
    kind: 'distributed-discrete-gaussian',
    ...shares,
    guarantee: { ...guarantee, source: '[KLS21] Proposition 14' },
    event: () =>
      distributedDiscreteGaussian({
        shares: honestShares,
        shareVariance: shares.shareVariance,
        l2Sensitivity,
        dimension,
      }),
  };
}
