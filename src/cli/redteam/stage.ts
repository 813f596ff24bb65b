/**
 * What an attack on a training is staged with: the task's data, features, plan and starting point, in memory. No ledger, no log
 * and no run folder is opened, and nothing of it is written.
 *
 * @module
 */

import { createSystemRng, type Rng, sampleUint32Below } from '../../foundations/random/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import { createParallelEngine, type ParallelEngine, shareDataset } from '../../learning/models/index.ts';
import { composed, createAccountant, selfComposed } from '../../privacy/accounting/index.ts';
import { writeFileAtomic } from '../../runtime/storage/index.ts';
import type { TrainingFile } from '../../runtime/task/index.ts';
import { prepareTraining, type StartingPoint, type TrainingPlan } from '../../runtime/training/index.ts';
import { type RedteamReport, renderRedteamPage } from '../../redteam/index.ts';
import { UsageError } from '../exit-codes.ts';
import { createProgress, type Progress } from '../progress.ts';
import { integerOption } from '../mpc.ts';
import { workersOf } from '../run-options.ts';

/** Options that all attacks share. */
export interface AttackOptions {
  readonly report?: string;
  readonly workers?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** A training, ready to be rehearsed. */
export interface Stage {
  readonly plan: TrainingPlan;
  readonly start: StartingPoint;
  /** Examples as they are read. */
  readonly train: Dataset;
  readonly test: Dataset;
  /** What the model sees of examples. */
  readonly extract: (dataset: Dataset) => Promise<Dataset>;
  /** Opens an engine; close it. */
  readonly openEngine: () => Promise<ParallelEngine>;
  /** ε that a ledger would show after the plan's steps; null without privacy. */
  readonly claimed: number | null;
}

/** Reads and plans a task. @throws typed errors for everything that does not fit. */
export async function openStage(
  task: TrainingFile,
  {
    options,
    progress,
    baseFolder = process.cwd(),
  }: { options: AttackOptions; progress: Progress; baseFolder?: string },
): Promise<Stage> {
  const workers = workersOf(options);
  const { train, test, features, plan, start } = await prepareTraining(task, {
    baseFolder,
    workers,
    onStep: (step) => progress.step(step),
  });
  if (train.size < 2) throw new UsageError('one example is too few to attack');
  const { layers, noise } = plan;
  const normalization =
    features.event === undefined ? undefined : features.normalize(train, createSystemRng().fork('normalization'));
  let claimed: number | null = null;
  if (noise !== undefined && task.privacy.trust !== 'off') {
    const accountant = createAccountant(task.privacy);
    const steps = noise.charged === 'run' ? noise.event : selfComposed(noise.event, task.training.rounds);
    accountant.compose(composed([...(features.event === undefined ? [] : [features.event]), steps]));
    claimed = accountant.epsilon(task.privacy.delta);
  }
  return {
    plan,
    start,
    train,
    test,
    claimed,
    extract: async (dataset) => shareDataset(await features.extract(dataset, normalization)),
    openEngine: () =>
      createParallelEngine(layers, { workers, frozen: start.frozen, augmentation: task.training.augmentation }),
  };
}

/** Starts the progress of an attack. */
export function progressOf(options: AttackOptions): Progress {
  return createProgress({ quiet: options.quiet === true });
}

/** The confidence of an option. @throws {UsageError} */
export function confidenceOption(text: string): number {
  const value = Number(text);
  if (value >= 0.9 && value < 1) return value;
  throw new UsageError(`--confidence must be a number in [0.9, 1), got ${text}`);
}

/** Draws up to `most` different rows of a data set, in ascending order. */
export function drawRows(size: number, most: number, rng: Rng): Uint32Array {
  const order = Uint32Array.from({ length: size }, (_, i) => i);
  const count = Math.min(size, most);
  for (let i = 0; i < count; i += 1) {
    const j = i + sampleUint32Below(size - i, rng);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order.slice(0, count).sort();
}

/** A count of an option. */
export function countOption(text: string, name: string, { min = 1, max = 10_000_000 } = {}): number {
  return integerOption(text, name, { min, max });
}

/** Prints what was found, and writes the page that was asked for. */
export async function tell(
  findings: object,
  { report, options, text }: { report: RedteamReport; options: AttackOptions; text: string },
): Promise<void> {
  if (options.report !== undefined) writeFileAtomic(options.report, await renderRedteamPage(report));
  if (options.json === true) process.stdout.write(`${JSON.stringify(findings, undefined, 2)}\n`);
  else process.stdout.write(`${text}${options.report === undefined ? '' : `\n  report: ${options.report}`}\n`);
}
