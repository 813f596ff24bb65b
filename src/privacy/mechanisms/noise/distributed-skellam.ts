/**
 * The distributed Skellam mechanism: shares of Skellam noise add up to Skellam noise exactly, so the sum of the honest
 * shares is charged as what it is. [AKL21]
 *
 * @module
 */

import { skellam } from '../../accounting/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import type { Mechanism } from '../mechanism.ts';
import { createSkellam } from '../samplers/skellam.ts';

/** One participant's part of a distributed mechanism, and the event of all honest parts together. */
export interface DistributedSkellam extends Mechanism<'distributed-skellam'> {
  /** Variance of one share, in squared grid units. */
  readonly shareVariance: number;
  /** Adds one participant's share to its integers, modulo 2^32. */
  addShareInto(values: Int32Array, rng: Rng): void;
}

/**
 * Creates the mechanism.
 * Guarantee: the sum of `honestShares` shares hides a contribution of at most `l2Sensitivity` (and `l1Sensitivity`, when
 * given) at the cost of Skellam noise of their total variance.
 * Precondition: at least `honestShares` parties whose shares the adversary does not know take part in every released sum;
 * every contribution is an integer vector within the sensitivities.
 * @param options - as for createDistributedDiscreteGaussian; `l1Sensitivity` tightens the charge.
 * @throws {RangeError} when a parameter is out of range or a vector has another length.
 * @see [AKL21] arXiv 2110.04995
 */
export function createDistributedSkellam({
  l2Sensitivity,
  l1Sensitivity,
  noiseMultiplier,
  honestShares,
  dimension,
}: {
  readonly l2Sensitivity: number;
  readonly l1Sensitivity?: number;
  readonly noiseMultiplier: number;
  readonly honestShares: number;
  readonly dimension: number;
}): DistributedSkellam {
  assertPositive(l2Sensitivity, 'l2Sensitivity');
  assertPositive(noiseMultiplier, 'noiseMultiplier');
  assertInteger(honestShares, 'honestShares', { min: 1 });
  assertInteger(dimension, 'dimension', { min: 1 });
  const stddev = noiseMultiplier * l2Sensitivity;
  const shareVariance = ((stddev * stddev) / honestShares) * (1 + 2 ** -50);
  // The charge is for no more than the shares add up to: rounded down past the rounding of the product.
  const variance = shareVariance * honestShares * (1 - 2 ** -52);
  const noise = createSkellam({ variance: shareVariance });
  return {
    kind: 'distributed-skellam',
    shareVariance,
    guarantee: {
      measure: 'renyi',
      relations: ['add-or-remove-one', 'zero-out'],
      precondition: `at least ${honestShares} shares unknown to the adversary in every sum; integers of L2 norm at most ${l2Sensitivity}`,
      source: '[AKL21]',
    },
    event: () =>
      skellam({ variance, l2Sensitivity, dimension, ...(l1Sensitivity === undefined ? {} : { l1Sensitivity }) }),
    addShareInto(values, rng) {
      if (values.length !== dimension) {
        throw new RangeError(`"values" must have ${dimension} entries, got ${values.length}`);
      }
      noise.addInto(values, rng);
    },
  };
}
