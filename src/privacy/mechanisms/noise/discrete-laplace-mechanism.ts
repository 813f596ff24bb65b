/**
 * The discrete Laplace mechanism (geometric mechanism): integers plus two-sided geometric noise. [GRS12]
 *
 * @module
 */

import { discreteLaplace } from '../../accounting/index.ts';
import { assertInteger, assertPositive, toRational } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS, type Mechanism } from '../mechanism.ts';
import { sampleDiscreteLaplace } from '../samplers/exact-samplers.ts';
import { createDiscreteLaplace } from '../samplers/discrete-laplace.ts';
import type { IntegerNoise } from '../samplers/integer-noise.ts';
import { nextDown } from './grid.ts';

/** Integers in, integers out. */
export interface DiscreteLaplaceMechanism extends Mechanism<'discrete-laplace'> {
  /** Scale of the noise. */
  readonly noiseScale: number;
  /** Releases one integer. */
  release(value: number, rng: Rng): number;
  /** Releases a vector of integers in place, modulo 2^32; its L1 sensitivity is the mechanism's. */
  releaseInto(values: Int32Array, rng: Rng): void;
}

/** The exponent a of the noise exp(−a·|x|), rounded down so that sensitivity·a ≤ epsilon, and its exact sampler. */
export function createLaplaceNoise({ sensitivity, epsilon }: { sensitivity: number; epsilon: number }): {
  noiseParameter: number;
  noise: IntegerNoise;
} {
  const noiseParameter = nextDown(epsilon / sensitivity);
  const { numerator, denominator } = toRational(noiseParameter);
  const scale = { numerator: denominator, denominator: numerator };
  const noise =
    noiseParameter < 2 ** -24
      ? createWideNoise((rng) => sampleDiscreteLaplace({ scale }, rng))
      : createDiscreteLaplace({ scale });
  return { noiseParameter, noise };
}

/** Noise too wide for 32 bits: single draws only, from a plain exact sampler, clamped to ±2^52 (post-processing). */
export function createWideNoise(draw: (rng: Rng) => bigint): IntegerNoise {
  const refuse = (): never => {
    throw new RangeError('the noise is too wide for vectors of 32-bit integers: use a coarser grid');
  };
  return {
    sample: (rng) => Math.min(2 ** 52, Math.max(-(2 ** 52), Number(draw(rng)))),
    sampleInto: refuse,
    addInto: refuse,
  };
}

/** @throws {RangeError} when the value is not a safe integer. */
export function assertReleasable(value: number): void {
  assertInteger(value, 'value', { min: Number.MIN_SAFE_INTEGER });
}

/**
 * Creates the mechanism.
 * Guarantee: ε-DP under add-or-remove-one and zero-out, 2ε under replace-one; exact.
 * Precondition: one record changes the vector of integers by at most `l1Sensitivity` in L1 norm.
 * @param options - `l1Sensitivity`, an integer ≥ 1; `epsilon` > 0. Vectors need a scale of at most 2^24.
 * @throws {RangeError} when a parameter or a value is out of range, before randomness is drawn.
 * @see [GRS12]; [CKS20] algorithm 2 for the sampler
 */
export function createDiscreteLaplaceMechanism({
  l1Sensitivity,
  epsilon,
}: {
  l1Sensitivity: number;
  epsilon: number;
}): DiscreteLaplaceMechanism {
  assertInteger(l1Sensitivity, 'l1Sensitivity', { min: 1 });
  assertPositive(epsilon, 'epsilon');
  const { noiseParameter, noise } = createLaplaceNoise({ sensitivity: l1Sensitivity, epsilon });
  return {
    kind: 'discrete-laplace',
    noiseScale: 1 / noiseParameter,
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: ADDITIVE_RELATIONS,
      precondition: `integers of L1 sensitivity at most ${l1Sensitivity}`,
      source: '[GRS12]',
    },
    event: () => discreteLaplace({ noiseParameter, sensitivity: l1Sensitivity }),
    release(value, rng) {
      assertReleasable(value);
      return value + noise.sample(rng);
    },
    releaseInto: (values, rng) => noise.addInto(values, rng),
  };
}
