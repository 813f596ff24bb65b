/**
 * Noise of a task and its charge: the multiplier that just keeps the budget, and the event of one attempt.
 *
 * @module
 */

import {
  calibrateNoiseMultiplier,
  createAccountant,
  type DpEvent,
  poissonSampled,
  selfComposed,
} from '../../privacy/accounting/index.ts';
import { createDistributedDiscreteGaussian } from '../../privacy/mechanisms/index.ts';
import { RoundsError } from './errors.ts';
import type { PlannedNoise } from './plan-types.ts';
import type { PrivacySettings } from './task.ts';

/** Settings of a task with privacy. */
export type PrivateSettings = Exclude<PrivacySettings, { trust: 'off' }>;

/** Where noise comes in, and what is sampled before. */
export interface NoiseQuestion {
  readonly addedBy: PlannedNoise['addedBy'];
  readonly l2Sensitivity: number;
  readonly honestShares: number;
  /** Integers that the noise is added to. */
  readonly entries: number;
  /** Poisson rate of examples, of a private draw or of secret coins; 1 without. */
  readonly samplingRate: number;
  /** Attempts that one participant may be in. */
  readonly charges: number;
  /** Where the multiplier is known already. */
  readonly noiseMultiplier?: number;
}

/** Plans noise and event. Under `trust: local` one contribution is calibrated, else all charges together. */
export function planNoise(
  privacy: PrivateSettings,
  question: NoiseQuestion,
): { readonly noise: PlannedNoise; readonly event: DpEvent } {
  const { addedBy, l2Sensitivity, honestShares, entries, samplingRate, charges } = question;
  const mechanismAt = (noiseMultiplier: number) =>
    createDistributedDiscreteGaussian({ l2Sensitivity, noiseMultiplier, honestShares, dimension: entries });
  const eventAt = (noiseMultiplier: number): DpEvent => {
    const event = mechanismAt(noiseMultiplier).event();
    return samplingRate < 1 ? poissonSampled({ samplingRate, event }) : event;
  };
  const target =
    privacy.trust === 'local'
      ? { epsilon: privacy.epsilonPerRound, delta: privacy.deltaPerRound, count: 1 }
      : { epsilon: privacy.epsilon, delta: privacy.delta, count: charges };
  const noiseMultiplier = roundUp(
    question.noiseMultiplier ??
      calibrateNoiseMultiplier({
        event: (candidate) => selfComposed(eventAt(candidate), target.count),
        epsilon: target.epsilon,
        delta: target.delta,
        relation: privacy.relation,
        accountant: privacy.accountant,
      }),
  );
  const { shareVariance } = mechanismAt(noiseMultiplier);
  return {
    noise: { addedBy, noiseMultiplier, l2Sensitivity, honestShares, shareVariance },
    event: eventAt(noiseMultiplier),
  };
}

/** What a task costs: one attempt, all charges, and the budget that its ledgers hold it to. */
export function planCost(
  privacy: PrivacySettings,
  { event, charges }: { readonly event: DpEvent | undefined; readonly charges: number },
): {
  readonly epsilonPerAttempt: number;
  readonly epsilonAtEnd: number;
  readonly budget: { readonly epsilon: number; readonly delta: number } | undefined;
} {
  if (privacy.trust === 'off' || event === undefined) {
    return { epsilonPerAttempt: 0, epsilonAtEnd: 0, budget: undefined };
  }
  const delta = privacy.trust === 'local' ? (privacy.delta ?? privacy.deltaPerRound) : privacy.delta;
  const spentBy = (count: number): number => {
    const accountant = createAccountant({ accountant: privacy.accountant, relation: privacy.relation });
    accountant.compose(event, count);
    return accountant.epsilon(delta);
  };
  const epsilonAtEnd = spentBy(charges);
  if (privacy.trust === 'local' && privacy.epsilon !== undefined && epsilonAtEnd > privacy.epsilon) {
    throw new RoundsError(
      'rounds/impossible-plan',
      `privacy.epsilonPerRound of ${privacy.epsilonPerRound} composes to ${epsilonAtEnd.toFixed(3)} over ${charges} ` +
        `rounds, above privacy.epsilon ${privacy.epsilon}: lower it, training.rounds or maxParticipations`,
    );
  }
  // Charged one by one in a ledger the same total may differ in its last bits.
  const epsilon = privacy.trust === 'local' ? epsilonAtEnd * (1 + 1e-9) : privacy.epsilon;
  return { epsilonPerAttempt: spentBy(1), epsilonAtEnd, budget: { epsilon, delta } };
}

/** Multiples that a calibrated multiplier is rounded up to. */
const MULTIPLIER_STEP = 2 ** -20;

/**
 * Rounds up to a multiple of 2⁻²⁰. Engines differ in the last bits of `Math.log` and `Math.exp`, so two of them find
 * multipliers that differ in the last bits; all parties of a round must derive the same one.
 */
function roundUp(multiplier: number): number {
  return Math.ceil(multiplier / MULTIPLIER_STEP) * MULTIPLIER_STEP;
}
