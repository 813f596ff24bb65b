/**
 * From a task to its plan: the public constants that every party of a round derives alike, and whose digest binds its
 * masks. The plan says how a clipped sum becomes integers on a grid, how wide the ring is, how much noise each
 * participant adds, and which event one attempt is charged.
 *
 * @module
 */

import { encode } from 'cborg';

import { sha256 } from '../../foundations/crypto/index.ts';
import { assertInteger, assertNever, assertPositive } from '../../foundations/numerics/index.ts';
import { chooseBitWidth } from '../../foundations/vector/index.ts';
import {
  calibrateNoiseMultiplier,
  createAccountant,
  type DpEvent,
  eventToJson,
  selfComposed,
} from '../../privacy/accounting/index.ts';
import {
  createDistributedDiscreteGaussian,
  createPoissonSampler,
  type DistributedDiscreteGaussian,
} from '../../privacy/mechanisms/index.ts';
import { RoundsError } from './errors.ts';
import type { PrivacySettings, RoundsTask } from './task.ts';

/** A ring in which a sum wraps anywhere in a whole task with a probability below 2^-40. */
const WRAP_FAILURE_LOG2 = -40;

/** How noise reaches the sum. */
export interface PlannedNoise {
  /** Who adds it: every participant a share, or the coordinator the whole. */
  readonly addedBy: 'participants' | 'coordinator';
  /** σ ÷ sensitivity of the noise that is charged. */
  readonly noiseMultiplier: number;
  /** L2 sensitivity of the sum of grid integers to one example. */
  readonly l2Sensitivity: number;
  /** Shares that are charged: the honest survivors of the worst round that still succeeds. */
  readonly honestShares: number;
  /** Variance of one share, in grid units squared. */
  readonly shareVariance: number;
}

/** The public constants of a task. */
export interface TaskPlan {
  readonly taskName: string;
  readonly participants: number;
  readonly rounds: number;
  /** `rounds` and the spare ones: what the budget is calibrated for. */
  readonly attempts: number;
  readonly dimension: number;
  readonly samplingRate: number;
  readonly clipNorm: number;
  /** Bound of each coordinate of a participant's sum. */
  readonly clampRange: number;
  /** Grid steps a unit: a power of two, so that scaling is exact. */
  readonly quantizationScale: number;
  readonly bitWidth: number;
  readonly expectedBatchSize: number;
  readonly aggregation:
    | {
        readonly kind: 'secagg';
        readonly threshold: number;
        readonly maxCorrupt: number;
        readonly stageTimeoutMs: number;
        readonly adversary: 'honest-but-curious' | 'malicious-coordinator';
      }
    | { readonly kind: 'clear'; readonly stageTimeoutMs: number };
  /** Absent without privacy. */
  readonly noise: PlannedNoise | undefined;
  /** Charged once an attempt; absent without privacy. */
  readonly event: DpEvent | undefined;
  /** Bound on ε of a single attempt at the task's δ; 0 without privacy. */
  readonly epsilonPerAttempt: number;
  /** Bound on ε after all attempts at the task's δ; 0 without privacy. */
  readonly epsilonAtEnd: number;
  /** SHA-256 of the canonical bytes of all of the above. */
  readonly digest: Uint8Array;
}

/** What the plan needs to know of the model. */
export interface ModelFacts {
  /** Entries of the flat parameter vector. */
  readonly dimension: number;
  /** L2 sensitivity of the clipped sum to one example, the float32 error of its computation included. */
  readonly clippedSumSensitivity: number;
}

/**
 * Derives the plan of a task.
 *
 * The grid is fine enough that √dimension steps are at most 1 % of the clip norm. A participant's *sum* is rounded, so
 * rounding may move it by one step a coordinate more between neighbours than the clip allows: the charge is
 * sensitivity · scale + √dimension.
 *
 * @throws {@link RoundsError} `rounds/impossible-plan` when no parameters satisfy the task.
 */
export function planTask(task: RoundsTask, facts: ModelFacts): TaskPlan {
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
  const attempts = rounds.rounds + rounds.spareRounds;
  const root = Math.sqrt(facts.dimension);
  const quantizationScale = 2 ** Math.ceil(Math.log2((100 * root) / rounds.clipNorm));
  const clampRange = rounds.clampRange * rounds.clipNorm;
  const l2Sensitivity = Math.ceil(facts.clippedSumSensitivity * quantizationScale + root);
  const noise = planNoise(task, { l2Sensitivity, dimension: facts.dimension, attempts });
  const event = noise && sampledEvent(noise, { samplingRate: rounds.samplingRate, dimension: facts.dimension });
  const bitWidth = chooseBitWidth({
    participants: task.participants,
    maxMagnitude: Math.ceil(clampRange * quantizationScale),
    noiseVariance: noise?.addedBy === 'participants' ? noise.shareVariance * task.participants : 0,
    dimension: facts.dimension,
    rounds: attempts,
    failureLog2: WRAP_FAILURE_LOG2,
  });
  if (bitWidth > 32) {
    throw new RoundsError(
      'rounds/impossible-plan',
      `the sum needs a ring of ${bitWidth} bits, more than 32: lower clampRange or participants`,
    );
  }
  const plan = {
    taskName: task.name,
    participants: task.participants,
    rounds: rounds.rounds,
    attempts,
    dimension: facts.dimension,
    samplingRate: rounds.samplingRate,
    clipNorm: rounds.clipNorm,
    clampRange,
    quantizationScale,
    bitWidth,
    expectedBatchSize: rounds.expectedBatchSize,
    aggregation: planAggregation(task),
    noise,
    event,
    epsilonPerAttempt: event === undefined || privacy.trust === 'off' ? 0 : epsilonOf(event, 1, privacy),
    epsilonAtEnd: event === undefined || privacy.trust === 'off' ? 0 : epsilonOf(event, attempts, privacy),
  } satisfies Omit<TaskPlan, 'digest'>;
  return { ...plan, digest: digestPlan(plan) };
}

/** The event of one attempt: the Poisson sample and the noise on its sum. */
function sampledEvent(
  noise: PlannedNoise,
  { samplingRate, dimension }: { samplingRate: number; dimension: number },
): DpEvent {
  const mechanism = createDistributedDiscreteGaussian({ ...noise, dimension });
  return createPoissonSampler({ samplingRate }).event(mechanism.event());
}

/** ε of `attempts` charges of `event`, as the task's accountant counts it. */
function epsilonOf(
  event: DpEvent,
  attempts: number,
  { relation, accountant: name, delta }: Exclude<PrivacySettings, { trust: 'off' }>,
): number {
  const accountant = createAccountant({ accountant: name, relation });
  accountant.compose(event, attempts);
  return accountant.epsilon(delta);
}

function planNoise(
  task: RoundsTask,
  { l2Sensitivity, dimension, attempts }: { l2Sensitivity: number; dimension: number; attempts: number },
): PlannedNoise | undefined {
  const { privacy, rounds } = task;
  switch (privacy.trust) {
    case 'off':
      return undefined;
    case 'nobody':
    case 'coordinator': {
      const honestShares = privacy.trust === 'nobody' ? privacy.aggregation.threshold - privacy.maxCorrupt : 1;
      const mechanismAt = (noiseMultiplier: number): DistributedDiscreteGaussian =>
        createDistributedDiscreteGaussian({ l2Sensitivity, noiseMultiplier, honestShares, dimension });
      const sampler = createPoissonSampler({ samplingRate: rounds.samplingRate });
      const noiseMultiplier = roundUp(
        calibrateNoiseMultiplier({
          event: (multiplier) => selfComposed(sampler.event(mechanismAt(multiplier).event()), attempts),
          epsilon: privacy.epsilon,
          delta: privacy.delta,
          relation: privacy.relation,
          accountant: privacy.accountant,
        }),
      );
      return {
        addedBy: privacy.trust === 'nobody' ? 'participants' : 'coordinator',
        noiseMultiplier,
        l2Sensitivity,
        honestShares,
        shareVariance: mechanismAt(noiseMultiplier).shareVariance,
      };
    }
    default:
      return assertNever(privacy, 'trust');
  }
}

function planAggregation(task: RoundsTask): TaskPlan['aggregation'] {
  const { privacy, participants } = task;
  const { aggregation } = privacy;
  if (aggregation.kind === 'clear') return { kind: 'clear', stageTimeoutMs: aggregation.stageTimeoutMs };
  const maxCorrupt = privacy.trust === 'nobody' ? privacy.maxCorrupt : 0;
  // [BIK17] §6: two survivor sets of `threshold` that share no honest party would open both secrets of a victim.
  if (2 * aggregation.threshold <= participants + maxCorrupt || aggregation.threshold > participants) {
    const least = Math.floor((participants + maxCorrupt) / 2) + 1;
    throw new RoundsError(
      'rounds/impossible-plan',
      `privacy.aggregation.threshold must be in [${least}, ${participants}] for ${participants} participants ` +
        `of whom ${maxCorrupt} may be corrupt (2 · threshold > participants + maxCorrupt), got ${aggregation.threshold}`,
    );
  }
  return {
    kind: 'secagg',
    threshold: aggregation.threshold,
    maxCorrupt,
    stageTimeoutMs: aggregation.stageTimeoutMs,
    adversary: aggregation.adversary,
  };
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

/** Leaves out what follows from the rest by logarithms: their last bits differ between engines. */
function digestPlan({
  event,
  noise,
  epsilonPerAttempt: _perAttempt,
  epsilonAtEnd: _atEnd,
  ...plan
}: Omit<TaskPlan, 'digest'>): Uint8Array {
  return sha256(
    encode({
      ...plan,
      noise: noise === undefined ? null : { ...noise },
      event: event === undefined ? null : eventToJson(event),
    }),
  );
}
