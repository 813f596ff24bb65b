/**
 * The distributed Skellam mechanism: shares of Skellam noise add up to Skellam noise exactly, so the sum of the honest
 * shares is charged as what it is. [AKL21]
 *
 * @module
 */

import { skellam } from '../../accounting/index.ts';
import type { Mechanism } from '../mechanism.ts';
import { createSkellam } from '../samplers/skellam.ts';
import { createNoiseShares, type NoiseShares, type NoiseSharesOptions } from './noise-shares.ts';

/** One participant's part of a distributed mechanism, and the event of all honest parts together. */
export interface DistributedSkellam extends Mechanism<'distributed-skellam'>, NoiseShares {}

/**
 * Creates the mechanism.
 * Guarantee: the sum of `honestShares` shares hides a contribution of at most `l2Sensitivity` (and `l1Sensitivity`, when
 * given) at the cost of Skellam noise of their total variance.
 * Precondition: at least `honestShares` parties whose shares the adversary does not know take part in every released sum;
 * every contribution is an integer vector within the sensitivities.
 * @param options - `l1Sensitivity` tightens the charge.
 * @throws {RangeError} when a parameter is out of range or a vector has another length.
 * @see [AKL21] arXiv 2110.04995
 */
export function createDistributedSkellam(
  options: NoiseSharesOptions & { readonly l1Sensitivity?: number },
): DistributedSkellam {
  const { l2Sensitivity, l1Sensitivity, honestShares, dimension } = options;
  const { guarantee, ...shares } = createNoiseShares(options, createSkellam);
  // The charge is for no more than the shares add up to: rounded down past the rounding of the product.
  const variance = shares.shareVariance * honestShares * (1 - 2 ** -52);
  return {
    kind: 'distributed-skellam',
    ...shares,
    guarantee: { ...guarantee, source: '[AKL21]' },
    event: () =>
      skellam({ variance, l2Sensitivity, dimension, ...(l1Sensitivity === undefined ? {} : { l1Sensitivity }) }),
  };
}
