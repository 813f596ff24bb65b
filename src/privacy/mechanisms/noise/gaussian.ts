/**
 * Real-valued Gaussian noise as the grid-snapped form of the discrete Gaussian: no Box–Muller on floats.
 *
 * @module
 */

import {
  AccountingError,
  calibrateNoiseMultiplier,
  type CalibrationAccountant,
  createAccountant,
  discreteGaussian,
  type DpEvent,
  type NeighboringRelation,
} from '../../accounting/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import { ADDITIVE_RELATIONS, type Mechanism } from '../mechanism.ts';
import { createGaussianNoise } from './discrete-gaussian-mechanism.ts';
import { assertGranularity, ceilPowerOfTwo, widenSensitivity } from './grid.ts';
import { createGridRelease, type GridRelease } from './grid-release.ts';

/** Gaussian noise on reals. */
export interface Gaussian extends Mechanism<'gaussian'>, GridRelease {
  /** σ in units of the value. */
  readonly noiseStddev: number;
  /** σ ÷ the widened sensitivity: what is charged. */
  readonly noiseMultiplier: number;
}

/** Parameters of Gaussian noise on reals, without its amount. */
export interface GaussianShape {
  /** L2 sensitivity of the value or vector as computed, in its units. */
  readonly l2Sensitivity: number;
  /** Entries of the vector; 1 by default. */
  readonly dimension?: number;
  /** A power of two. By default σ is about 2^24 grid steps. */
  readonly granularity?: number;
}

const STEPS_LOG2 = 24;

/**
 * Creates the Gaussian mechanism on reals.
 * Guarantee: ρ-zCDP with ρ = 1/(2·noiseMultiplier²) under add-or-remove-one and zero-out, four times that under
 * replace-one; exact, floating point included: the value is rounded to the grid first, and the sensitivity is widened by
 * that rounding and σ with it.
 * Precondition: one record changes the vector of doubles handed in by at most `l2Sensitivity` in L2 norm.
 * @param options - `noiseMultiplier` = σ ÷ sensitivity.
 * @throws {RangeError} when a parameter is out of range; from a release, when a value is NaN, before randomness is drawn.
 * @see [CKS20] arXiv 2004.00010v4, theorem 14; [BV19] for the grid
 */
export function createGaussian(options: GaussianShape & { readonly noiseMultiplier: number }): Gaussian {
  const { l2Sensitivity, noiseMultiplier, dimension = 1 } = options;
  assertPositive(l2Sensitivity, 'l2Sensitivity');
  assertPositive(noiseMultiplier, 'noiseMultiplier');
  assertInteger(dimension, 'dimension', { min: 1 });
  const granularity = options.granularity ?? ceilPowerOfTwo((noiseMultiplier * l2Sensitivity) / 2 ** STEPS_LOG2);
  assertGranularity(granularity);
  const sensitivity = widenSensitivity(l2Sensitivity, { granularity, dimension, norm: 'l2' });
  const sigma = noiseMultiplier * sensitivity * (1 + 2 ** -51);
  return {
    kind: 'gaussian',
    noiseStddev: sigma * granularity,
    noiseMultiplier,
    guarantee: {
      measure: 'zcdp',
      rho: 1 / (2 * noiseMultiplier * noiseMultiplier),
      relations: ADDITIVE_RELATIONS,
      precondition: `doubles of L2 sensitivity at most ${l2Sensitivity}, ${dimension} of them`,
      source: '[CKS20] theorem 14, [BV19]',
    },
    event: () => discreteGaussian({ sigma, sensitivity, dimension }),
    ...createGridRelease({ granularity, dimension, noise: createGaussianNoise(sigma) }),
  };
}

/**
 * Creates the Gaussian mechanism with the least noise that meets (ε, δ) for one release: the analytic Gaussian
 * mechanism, calibrated by an accountant.
 * @throws {AccountingError} 'accounting/calibration-failed' when no noise meets the target.
 * @see [BW18] theorem 8
 */
export function createCalibratedGaussian(
  options: GaussianShape & {
    readonly epsilon: number;
    readonly delta: number;
    readonly relation: NeighboringRelation;
    readonly accountant?: CalibrationAccountant;
  },
): Gaussian {
  const { epsilon, delta, relation, accountant = 'pld', ...shape } = options;
  const meets = (event: DpEvent): boolean => {
    const judge = createAccountant({ relation, accountant });
    judge.compose(event);
    return judge.epsilon(delta) <= epsilon;
  };
  let noiseMultiplier = calibrateNoiseMultiplier({
    event: (candidate) => createProbe({ ...shape, noiseMultiplier: candidate }),
    epsilon,
    delta,
    relation,
    accountant,
  });
  // The probe has one grid, the mechanism that of its own size: the last digits may differ.
  for (let step = 0; step < 8; step += 1) {
    const mechanism = createGaussian({ ...shape, noiseMultiplier });
    if (meets(mechanism.event())) return mechanism;
    noiseMultiplier *= 1 + 1e-7 * 4 ** step;
  }
  throw new AccountingError('accounting/calibration-failed', 'the grid is too coarse for the target: use a finer one');
}

/** The event of a mechanism of this multiplier on a fine grid, whatever its units. */
function createProbe({ dimension = 1, noiseMultiplier }: GaussianShape & { noiseMultiplier: number }): DpEvent {
  return discreteGaussian({ sigma: noiseMultiplier * 2 ** STEPS_LOG2, sensitivity: 2 ** STEPS_LOG2, dimension });
}
