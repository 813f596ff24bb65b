/**
 * The distributed discrete Gaussian: every participant of a secure sum adds a share of the noise to its integer vector,
 * and the sum of the honest shares is what the accountant charges. [KLS21]
 *
 * @module
 */

import { distributedDiscreteGaussian } from '../../accounting/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { createDiscreteGaussian } from '../samplers/discrete-gaussian.ts';
import type { Mechanism } from '../mechanism.ts';

/** One participant's part of a distributed mechanism, and the event of all honest parts together. */
export interface DistributedDiscreteGaussian extends Mechanism<'distributed-discrete-gaussian'> {
  /** σ² of one share, in squared grid units: not below (noiseMultiplier · l2Sensitivity)² / honestShares. */
  readonly shareVariance: number;
  /** Adds one participant's share to its integers, modulo 2^32. */
  addShareInto(values: Int32Array, rng: Rng): void;
}

/**
 * Creates the mechanism.
 * Guarantee: the sum of `honestShares` shares hides a contribution of at most `l2Sensitivity`; the charge is that of a
 * sum of discrete Gaussians in `dimension` coordinates, which is not itself a discrete Gaussian (the τ term of [KLS21]).
 * Precondition: at least `honestShares` parties, whose shares the adversary does not know, take part in every released
 * sum; every contribution is an integer vector of L2 norm at most `l2Sensitivity`.
 * @param options - `l2Sensitivity` in grid units (rounding included), `noiseMultiplier` of the sum of the honest
 * shares, `honestShares` that are sure to be in the sum, `dimension` of the vector.
 * @throws {RangeError} when a parameter is out of range or a vector has another length.
 * @see [KLS21] arXiv 2102.06387v4, Proposition 14 and Theorem 1
 */
export function createDistributedDiscreteGaussian({
  l2Sensitivity,
  noiseMultiplier,
  honestShares,
  dimension,
}: {
  l2Sensitivity: number;
  noiseMultiplier: number;
  honestShares: number;
  dimension: number;
}): DistributedDiscreteGaussian {
  assertPositive(l2Sensitivity, 'l2Sensitivity');
  assertPositive(noiseMultiplier, 'noiseMultiplier');
  assertInteger(honestShares, 'honestShares', { min: 1 });
  assertInteger(dimension, 'dimension', { min: 1 });
  // Four roundings to nearest err by less than 2^-50 together. The sampler and the event take the same double, at its
  // exact value.
  const stddev = noiseMultiplier * l2Sensitivity;
  const shareVariance = ((stddev * stddev) / honestShares) * (1 + 2 ** -50);
  const noise = createDiscreteGaussian({ variance: shareVariance });
  return {
    kind: 'distributed-discrete-gaussian',
    shareVariance,
    guarantee: {
      measure: 'renyi',
      relations: ['add-or-remove-one', 'zero-out'],
      precondition: `at least ${honestShares} shares unknown to the adversary in every sum; integers of L2 norm at most ${l2Sensitivity}`,
      source: '[KLS21] Proposition 14',
    },
    event: () => distributedDiscreteGaussian({ shares: honestShares, shareVariance, l2Sensitivity, dimension }),
    addShareInto(values, rng) {
      if (values.length !== dimension) {
        throw new RangeError(`"values" must have ${dimension} entries, got ${values.length}`);
      }
      noise.addInto(values, rng);
    },
  };
}
