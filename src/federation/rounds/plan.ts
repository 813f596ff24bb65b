/**
 * From a task to its plan: the public constants that every party of a round derives alike, and whose digest binds its
 * masks. The plan says how a contribution becomes integers on a grid, how wide the ring is, how much noise is added by
 * whom, and which event one attempt is charged.
 *
 * @module
 */

import { encode } from 'cborg';

import { sha256 } from '../../foundations/crypto/index.ts';
import { assertInteger, assertPositive } from '../../foundations/numerics/index.ts';
import { chooseBitWidth } from '../../foundations/vector/index.ts';
import { eventToJson } from '../../privacy/accounting/index.ts';
import { RoundsError } from './errors.ts';
import { planAggregation } from './plan-aggregation.ts';
import { planCost, planNoise } from './plan-noise.ts';
import type { ModelFacts, TaskPlan } from './plan-types.ts';
import { planUpdates } from './plan-update.ts';
import { findRoundsProblems, type RoundsTask } from './task.ts';

/** A ring in which a sum wraps anywhere in a whole task with a probability below 2^-40. */
const WRAP_FAILURE_LOG2 = -40;

/**
 * Derives the plan of a task.
 *
 * Sums of gradients: the grid is fine enough that √dimension steps are at most 1 % of the clip norm. A participant's *sum*
 * is rounded, so rounding may move it by one step a coordinate more between neighbours than the clip allows: the charge is
 * sensitivity · scale + √dimension. Updates: see `plan-update.ts`.
 *
 * @throws {@link RoundsError} `rounds/impossible-plan` when no parameters satisfy the task.
 */
export function planTask(task: RoundsTask, facts: ModelFacts): TaskPlan {
  const [problem] = findRoundsProblems(task);
  if (problem !== undefined) {
    throw new RoundsError('rounds/impossible-plan', `${problem.path.join('.')} ${problem.message}`);
  }
  try {
    return derivePlan(task, facts);
  } catch (cause) {
    // A number that no sampler, ring or accountant takes: the task asks for what cannot be given.
    if (!(cause instanceof RangeError)) throw cause;
    throw new RoundsError(
      'rounds/impossible-plan',
      `no noise fits privacy.epsilon and privacy.delta with training.samplingRate and training.rounds: ${cause.message}`,
      { cause },
    );
  }
}

function derivePlan(task: RoundsTask, facts: ModelFacts): TaskPlan {
  assertInteger(facts.dimension, 'dimension', { min: 1 });
  assertPositive(facts.clippedSumSensitivity, 'clippedSumSensitivity');
  const { privacy, rounds } = task;
  const updates = rounds.local !== undefined;
  const parts = updates ? planUpdates(task, facts) : planGradients(task, facts);
  const plan = {
    taskName: task.name,
    contribution: updates ? ('update' as const) : ('gradients' as const),
    enrolled: task.participants,
    participants: rounds.cohortSize ?? task.participants,
    rounds: rounds.rounds,
    attempts: rounds.rounds + rounds.spareRounds,
    dimension: facts.dimension,
    samplingRate: rounds.samplingRate ?? 1,
    clipNorm: rounds.clipNorm,
    clampRange: rounds.clampRange * rounds.clipNorm,
    expectedBatchSize: rounds.expectedBatchSize ?? 1,
    aggregation: planAggregation(task),
    ...parts,
  };
  return { ...plan, ...planCost(privacy, plan), digest: digestPlan(plan) };
}

type Parts = ReturnType<typeof planUpdates>;

/** The parts of a plan that sums of clipped gradients decide. */
function planGradients(task: RoundsTask, { dimension, clippedSumSensitivity }: ModelFacts): Parts {
  const { privacy, rounds } = task;
  const attempts = rounds.rounds + rounds.spareRounds;
  const root = Math.sqrt(dimension);
  const quantizationScale = 2 ** Math.ceil(Math.log2((100 * root) / rounds.clipNorm));
  const l2Sensitivity = Math.ceil(clippedSumSensitivity * quantizationScale + root);
  const aggregation = planAggregation(task);
  const planned =
    privacy.trust === 'off'
      ? { noise: undefined, event: undefined }
      : planNoise(privacy, {
          addedBy: ({ nobody: 'participants', local: 'each', coordinator: 'coordinator' } as const)[privacy.trust],
          l2Sensitivity,
          honestShares:
            privacy.trust === 'nobody' && aggregation.kind !== 'clear'
              ? aggregation.minSurvivors - aggregation.maxCorrupt
              : 1,
          entries: dimension,
          samplingRate: rounds.samplingRate ?? 1,
          charges: attempts,
        });
  const { noise } = planned;
  const bitWidth = chooseBitWidth({
    participants: task.participants,
    maxMagnitude: Math.ceil(rounds.clampRange * rounds.clipNorm * quantizationScale),
    noiseVariance: noise === undefined || noise.addedBy === 'coordinator' ? 0 : noise.shareVariance * task.participants,
    dimension,
    rounds: attempts,
    failureLog2: WRAP_FAILURE_LOG2,
  });
  if (bitWidth > 32) {
    throw new RoundsError(
      'rounds/impossible-plan',
      `the sum needs a ring of ${bitWidth} bits, more than 32: lower clampRange or participants`,
    );
  }
  return {
    entries: dimension,
    offered: dimension,
    quantizationScale,
    bitWidth,
    update: undefined,
    charges: attempts,
    maxParticipations: undefined,
    ...planned,
  };
}

/** Epsilons are no part of it: they follow from the rest by logarithms, whose last bits differ between engines. */
function digestPlan({
  event,
  noise,
  ...plan
}: Omit<TaskPlan, 'digest' | 'budget' | 'epsilonPerAttempt' | 'epsilonAtEnd'>): Uint8Array {
  return sha256(
    encode({
      ...plan,
      noise: noise === undefined ? null : { ...noise },
      event: event === undefined ? null : eventToJson(event),
    }),
  );
}
