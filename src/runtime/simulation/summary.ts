/**
 * The summary of a run: what was reached, what it cost in privacy, time and bytes, and against whom it holds.
 *
 * @module
 */

import type { TaskPlan } from '../../federation/rounds/index.ts';
import { dryRun } from '../../secure/secagg/index.ts';
import type { RunPlan } from '../training/index.ts';
import type { HostSeconds } from './host-protocol.ts';
import type { RunMode } from './run-task.ts';
import type { AttemptReport, TaskOutcome } from './simulate-task.ts';

/** The price of a sum with assistants. */
export interface AggregationPrice {
  /** Seconds that the assistants took in an attempt. */
  readonly assistantSecondsPerAttempt: number;
  /** What a participant would send and receive in an attempt under pairwise masks on the complete graph. */
  readonly secaggBytesPerParticipantRound: number;
}

/** `summary.json`. */
export interface RunSummary {
  readonly task: string;
  readonly mode: RunMode;
  readonly ended: TaskOutcome['ended'];
  /** On the public test data. */
  readonly accuracy: number;
  readonly loss: number;
  /** Spent, every attempt charged; null without privacy: there is no bound. */
  readonly epsilon: number | null;
  readonly delta: number | null;
  readonly privacyUnit: string | null;
  readonly relation: string | null;
  readonly accountant: string | null;
  readonly trust: string;
  readonly aggregation: string;
  readonly rounds: number;
  readonly attempts: number;
  readonly abortedAttempts: number;
  /** Charged, and cut short by an interruption. */
  readonly interruptedAttempts: number;
  readonly participants: number;
  /** Over the whole task. */
  readonly dropouts: number;
  readonly noiseMultiplier: number | null;
  readonly maxCorrupt: number | null;
  /** Whom the protocol holds against. */
  readonly adversary: string;
  /** True when the run follows from a seed: THEN NOTHING HERE PROTECTS ANYBODY. */
  readonly seeded: boolean;
  readonly secondsTotal: number;
  /** Thread seconds by part, all threads together. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
  /** Mean of what a participant sends plus what it receives in an attempt. */
  readonly bytesPerParticipantRound: number;
  /** Parties beside the coordinator that formed the sums, and must not collude with it. */
  readonly assistants: readonly string[];
  /** What another way than masks cost, beside what masks would have cost; null under masks and in the clear. */
  readonly price: AggregationPrice | null;
  readonly model: { readonly parameters: number; readonly sha256: string };
}

/** Puts a summary together; `earlier` are the attempts of a run that was resumed. */
export function summarize({
  run: { task, plan },
  mode,
  outcome,
  earlier,
  attempts,
  epsilon,
  seconds,
  hostSeconds,
  modelDigest,
}: {
  run: RunPlan;
  mode: RunMode;
  outcome: TaskOutcome;
  earlier: readonly AttemptReport[];
  /** Every attempt that was charged, those cut short by an interruption among them. */
  attempts: number;
  epsilon: number;
  seconds: number;
  hostSeconds: HostSeconds;
  modelDigest: string;
}): RunSummary {
  const { privacy } = task;
  const isPrivate = privacy.trust !== 'off';
  const reported = earlier.length + outcome.attempts;
  const bytes =
    earlier.reduce((sum, { bytesPerParticipant }) => sum + bytesPerParticipant, 0) +
    outcome.bytesPerParticipantRound * outcome.attempts;
  return {
    task: task.task,
    mode,
    ended: outcome.ended,
    accuracy: outcome.score.accuracy,
    loss: outcome.score.loss,
    epsilon: isPrivate ? epsilon : null,
    delta: plan.budget?.delta ?? null,
    privacyUnit: isPrivate ? privacy.privacyUnit : null,
    relation: isPrivate ? privacy.relation : null,
    accountant: isPrivate ? privacy.accountant : null,
    trust: privacy.trust,
    aggregation: privacy.aggregation.kind,
    rounds: outcome.rounds,
    attempts,
    abortedAttempts: earlier.filter(({ outcome: how }) => how === 'aborted').length + outcome.abortedAttempts,
    interruptedAttempts: attempts - reported,
    participants: mode === 'single-party' ? 1 : task.participants,
    dropouts: earlier.reduce((sum, { dropouts }) => sum + dropouts, 0) + outcome.dropouts,
    noiseMultiplier: plan.noise?.noiseMultiplier ?? null,
    maxCorrupt: plan.aggregation.kind === 'clear' ? null : plan.aggregation.maxCorrupt,
    assistants: assistantsOf(plan),
    price: priceOf(plan, outcome),
    adversary: adversaryOf(privacy.trust, plan.aggregation.kind),
    seeded: task.simulation.seed !== undefined,
    secondsTotal: round(seconds + earlier.reduce((sum, line) => sum + line.seconds, 0)),
    cpuSeconds: {
      setup: round(hostSeconds.setup),
      gradients: round(hostSeconds.gradients),
      noise: round(hostSeconds.noise),
      masks: round(hostSeconds.protocol),
      coordinator: round(outcome.coordinatorSeconds),
      evaluation: round(hostSeconds.evaluation),
    },
    bytesPerParticipantRound: reported === 0 ? 0 : Math.round(bytes / reported),
    model: { parameters: plan.dimension, sha256: modelDigest },
  };
}

function adversaryOf(trust: string, aggregation: string): string {
  if (trust === 'off') return 'none: NOT PRIVATE';
  if (trust === 'coordinator') return 'readers of the model; the coordinator is trusted';
  if (trust === 'local') return 'everybody who sees a contribution, the coordinator among them';
  return aggregation === 'clear' ? 'none' : 'honest-but-curious';
}

function assistantsOf({ aggregation }: TaskPlan): readonly string[] {
  if (aggregation.kind === 'shares') return aggregation.servers.map(({ name }) => name);
  return aggregation.kind === 'homomorphic' ? [aggregation.holder.name] : [];
}

function priceOf(plan: TaskPlan, { assistantSeconds, attempts }: TaskOutcome): AggregationPrice | null {
  const { aggregation, participants, bitWidth, entries, digest: configDigest } = plan;
  if (aggregation.kind !== 'shares' && aggregation.kind !== 'homomorphic') return null;
  const { minSurvivors, maxCorrupt } = aggregation;
  const { participant } = dryRun(
    {
      taskId: plan.taskName,
      round: 1,
      attempt: 1,
      bitWidth,
      entries,
      threshold: minSurvivors,
      maxCorrupt,
      configDigest,
      adversary: 'honest-but-curious',
    },
    { participants },
  );
  // Beside the protocol's messages stands the model, four bytes a parameter.
  const offer = plan.offered * 4;
  return {
    assistantSecondsPerAttempt: attempts === 0 ? 0 : round(assistantSeconds / attempts),
    secaggBytesPerParticipantRound: participant.bytesSent + participant.bytesReceived + offer,
  };
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
