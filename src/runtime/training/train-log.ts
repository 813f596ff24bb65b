/**
 * What the log of a run of one party says: its task and plan, the steps that ran under each charge, and how whoever checks
 * it derives the same plan from the task file alone.
 *
 * @module
 */

import { sha256, toHex } from '../../foundations/crypto/index.ts';
import { type AccountTerms, eventToJson } from '../../privacy/accounting/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import { decodeSafetensors, tensorToFloat32 } from '../../learning/models/index.ts';
import { type DerivedPlan, type LeafOf, RUN_FILES } from '../../trust/log/index.ts';
import type { RunFolder } from '../storage/index.ts';
import { digestParameters, type TaskLog } from '../storage/tiles/index.ts';
import { parseTrainingFile, type TrainingFile } from '../task/index.ts';
import { prepareFeatures } from './features.ts';
import { planTraining, type TrainingPlan } from './plan-training.ts';
import { digestOf, folderOf, recordData } from './run-log.ts';
import { privacyLeafOf } from './task-leaves.ts';
import type { TrainState } from './train-state.ts';

/** What derives the plans of one party's training: another version may derive another one from the same task. */
export const TRAIN_VERSION = 'sotto/train-1';

type PlanEvent = LeafOf<'plan'>['event'];

/** The facts of a plan that its log has and its reader derives. */
function describePlan({ noise }: TrainingPlan): { event: PlanEvent; charged: 'step' | 'run' } {
  return {
    event: noise === undefined ? null : (eventToJson(noise.event) as PlanEvent),
    charged: noise?.charged ?? 'step',
  };
}

/** Shape that a plan follows from: that of the data, or of what a user's own model makes of them. */
export function planShapeOf(
  { features }: TrainingFile,
  { inputShape, input }: { readonly inputShape: readonly number[]; readonly input: readonly number[] },
): readonly number[] {
  return features?.kind === 'onnx' ? input : inputShape;
}

/** Records task, plan and data of a run that begins, or where a run is taken up again. */
export async function recordTrainStart(
  log: TaskLog,
  {
    plan,
    state,
    folder,
    terms,
    data,
    shape,
  }: {
    readonly plan: TrainingPlan;
    readonly state: TrainState;
    readonly folder: RunFolder;
    /** Of the ledger; absent without privacy. */
    readonly terms: AccountTerms | undefined;
    readonly data: Readonly<Record<string, Dataset>>;
    readonly shape: readonly number[];
  },
): Promise<void> {
  const modelDigest = digestParameters(state.current());
  if (log.has('plan')) {
    const checkpoint = folder.has(RUN_FILES.checkpoint) ? digestOf(folder.read(RUN_FILES.checkpoint)) : null;
    log.record({ kind: 'resumed', round: state.round, modelDigest, checkpointDigest: checkpoint });
    recordEarlierLines(log, folder);
    await log.flush();
    return;
  }
  const { task } = plan;
  const { privacy, training } = task;
  const { event, charged } = describePlan(plan);
  log.record(
    {
      kind: 'task',
      task: task.task,
      taskDigest: digestOf(folder.read(RUN_FILES.task)),
      mode: 'single-party',
      participants: 1,
      rounds: training.rounds,
      aggregation: 'clear',
      privacy: privacyLeafOf(privacy, terms),
      seeded: false,
      version: TRAIN_VERSION,
    },
    {
      kind: 'plan',
      planDigest: plan.digest,
      attempts: plan.attempts,
      dimension: plan.layers.parameterCount,
      inputShape: [...shape],
      samplingRate: training.samplingRate,
      clipNorm: training.clipNorm,
      noiseMultiplier: plan.noise?.noiseMultiplier ?? null,
      threshold: null,
      maxCorrupt: null,
      event,
      charged,
      modelDigest,
    },
  );
  await recordData(log, { task: task.task, folder: folderOf(task.data), data });
  await log.flush();
}

/** Records steps that ran, from the model they began with to the one they left. */
export function recordSteps(
  log: TaskLog,
  {
    first,
    startDigest,
    state,
    checkpoint,
  }: {
    readonly first: number;
    readonly startDigest: string;
    readonly state: TrainState;
    readonly checkpoint: Uint8Array | undefined;
  },
): void {
  log.record({
    kind: 'steps',
    first,
    last: state.round,
    startDigest,
    modelDigest: digestParameters(state.current()),
    checkpointDigest: checkpoint === undefined ? null : toHex(sha256(checkpoint)),
  });
}

/** Records a line of metrics as it stands in its file. */
export function recordLine(log: TaskLog, line: Readonly<Record<string, unknown>>): void {
  const { round, accuracy, loss } = line as { round: number; accuracy?: number; loss?: number };
  log.record({
    kind: 'evaluation',
    attempt: round,
    round,
    reportDigest: digestOf(new TextEncoder().encode(JSON.stringify(line))),
    accuracy: accuracy ?? null,
    loss: loss ?? null,
  });
}

/** Records lines that a crash kept from the log. */
function recordEarlierLines(log: TaskLog, folder: RunFolder): void {
  const logged = log.leaves.filter(({ kind }) => kind === 'evaluation').length;
  for (const line of folder.readLines(RUN_FILES.metrics).slice(logged)) recordLine(log, line);
}

/**
 * Derives the plan of a run of one party from its task file.
 * @param shape - as {@link planShapeOf} gives it.
 */
export function deriveTraining(text: string, shape: readonly number[]): DerivedPlan {
  const task = parseTrainingFile(text, { path: RUN_FILES.task });
  const features =
    task.features?.kind === 'onnx'
      ? undefined
      : prepareFeatures(task, { inputShape: shape, workers: 1, readFile: () => new Uint8Array() });
  const plan = planTraining(task, { input: features?.shape ?? shape, normalization: features?.event });
  const { layers } = plan;
  return {
    version: TRAIN_VERSION,
    planDigest: plan.digest,
    ...describePlan(plan),
    digestModel(file) {
      const { tensors } = decodeSafetensors(file);
      const all = new Float32Array(layers.parameterCount);
      for (const { name, offset } of layers.parameters) {
        const tensor = tensors.get(name);
        if (tensor !== undefined) all.set(tensorToFloat32(tensor), offset);
      }
      return digestParameters(all);
    },
  };
}
