/**
 * The discrete Gaussian mechanism: integers plus discrete Gaussian noise. [CKS20]
 *
 * @module
 */

import { discreteGaussian } from '../../accounting/index.ts';
import { assertInteger, assertPositive, multiplyRational, toRational } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS, type Mechanism } from '../mechanism.ts';
import { createDiscreteGaussian } from '../samplers/discrete-gaussian.ts';
import { sampleDiscreteGaussian } from '../samplers/exact-samplers.ts';
import type { IntegerNoise } from '../samplers/integer-noise.ts';
import { assertReleasable, createWideNoise } from './discrete-laplace-mechanism.ts';

/** Integers in, integers out. */
export interface DiscreteGaussianMechanism extends Mechanism<'discrete-gaussian'> {
  /** σ, the parameter of the noise. */
  readonly noiseStddev: number;
  /** Releases one integer. */
  release(value: number, rng: Rng): number;
  /** Releases a vector of integers in place, modulo 2^32; its L2 sensitivity is the mechanism's. */
  releaseInto(values: Int32Array, rng: Rng): void;
}

/** The exact sampler of the σ that an event carries as a double. */
export function createGaussianNoise(sigma: number): IntegerNoise {
  const exact = toRational(sigma);
  const variance = multiplyRational(exact, exact);
  return sigma > 2 ** 26
    ? createWideNoise((rng) => sampleDiscreteGaussian({ variance }, rng))
    : createDiscreteGaussian({ variance });
}

/**
 * Creates the mechanism.
 * Guarantee: ρ-zCDP with ρ = 1/(2·noiseMultiplier²) under add-or-remove-one and zero-out, four times that under
 * replace-one; exact, in any dimension.
 * Precondition: one record changes the vector of integers by at most `l2Sensitivity` in L2 norm.
 * @param options - `l2Sensitivity` > 0, `noiseMultiplier` = σ ÷ l2Sensitivity, `dimension` of the vectors (1).
 * @throws {RangeError} when a parameter or a value is out of range, before randomness is drawn.
 * @see [CKS20] arXiv 2004.00010v4, theorem 14
 */
export function createDiscreteGaussianMechanism({
  l2Sensitivity,
  noiseMultiplier,
  dimension = 1,
}: {
  l2Sensitivity: number;
  noiseMultiplier: number;
  dimension?: number;
}): DiscreteGaussianMechanism {
  assertPositive(l2Sensitivity, 'l2Sensitivity');
  assertPositive(noiseMultiplier, 'noiseMultiplier');
  assertInteger(dimension, 'dimension', { min: 1 });
  const sigma = noiseMultiplier * l2Sensitivity * (1 + 2 ** -51);
  const noise = createGaussianNoise(sigma);
  return {
    kind: 'discrete-gaussian',
    noiseStddev: sigma,
    guarantee: {
      measure: 'zcdp',
      rho: 1 / (2 * noiseMultiplier * noiseMultiplier),
      relations: ADDITIVE_RELATIONS,
      precondition: `integers of L2 sensitivity at most ${l2Sensitivity}, ${dimension} of them`,
      source: '[CKS20] theorem 14',
    },
    event: () => discreteGaussian({ sigma, sensitivity: l2Sensitivity, dimension }),
    release(value, rng) {
      if (dimension !== 1) throw new RangeError(`the mechanism releases vectors of ${dimension} entries`);
      assertReleasable(value);
      return value + noise.sample(rng);
    },
    releaseInto(values, rng) {
      if (values.length !== dimension) {
        throw new RangeError(`"values" must have ${dimension} entries, got ${values.length}`);
      }
      noise.addInto(values, rng);
    },
  };
}
