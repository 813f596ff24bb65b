/**
 * What distributed mechanisms share: every participant of a secure sum adds its part of the noise to its integers, sized
 * so that the honest parts alone carry the noise that is charged.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS, type Guarantee } from '../mechanism.ts';
import type { IntegerNoise } from '../samplers/integer-noise.ts';

/** The noise of a sum, and among how many honest participants it is divided. */
export interface NoiseSharesOptions {
  /** In grid units, rounding included. */
  readonly l2Sensitivity: number;
  /** Of the sum of the honest shares. */
  readonly noiseMultiplier: number;
  /** Shares that the adversary does not know and that are sure to be in the sum. */
  readonly honestShares: number;
  readonly dimension: number;
}

/** One participant's part of the noise. */
export interface NoiseShares {
  /** Variance of one share, in squared grid units: not below (noiseMultiplier · l2Sensitivity)² / honestShares. */
  readonly shareVariance: number;
  /** Adds one participant's share to its integers, modulo 2^32. */
  addShareInto(values: Int32Array, rng: Rng): void;
}

/**
 * Divides the noise of a sum.
 * @param createNoise - the source of one share, by its variance.
 * @throws {RangeError} when a parameter is out of range; `addShareInto` for a vector of another length.
 */
export function createNoiseShares(
  { l2Sensitivity, noiseMultiplier, honestShares, dimension }: NoiseSharesOptions,
  createNoise: (options: { readonly variance: number }) => IntegerNoise,
): NoiseShares & { readonly guarantee: Omit<Guarantee, 'source'> } {
  assertPositive(l2Sensitivity, 'l2Sensitivity');
  assertPositive(noiseMultiplier, 'noiseMultiplier');
  assertInteger(honestShares, 'honestShares', { min: 1 });
  assertInteger(dimension, 'dimension', { min: 1 });
  // Four roundings to nearest err by less than 2^-50 together. The sampler and the event take the same double, at its
  // exact value.
  const stddev = noiseMultiplier * l2Sensitivity;
  const shareVariance = ((stddev * stddev) / honestShares) * (1 + 2 ** -50);
  const noise = createNoise({ variance: shareVariance });
  return {
    shareVariance,
    guarantee: {
      measure: 'renyi',
      relations: ADDITIVE_RELATIONS,
      precondition: `at least ${honestShares} shares unknown to the adversary in every sum; integers of L2 norm at most ${l2Sensitivity}`,
    },
    addShareInto(values, rng) {
      if (values.length !== dimension) {
        throw new RangeError(`"values" must have ${dimension} entries, got ${values.length}`);
      }
      noise.addInto(values, rng);
    },
  };
}
