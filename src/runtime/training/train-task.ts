/**
 * Private training by one party: data, features, plan, ledger, steps. The order of writes is what makes a crash harmless:
 * steps are charged before any data is touched, and the checkpoint is on the disk before the charge is marked as done.
 *
 * @module
 */

import { createHash } from 'node:crypto';

import { createSystemRng, type Rng } from '../../foundations/random/index.ts';
import type { Ledger } from '../../privacy/accounting/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import {
  createParallelEngine,
  createSchedule,
  type Evaluation,
  type ParallelEngine,
  shareDataset,
} from '../../learning/models/index.ts';
import type { RunFolder } from '../storage/index.ts';
import { digestParameters, type TaskLog } from '../storage/tiles/index.ts';
import { TaskError, type TrainingFile } from '../task/index.ts';
import { charge, normalize, openLedgerIn, reserveSteps } from './charges.ts';
import { holdOut, openStop, type Stop } from './early-stop.ts';
import { type ModelFormat, writeModel } from './model-export.ts';
import type { TrainingPlan } from './plan-training.ts';
import { prepareTraining } from './prepare-training.ts';
import type { StartingPoint } from './start-model.ts';
import { openRunLog, recordRelease } from './run-log.ts';
import { planShapeOf, recordLine, recordSteps, recordTrainStart } from './train-log.ts';
import { createSteps } from './steps.ts';
import { createTrainState, type TrainState } from './train-state.ts';

/** Steps that are charged, run and written down together: an interruption loses so many at most. */
const CHARGED_TOGETHER = 10;

/** One line of `metrics.jsonl`: the steps up to `round`. */
export interface StepsReport {
  readonly round: number;
  readonly outcome: 'committed';
  /** On public test data; absent where it was not evaluated. */
  readonly accuracy?: number;
  readonly loss?: number;
  /** Spent so far; 0 without privacy. */
  readonly epsilon: number;
  readonly seconds: number;
}

/** What the caller is told on the way. */
export interface TrainEvents {
  onStep?: (step: string) => void;
  /** Everything is planned and nothing has run yet. */
  onPlan?: (plan: TrainingPlan, start: StartingPoint) => void;
  onReport?: (report: StepsReport, plan: TrainingPlan) => void;
  /** Examples whose gradient was not finite and counted as zero. For the data holder alone: it is written nowhere. */
  onNonFinite?: (seen: { readonly count: number; readonly round: number }) => void;
}

/** `summary.json`. */
export interface TrainSummary {
  readonly task: string;
  readonly mode: 'single-party';
  readonly ended: 'rounds-done' | 'budget-spent' | 'stopped' | 'early-stop';
  /** On the public test data. */
  readonly accuracy: number;
  readonly loss: number;
  /** Spent; null without privacy: there is no bound. */
  readonly epsilon: number | null;
  readonly delta: number | null;
  readonly privacyUnit: string | null;
  readonly relation: string | null;
  readonly accountant: string | null;
  readonly trust: string;
  readonly rounds: number;
  readonly noiseMultiplier: number | null;
  readonly noise: string;
  readonly secondsTotal: number;
  readonly seconds: Readonly<Record<'features' | 'steps' | 'evaluation', number>>;
  readonly model: { readonly parameters: number; readonly sha256: string };
}

/**
 * Trains a task, or goes on with a run.
 * @param options - `baseFolder` that relative paths start from; `folder` gives the run folder once the task is known to be
 * sound; `formats` of the model beside safetensors.
 * @throws typed errors for everything that is wrong, before anything is charged.
 */
export async function trainTask({
  task,
  baseFolder,
  folder: openFolder,
  resolved,
  workers,
  formats = [],
  signal,
  events = {},
}: {
  task: TrainingFile;
  baseFolder: string;
  folder: () => RunFolder;
  /** The task file as the run folder shall keep it. */
  resolved: string;
  workers: number;
  formats?: readonly ModelFormat[];
  signal: AbortSignal;
  events?: TrainEvents;
}): Promise<TrainSummary> {
  const started = performance.now();
  const { train, test, features, input, plan, start } = await prepareTraining(task, {
    baseFolder,
    workers,
    ...(events.onStep === undefined ? {} : { onStep: events.onStep }),
  });
  const { layers } = plan;
  const folder = openFolder();
  try {
    return await runIn(folder);
  } finally {
    folder.close();
  }

  async function runIn(folder: RunFolder): Promise<TrainSummary> {
    const resumed = folder.has('task.resolved.yaml');
    const checkpoint = folder.has('checkpoint.safetensors') ? folder.read('checkpoint.safetensors') : undefined;
    const state = createTrainState(plan, { start: start.parameters, checkpoint });
    if (!resumed) folder.write('task.resolved.yaml', resolved);
    const log = await openRunLog(folder, { task: task.task, clock: () => new Date() });
    const ledger = await openLedgerIn(folder, { task, log });
    if (plan.noise?.charged === 'run' && ledger !== undefined && ledger.spent().epsilon > 0) {
      throw new TaskError(
        'task/checkpoint',
        'a run with correlated noise cannot be taken up again: its state holds exact sums, which are never written ' +
          'down, and it was charged whole. Start a new one, on a new budget',
      );
    }
    events.onPlan?.(plan, start);
    const shape = planShapeOf(task, { inputShape: train.inputShape, input });
    await recordTrainStart(log, { plan, state, folder, terms: ledger?.terms[0], data: { train, test }, shape });
    const rng = createSystemRng();
    const timer = createTimer();
    const seen = await timer.time('features', async () => {
      events.onStep?.('computing features');
      const normalization = await normalize(features, { folder, ledger, log, train, rng });
      const whole = await features.extract(train, normalization);
      return { train: whole, test: shareDataset(await features.extract(test, normalization)), normalization };
    });
    const { kept, heldOut } = holdOut(seen.train, task.training.earlyStop?.holdout);
    const dataset = shareDataset(kept);
    const engine = await createParallelEngine(layers, {
      workers,
      frozen: start.frozen,
      augmentation: task.training.augmentation,
    });
    try {
      const evaluate = (): Promise<Evaluation> =>
        timer.time('evaluation', () => engine.evaluate({ parameters: state.current(), dataset: seen.test }));
      const stop =
        heldOut === undefined || resumed
          ? undefined
          : await openStop(plan, { ledger, log, engine, state, heldOut, rng });
      const ended = await takeSteps({ plan, state, engine, dataset, ledger, log, folder, rng, stop, evaluate, timer });
      const { accuracy, loss } = await evaluate();
      const metadata = { task: task.task, rounds: `${state.round}` };
      const parameters = state.current();
      const written = writeModel(folder, plan.layers, { parameters, frozen: start.frozen, metadata, formats });
      const { privacy } = task;
      const isPrivate = privacy.trust !== 'off';
      const { noise } = task.training;
      const summary: TrainSummary = {
        task: task.task,
        mode: 'single-party',
        ended,
        accuracy,
        loss,
        epsilon: ledger?.spent().epsilon ?? null,
        delta: isPrivate ? privacy.delta : null,
        privacyUnit: isPrivate ? privacy.privacyUnit : null,
        relation: isPrivate ? privacy.relation : null,
        accountant: isPrivate ? privacy.accountant : null,
        trust: privacy.trust,
        rounds: state.round,
        noiseMultiplier: plan.noise?.noiseMultiplier ?? null,
        noise: isPrivate ? (noise.kind === 'matrix' ? noise.strategy : 'independent') : 'none',
        secondsTotal: Math.round(performance.now() - started) / 1000,
        seconds: timer.seconds(),
        model: { parameters: layers.parameterCount, sha256: createHash('sha256').update(written).digest('hex') },
      };
      folder.write('summary.json', `${JSON.stringify(summary, undefined, 2)}\n`);
      await recordRelease(log, { folder, state: { round: state.round, parameters }, ids: [] });
      return summary;
    } finally {
      await engine.close();
    }
  }

  /** Charges and takes steps until they are done, the budget is spent, a rule says so, or the caller does. */
  async function takeSteps({
    plan,
    state,
    engine,
    dataset,
    ledger,
    log,
    folder,
    rng,
    stop,
    evaluate,
    timer,
  }: Running): Promise<TrainSummary['ended']> {
    const { training } = plan.task;
    const steps = createSteps(plan, { engine, optimizer: state.optimizer });
    const schedule = createSchedule(training.schedule, { totalSteps: training.rounds });
    if (plan.noise?.charged === 'run') await charge({ ledger, log }, plan.noise.event, 'training');
    while (state.round < training.rounds) {
      if (signal.aborted) return 'stopped';
      const begun = performance.now();
      const wanted = Math.min(CHARGED_TOGETHER, training.rounds - state.round, untilNext(state.round, training));
      const reserved = await reserveSteps(ledger, plan, { wanted, round: state.round + 1 });
      if (reserved === undefined) return 'budget-spent';
      // Whoever reads the log finds the charge, signed, before any data was touched for it.
      await log.flush();
      const from = { first: state.round + 1, startDigest: digestParameters(state.current()) };
      let nonFinite = 0;
      await timer.time('steps', async () => {
        for (let i = 0; i < reserved.steps; i += 1) {
          const request = { parameters: state.parameters, dataset, learningRateFactor: schedule(state.round) };
          nonFinite += (await steps.step(request, rng)).nonFinite;
          state.stepped();
        }
      });
      // The charge is on the disk; a checkpoint that a power failure sets back costs steps, not privacy.
      const checkpoint = plan.noise?.charged === 'run' ? undefined : state.checkpoint();
      if (checkpoint !== undefined) folder.write('checkpoint.safetensors', checkpoint, { durable: false });
      await reserved.commit();
      recordSteps(log, { ...from, state, checkpoint });
      const due = state.round % training.evaluateEvery === 0 || state.round === training.rounds;
      const score = due ? await evaluate() : undefined;
      const line: StepsReport = {
        round: state.round,
        outcome: 'committed',
        ...(score === undefined ? {} : { accuracy: score.accuracy, loss: score.loss }),
        epsilon: ledger?.spent().epsilon ?? 0,
        seconds: (performance.now() - begun) / 1000,
      };
      folder.appendLine('metrics.jsonl', { ...line });
      recordLine(log, { ...line });
      events.onReport?.(line, plan);
      if (nonFinite > 0) events.onNonFinite?.({ count: nonFinite, round: state.round });
      if (stop !== undefined && state.round % stop.every === 0 && (await stop.isReached())) return 'early-stop';
    }
    return 'rounds-done';
  }
}

interface Running {
  readonly plan: TrainingPlan;
  readonly state: TrainState;
  readonly engine: ParallelEngine;
  readonly dataset: Dataset;
  readonly ledger: Ledger | undefined;
  readonly log: TaskLog;
  readonly folder: RunFolder;
  readonly rng: Rng;
  readonly stop: Stop | undefined;
  readonly evaluate: () => Promise<Evaluation>;
  readonly timer: Timer;
}

/** Steps until something is due after them. */
function untilNext(round: number, { evaluateEvery, earlyStop }: TrainingFile['training']): number {
  const every = [evaluateEvery, ...(earlyStop === undefined ? [] : [earlyStop.every])];
  return Math.min(...every.map((period) => period - (round % period)));
}

interface Timer {
  time<Result>(part: keyof TrainSummary['seconds'], work: () => Promise<Result>): Promise<Result>;
  seconds(): TrainSummary['seconds'];
}

function createTimer(): Timer {
  const spent = { features: 0, steps: 0, evaluation: 0 };
  return {
    async time(part, work) {
      const start = performance.now();
      try {
        return await work();
      } finally {
        spent[part] += (performance.now() - start) / 1000;
      }
    },
    seconds: () => ({
      features: Math.round(spent.features * 1000) / 1000,
      steps: Math.round(spent.steps * 1000) / 1000,
      evaluation: Math.round(spent.evaluation * 1000) / 1000,
    }),
  };
}
