/**
 * The options that `run` and `train` share: what they replace in the task file, and where the run goes.
 *
 * @module
 */

import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { type Command, Option } from 'commander';

import { readFileOf } from '../runtime/storage/index.ts';
import {
  parseTaskFile,
  parseTrainingFile,
  type TaskFile,
  type TaskOverrides,
  type TrainingFile,
} from '../runtime/task/index.ts';
import { UsageError } from './exit-codes.ts';

/** Options as commander hands them over. */
export interface RunOptions {
  readonly rounds?: string;
  readonly epsilon?: string;
  readonly participants?: string;
  readonly seed?: string;
  readonly data?: string;
  readonly out?: string;
  readonly workers?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly resume?: string;
  readonly keyStore?: string;
  /** False where nobody wants to watch. */
  readonly page?: boolean;
}

/** Adds the options that replace values of the task file. */
export function addTaskOptions(command: Command): Command {
  return command
    .option('--rounds <count>', 'rounds to train')
    .option('--epsilon <number>', 'privacy budget of the whole task')
    .option(
      '--data <folder>',
      'folder with train and test files or folders, or the four files of an IDX data set, instead of the task file’s data',
    )
    .option('--out <folder>', 'run folder to make (default: runs/TASK-TIME)')
    .option('--workers <count>', 'worker threads (default: one a core)')
    .option('--key-store <folder>', 'seal the run folder under a key of this key store (sotto keystore init)')
    .option('--json', 'print the summary as JSON, and nothing else, on standard output')
    .addOption(new Option('--quiet', 'no progress'))
    .option('--no-page', 'do not serve a page to watch the run');
}

/** Turns the options into values of the task file. */
export function overridesOf(options: RunOptions): TaskOverrides {
  const overrides: Record<string, unknown> = {};
  if (options.rounds !== undefined) overrides['training.rounds'] = numberOf(options.rounds, '--rounds');
  if (options.epsilon !== undefined) overrides['privacy.epsilon'] = numberOf(options.epsilon, '--epsilon');
  if (options.participants !== undefined) overrides.participants = numberOf(options.participants, '--participants');
  if (options.seed !== undefined) overrides['simulation.seed'] = options.seed;
  if (options.data !== undefined) overrides.data = dataIn(resolve(options.data));
  return overrides;
}

/** Reads and parses a task file with its overrides. */
export function readTask(path: string, options: RunOptions): TaskFile {
  const bytes = readFileOf(path, 'task file');
  const overrides: Record<string, unknown> = { ...overridesOf(options) };
  const text = new TextDecoder().decode(bytes);
  if (options.participants !== undefined) {
    const base = parseTaskFile(text, { path });
    const { aggregation } = base.privacy;
    if (aggregation.kind === 'secagg' && aggregation.threshold !== undefined && aggregation.shareRatio === 1) {
      const share = aggregation.threshold / base.participants;
      const scaled = Math.ceil(share * (overrides.participants as number));
      overrides['privacy.aggregation.threshold'] = scaled;
    }
  }
  const task = parseTaskFile(text, { path, overrides });
  return { ...task, data: withAbsoluteData(task.data, dirname(path)) };
}

/** Reads and parses the task file of one party with its overrides; a resumed run starts elsewhere, so every path is absolute. */
export function readTrainingTask(path: string, options: RunOptions): TrainingFile {
  const text = new TextDecoder().decode(readFileOf(path, 'task file'));
  const task = parseTrainingFile(text, { path, overrides: overridesOf(options) });
  const base = dirname(resolve(path));
  const { data, model, features } = task;
  return {
    ...task,
    data: withAbsoluteData(data, base),
    model: model.start === undefined ? model : { ...model, start: resolve(base, model.start) },
    ...(features?.kind === 'onnx' ? { features: { ...features, file: resolve(base, features.file) } } : {}),
  };
}

/** A resumed run starts elsewhere: paths must mean the same from everywhere. */
function withAbsoluteData(data: TaskFile['data'], base: string): TaskFile['data'] {
  if (data.kind === 'files') return { ...data, train: resolve(base, data.train), heldOut: resolve(base, data.heldOut) };
  return data.folder === undefined ? data : { ...data, folder: resolve(base, data.folder) };
}

/** What a folder holds: the parts `train` and `test`, as files or folders of their own, or an IDX data set. */
function dataIn(folder: string): TaskFile['data'] {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const partOf = (part: string): string | undefined => names.find((name) => name.split('.')[0] === part);
  const [train, heldOut] = [partOf('train'), partOf('test')];
  if (train === undefined || heldOut === undefined) return { kind: 'idx', folder, test: 'public' };
  return { kind: 'files', train: join(folder, train), heldOut: join(folder, heldOut), test: 'public' };
}

/** The worker threads to use. */
export function workersOf(options: RunOptions): number {
  if (options.workers === undefined) return Math.max(1, Math.min(8, availableParallelism()));
  const workers = numberOf(options.workers, '--workers');
  if (!Number.isInteger(workers) || workers < 1 || workers > 64) {
    throw new UsageError(`--workers must be an integer in [1, 64], got ${options.workers}`);
  }
  return workers;
}

/** Where the run goes: the folder asked for, or a new one under `runs/`. */
export function runFolderOf(options: RunOptions, task: Pick<TaskFile, 'task'>): string {
  if (options.out !== undefined) return options.out;
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[:T]/g, '-');
  const base = join('runs', `${task.task}-${stamp}`);
  let path = base;
  for (let i = 2; existsSync(path); i += 1) path = `${base}-${i}`;
  return path;
}

/** The folder a task file's relative paths start from. */
export function folderOfTask(path: string): string {
  return dirname(resolve(path));
}

function numberOf(text: string, option: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`${option} must be a number, got "${text}"`);
  return value;
}
