/**
 * What a task would cost and give, before it is created: its plan, the bytes and the time of a round, and what is known of
 * the accuracy to expect. Nothing is charged, stored or sent.
 *
 * @module
 */

import { dryRun } from '../../secure/secagg/index.ts';
import { createEngine } from '../../learning/models/index.ts';
import { createDataset } from '../../learning/data/index.ts';
import type { TaskFile } from '../task/index.ts';
import { planRun } from '../training/index.ts';
import type { TaskHead } from '../view/index.ts';

/** What is known of the accuracy to expect. */
export type AccuracyExpectation =
  /** Tasks with the same model on the same data, here: what they reached, the nearest in ε first. */
  | { readonly kind: 'earlier'; readonly tasks: readonly { name: string; epsilon: number | null; accuracy: number }[] }
  | { readonly kind: 'unknown' };

/** A preview. */
export interface TaskPreview {
  readonly parameters: number;
  readonly rounds: number;
  readonly attempts: number;
  readonly bitWidth: number;
  /** Null without privacy. */
  readonly epsilonAtEnd: number | null;
  readonly epsilonPerAttempt: number | null;
  readonly noiseMultiplier: number | null;
  /** σ of the noise of one coordinate of the mean, ÷ the clip norm: how loud the noise is. */
  readonly noisePerCoordinate: number | null;
  readonly bytesPerRound: number;
  readonly bytesTotal: number;
  readonly secondsPerRound: number;
  readonly secondsTotal: number;
  readonly accuracy: AccuracyExpectation;
}

/** Bytes of frames and addresses around a vector that is not masked. */
const FRAME_BYTES = 400;
/** Examples on which a step is timed. */
const TIMED = 16;

/**
 * Previews a task.
 * @throws typed errors as its creation would.
 */
export function previewTask(
  task: TaskFile,
  { inputShape, earlier = [] }: { inputShape: readonly number[]; earlier?: readonly EarlierTask[] },
): TaskPreview {
  const run = planRun(task, { inputShape });
  const { plan } = run;
  const { aggregation } = plan;
  const modelBytes = plan.dimension * 4;
  const vectorBytes = Math.ceil((plan.dimension * plan.bitWidth) / 8);
  let bytesPerRound = modelBytes + vectorBytes + FRAME_BYTES;
  let protocolSeconds = 0;
  if (aggregation.kind === 'secagg') {
    const { threshold, maxCorrupt, adversary } = aggregation;
    const estimate = dryRun(
      {
        taskId: run.taskId,
        round: 1,
        attempt: 1,
        bitWidth: plan.bitWidth,
        entries: plan.dimension,
        threshold,
        maxCorrupt,
        configDigest: plan.digest,
        adversary,
      },
      { participants: plan.participants, idBytes: 18 },
    );
    bytesPerRound = modelBytes + estimate.participant.bytesSent + estimate.participant.bytesReceived;
    protocolSeconds = estimate.participant.seconds + estimate.coordinator.seconds;
  }
  const examples = 'expectedBatchSize' in plan ? Number(plan.expectedBatchSize) / plan.participants : TIMED;
  const secondsPerRound = protocolSeconds + examples * secondsPerExample(run, inputShape);
  const isPrivate = task.privacy.trust !== 'off';
  const noise = plan.noise;
  return {
    parameters: plan.dimension,
    rounds: plan.rounds,
    attempts: plan.attempts,
    bitWidth: plan.bitWidth,
    epsilonAtEnd: isPrivate ? plan.epsilonAtEnd : null,
    epsilonPerAttempt: isPrivate ? plan.epsilonPerAttempt : null,
    noiseMultiplier: noise?.noiseMultiplier ?? null,
    noisePerCoordinate:
      noise === undefined || !('expectedBatchSize' in plan)
        ? null
        : noise.noiseMultiplier / Math.max(1, Number(plan.expectedBatchSize)),
    bytesPerRound: Math.round(bytesPerRound),
    bytesTotal: Math.round(bytesPerRound * plan.rounds),
    secondsPerRound,
    secondsTotal: secondsPerRound * plan.rounds,
    accuracy: expectationOf(task, earlier),
  };
}

/** A task whose accuracy is known. */
export interface EarlierTask {
  readonly head: TaskHead;
  /** What must be the same for its accuracy to say something: model, features and data. */
  readonly likeness: string;
}

/** What makes the accuracies of two tasks comparable. */
export function likenessOf({ model, features, data }: TaskFile): string {
  return JSON.stringify({ model, features, data });
}

function expectationOf(task: TaskFile, earlier: readonly EarlierTask[]): AccuracyExpectation {
  const likeness = likenessOf(task);
  const wanted = 'epsilon' in task.privacy ? Number(task.privacy.epsilon) : null;
  const alike = earlier
    .filter((each) => each.likeness === likeness && each.head.accuracy !== null)
    .map(({ head }) => ({ name: head.name, epsilon: head.epsilon, accuracy: head.accuracy as number }))
    .toSorted((a, b) => distance(a.epsilon, wanted) - distance(b.epsilon, wanted));
  return alike.length === 0 ? { kind: 'unknown' } : { kind: 'earlier', tasks: alike.slice(0, 3) };
}

function distance(epsilon: number | null, wanted: number | null): number {
  if (epsilon === null || wanted === null) return epsilon === wanted ? 0 : Infinity;
  return Math.abs(Math.log(Math.max(epsilon, 1e-6) / Math.max(wanted, 1e-6)));
}

/** Times a clipped step of the very model on made-up examples, on this machine. */
function secondsPerExample(run: ReturnType<typeof planRun>, inputShape: readonly number[]): number {
  const size = inputShape.reduce((product, extent) => product * extent, 1);
  const dataset = run.prepare(
    createDataset({
      inputs: new Float32Array(size * TIMED),
      inputShape: [...inputShape],
      labels: new Uint8Array(TIMED),
      classes: 2,
    }),
  );
  const engine = createEngine(run.layers);
  const indices = Uint32Array.from({ length: TIMED }, (_, i) => i);
  const step = (): void => {
    engine.clippedSum({
      parameters: new Float32Array(run.plan.dimension),
      dataset,
      indices,
      clipNorm: run.plan.clipNorm,
      stepSeed: 1n,
    });
  };
  step();
  const start = performance.now();
  step();
  return (performance.now() - start) / 1000 / TIMED;
}
