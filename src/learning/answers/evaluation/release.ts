/**
 * From counts to what may be said of them: as they are for public test data, with exact discrete Gaussian noise for
 * private test data, charged before the data is read.
 *
 * @module
 */

import {
  calibrateNoiseMultiplier,
  discreteGaussian,
  type DpEvent,
  type Ledger,
} from '../../../privacy/accounting/index.ts';
import { createDiscreteGaussianMechanism } from '../../../privacy/mechanisms/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { AnswersError } from '../errors.ts';
import { type ClassificationMetrics, computeClassificationMetrics } from './classification.ts';
import type { NoisyCounts } from './estimates.ts';
import { computeRegressionMetrics, type RegressionMetrics } from './regression.ts';
import { assertLayout, dimensionOf, sensitivityOf, type TallyLayout } from './tally.ts';

/** All figures of an evaluation. */
export type EvaluationMetrics = ClassificationMetrics | RegressionMetrics;

/** Computes all figures of counts. */
export function computeMetrics(layout: TallyLayout, counts: NoisyCounts): EvaluationMetrics {
  assertLayout(layout);
  const dimension = dimensionOf(layout);
  if (counts.counts.length !== dimension) {
    throw new AnswersError('answers/layout', `the layout has ${dimension} counts, got ${counts.counts.length}`);
  }
  return layout.kind === 'classification'
    ? computeClassificationMetrics(layout, counts)
    : computeRegressionMetrics(layout, counts);
}

/** What a private evaluation may cost. */
export interface PrivateEvaluationTarget {
  readonly epsilon: number;
  readonly delta: number;
}

/** Noise that is right for a layout. */
export interface TallyNoise {
  /** σ on every count. */
  readonly noiseStddev: number;
  /** Charged once a release. */
  readonly event: DpEvent;
  /** Adds noise to a copy of the counts. */
  release(counts: Int32Array, rng: Rng): NoisyCounts;
}

/**
 * Calibrates the noise of a private evaluation.
 * Guarantee: (epsilon, delta)-DP for one example under add-or-remove-one, exact in integers; and a ledger counts it, with
 * others, by the zCDP of the event.
 * Precondition: the counts are of {@link computeTally} for the same layout, which was fixed before the data was read.
 */
export function createTallyNoise(layout: TallyLayout, { epsilon, delta }: PrivateEvaluationTarget): TallyNoise {
  assertLayout(layout);
  const dimension = dimensionOf(layout);
  const l2Sensitivity = sensitivityOf(layout);
  const noiseMultiplier = calibrateNoiseMultiplier({
    epsilon,
    delta,
    relation: 'add-or-remove-one',
    accountant: 'rdp',
    event: (multiplier) =>
      discreteGaussian({ sigma: multiplier * l2Sensitivity, sensitivity: l2Sensitivity, dimension }),
  });
  const mechanism = createDiscreteGaussianMechanism({ l2Sensitivity, noiseMultiplier, dimension });
  return {
    noiseStddev: mechanism.noiseStddev,
    event: mechanism.event(),
    release(counts, rng) {
      const values = counts.slice();
      mechanism.releaseInto(values, rng);
      return { counts: values, noiseStddev: mechanism.noiseStddev };
    },
  };
}

/**
 * Evaluates on private test data: reserves the charge, only then asks for the counts, adds the noise, commits.
 * @param options - `count` computes the tally; nothing of it is returned without noise.
 * @throws `AccountingError` 'accounting/budget-exceeded' before the data is touched. A charge whose data was touched
 * stays, whatever happens.
 */
export async function evaluatePrivately(
  layout: TallyLayout,
  {
    count,
    target,
    ledger,
    purpose = 'evaluation',
    account = 0,
  }: {
    readonly count: () => Int32Array | Promise<Int32Array>;
    readonly target: PrivateEvaluationTarget;
    readonly ledger: Pick<Ledger, 'reserve' | 'commit' | 'abort'>;
    readonly purpose?: string;
    readonly account?: number;
  },
  rng: Rng,
): Promise<NoisyCounts> {
  const noise = createTallyNoise(layout, target);
  const reservation = await ledger.reserve({ event: noise.event, purpose, accounts: [account] });
  try {
    const released = noise.release(await count(), rng);
    await ledger.commit(reservation);
    return released;
  } catch (error) {
    await ledger.abort(reservation, { dataTouched: true });
    throw error;
  }
}
