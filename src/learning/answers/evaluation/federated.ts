/**
 * Evaluation on the test data of several participants: each counts its own predictions, adds its share of the noise, and
 * only the sum of all counts is opened, through the secure sum. No participant's counts leave it readable.
 *
 * @module
 */

import type { Rng } from '../../../foundations/random/index.ts';
import { calibrateNoiseMultiplier, type DpEvent } from '../../../privacy/accounting/index.ts';
import { createDistributedDiscreteGaussian } from '../../../privacy/mechanisms/index.ts';
import { joinSecureSum, type PartyChannel, secureSum as sumOfShares } from '../../../secure/mpc/index.ts';
import { secureSum as sumWithMasks } from '../../../secure/secagg/index.ts';
import { AnswersError } from '../errors.ts';
import type { NoisyCounts } from './estimates.ts';
import type { PrivateEvaluationTarget } from './release.ts';
import { dimensionOf, REGRESSION_SCALE, sensitivityOf, type TallyLayout } from './tally.ts';

/** What all participants of a federated evaluation agree on beforehand. */
export interface FederatedEvaluationOptions {
  readonly layout: TallyLayout;
  readonly participants: number;
  /** Bound of one participant's test examples; public. */
  readonly maxExamples: number;
  /** Noise inside the sum: nobody sees exact counts. Without it the exact sum of all is opened, to everybody. */
  readonly noise?: PrivateEvaluationTarget & {
    /** Participants whose shares of the noise count: not those who may tell theirs to the reader. */
    readonly honestParticipants: number;
  };
}

/** The plan that follows from the options, alike for everybody. */
export interface FederatedEvaluationPlan {
  readonly options: FederatedEvaluationOptions;
  /** Bound of one count of one participant, noise included. */
  readonly clampRange: number;
  /** σ on each count of the sum, as the honest participants' shares make it; 0 without noise. */
  readonly noiseStddev: number;
  /** Each participant charges it to its own ledger before it contributes; null without noise. */
  readonly event: DpEvent | null;
  /** What one participant brings into the sum: its counts with its share of the noise. */
  contribute(tally: Int32Array, rng: Rng): Int32Array;
}

/** Chance that noise takes a count out of the ring: about exp(−12²/2) a count. */
const NOISE_REACH = 12;

/**
 * Plans a federated evaluation.
 * Guarantee with noise: (epsilon, delta)-DP for one example of one participant against everybody, as long as
 * `honestParticipants` add their shares and keep them to themselves. Without noise: only the sum is seen.
 * @throws {AnswersError} `answers/layout` for fewer than three participants.
 */
export function planFederatedEvaluation(options: FederatedEvaluationOptions): FederatedEvaluationPlan {
  const { layout, participants, maxExamples, noise } = options;
  if (participants < 3) {
    throw new AnswersError(
      'answers/layout',
      `a sum over ${participants} participants shows what one of them counted: at least 3 are needed`,
    );
  }
  const dimension = dimensionOf(layout);
  const l2Sensitivity = sensitivityOf(layout);
  const exact = maxExamples * (layout.kind === 'regression' ? REGRESSION_SCALE : 1);
  if (noise === undefined) {
    return {
      options,
      clampRange: exact,
      noiseStddev: 0,
      event: null,
      contribute: (tally) => checked(tally, dimension),
    };
  }
  const { honestParticipants: honestShares, epsilon, delta } = noise;
  const make = (noiseMultiplier: number): ReturnType<typeof createDistributedDiscreteGaussian> =>
    createDistributedDiscreteGaussian({ l2Sensitivity, noiseMultiplier, honestShares, dimension });
  const noiseMultiplier = calibrateNoiseMultiplier({
    epsilon,
    delta,
    relation: 'add-or-remove-one',
    accountant: 'rdp',
    event: (multiplier) => make(multiplier).event(),
  });
  const mechanism = make(noiseMultiplier);
  // Everybody adds a share; the honest ones alone are enough.
  const noiseStddev = noiseMultiplier * l2Sensitivity * Math.sqrt(participants / honestShares);
  return {
    options,
    clampRange: exact + Math.ceil((NOISE_REACH * noiseMultiplier * l2Sensitivity) / Math.sqrt(honestShares)),
    noiseStddev,
    event: mechanism.event(),
    contribute(tally, rng) {
      const values = checked(tally, dimension).slice();
      mechanism.addShareInto(values, rng);
      return values;
    },
  };
}

function checked(tally: Int32Array, dimension: number): Int32Array {
  if (tally.length === dimension) return tally;
  throw new AnswersError('answers/layout', `the layout has ${dimension} counts, got ${tally.length}`);
}

/** Takes part in a federated evaluation over a channel to the other participants. */
export async function joinFederatedEvaluation(
  plan: FederatedEvaluationPlan,
  { tally, channel }: { readonly tally: Int32Array; readonly channel: PartyChannel },
  rng: Rng,
): Promise<NoisyCounts> {
  const { sum } = await joinSecureSum(
    channel,
    plan.contribute(tally, rng),
    { clampRange: plan.clampRange, fractionBits: 0 },
    rng,
  );
  return { counts: sum as Float64Array, noiseStddev: plan.noiseStddev };
}

/**
 * Runs a federated evaluation in one process, with the whole protocol between its participants.
 * @param options - `aggregation`: pairwise masks with a coordinator, or additive shares between the participants.
 */
export async function evaluateFederated(
  plan: FederatedEvaluationPlan,
  { tallies, aggregation }: { readonly tallies: readonly Int32Array[]; readonly aggregation: 'secagg' | 'shares' },
  rng: Rng,
): Promise<NoisyCounts & { readonly trust: string; readonly bytesPerParticipant: number }> {
  if (tallies.length !== plan.options.participants) {
    throw new AnswersError(
      'answers/layout',
      `${plan.options.participants} participants were planned, ${tallies.length} have counted`,
    );
  }
  const contributions = tallies.map((tally, i) => plan.contribute(tally, rng.fork(`noise/${i}`)));
  const options = { clampRange: plan.clampRange, fractionBits: 0 };
  const { noiseStddev } = plan;
  if (aggregation === 'secagg') {
    const [result] = await sumWithMasks(contributions, options, rng.fork('sum'));
    if (result === undefined) throw new AnswersError('answers/layout', 'nobody took part');
    const { sum, trust, bytes } = result;
    return { counts: sum as Float64Array, noiseStddev, trust, bytesPerParticipant: bytes.sent };
  }
  const [result] = await sumOfShares(contributions, options, rng.fork('sum'));
  if (result?.sum === undefined) throw new AnswersError('answers/layout', 'nobody took part');
  const { sum, trust, bytes } = result;
  return { counts: sum as Float64Array, noiseStddev, trust, bytesPerParticipant: bytes.shares + bytes.opening };
}
