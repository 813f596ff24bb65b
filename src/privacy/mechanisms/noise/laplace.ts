/**
 * Real-valued Laplace noise as the grid-snapped form of the discrete Laplace: no logarithm of a float, so no low bits that
 * tell values apart [Mironov12]; truncated and folded forms are post-processing of it.
 *
 * @module
 */

import { discreteLaplace } from '../../accounting/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import { ADDITIVE_RELATIONS, type Mechanism } from '../mechanism.ts';
import { createLaplaceNoise } from './discrete-laplace-mechanism.ts';
import { assertGranularity, ceilPowerOfTwo, widenSensitivity } from './grid.ts';
import { createGridRelease, type GridRelease } from './grid-release.ts';

/** Laplace noise on reals. */
export interface Laplace<Kind extends string = 'laplace'> extends Mechanism<Kind>, GridRelease {
  /** Scale of the noise, in units of the value. */
  readonly noiseScale: number;
}

/** Parameters of Laplace noise on reals. */
export interface LaplaceOptions {
  /** L1 sensitivity of the value or vector as computed, in its units. */
  readonly l1Sensitivity: number;
  readonly epsilon: number;
  /** Entries of the vector; 1 by default. */
  readonly dimension?: number;
  /** A power of two. By default the scale is about 2^23 grid steps. */
  readonly granularity?: number;
}

const STEPS_LOG2 = 23;

/**
 * Creates the Laplace mechanism on reals.
 * Guarantee: ε-DP under add-or-remove-one and zero-out, 2ε under replace-one; exact, floating point included: the value is
 * rounded to the grid first, the sensitivity is widened by that rounding and the scale grows with it.
 * Precondition: one record changes the vector of doubles handed in by at most `l1Sensitivity` in L1 norm; sums must keep
 * that in floating point too, as createSum does by summing on a grid.
 * @throws {RangeError} when a parameter is out of range; from a release, when a value is NaN, before randomness is drawn.
 * @see [DMNS06] proposition 1; [BV19] for the grid
 */
export function createLaplace(options: LaplaceOptions): Laplace {
  const { l1Sensitivity, epsilon, dimension = 1 } = options;
  assertPositive(l1Sensitivity, 'l1Sensitivity');
  assertPositive(epsilon, 'epsilon');
  assertInteger(dimension, 'dimension', { min: 1 });
  const granularity = options.granularity ?? ceilPowerOfTwo(l1Sensitivity / epsilon / 2 ** STEPS_LOG2);
  assertGranularity(granularity);
  const sensitivity = widenSensitivity(l1Sensitivity, { granularity, dimension, norm: 'l1' });
  const { noiseParameter, noise } = createLaplaceNoise({ sensitivity, epsilon });
  return {
    kind: 'laplace',
    noiseScale: granularity / noiseParameter,
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: ADDITIVE_RELATIONS,
      precondition: `doubles of L1 sensitivity at most ${l1Sensitivity}, ${dimension} of them`,
      source: '[DMNS06] proposition 1, [BV19]',
    },
    event: () => discreteLaplace({ noiseParameter, sensitivity }),
    ...createGridRelease({ granularity, dimension, noise }),
  };
}

/** The interval that outputs are brought into. */
export interface OutputRange {
  readonly lower: number;
  readonly upper: number;
}

function assertRange({ lower, upper }: OutputRange): void {
  if (!(lower < upper)) throw new RangeError(`"lower" must be below "upper", got ${lower} and ${upper}`);
}

function postProcess<Kind extends string>(inner: Laplace, kind: Kind, map: (value: number) => number): Laplace<Kind> {
  return {
    ...inner,
    kind,
    release: (value, rng) => map(inner.release(value, rng)),
    releaseInto(values, rng) {
      inner.releaseInto(values, rng);
      for (let i = 0; i < values.length; i += 1) values[i] = map(values[i] as number);
    },
  };
}

/**
 * Creates the truncated Laplace mechanism: Laplace noise, then the output is clamped to [lower, upper].
 * Guarantee: that of createLaplace, by post-processing.
 */
export function createTruncatedLaplace(options: LaplaceOptions & OutputRange): Laplace<'truncated-laplace'> {
  assertRange(options);
  const { lower, upper } = options;
  return postProcess(createLaplace(options), 'truncated-laplace', (x) => Math.min(upper, Math.max(lower, x)));
}

/**
 * Creates the folded Laplace mechanism: Laplace noise, then the output is reflected at the ends until it is inside.
 * Guarantee: that of createLaplace, by post-processing.
 */
export function createFoldedLaplace(options: LaplaceOptions & OutputRange): Laplace<'folded-laplace'> {
  assertRange(options);
  const { lower, upper } = options;
  const width = upper - lower;
  return postProcess(createLaplace(options), 'folded-laplace', (x) => {
    const turn = (((x - lower) % (2 * width)) + 2 * width) % (2 * width);
    return Math.min(upper, Math.max(lower, lower + (turn <= width ? turn : 2 * width - turn)));
  });
}
