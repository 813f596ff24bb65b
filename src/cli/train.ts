/**
 * `sotto train TASK`: the same task without a federation. One party holds all the data, adds the noise once, centrally,
 * and trains the same model at the same ε, so that the price of federation is visible.
 *
 * @module
 */

import { Command } from 'commander';

import { createRunFolder } from '../runtime/storage/index.ts';
import { type TaskFile } from '../runtime/task/index.ts';
import { execute } from './execute.ts';
import { UsageError } from './exit-codes.ts';
import { addTaskOptions, folderOfTask, readTask, runFolderOf, type RunOptions, workersOf } from './run-options.ts';

/** Creates the command. */
export function createTrainCommand(): Command {
  const command = new Command('train')
    .description('Train privately on one party’s data: the task without its federation, at the same ε.')
    .argument('<task>', 'task file')
    .option('--seed <text>', 'refused: noise that follows from a seed protects nobody');
  return addTaskOptions(command).action((taskPath: string, options: RunOptions) => train(taskPath, options));
}

async function train(taskPath: string, options: RunOptions): Promise<void> {
  const task = readTask(taskPath, options);
  if (task.simulation.seed !== undefined) {
    throw new UsageError(
      'a seed is for simulations alone: noise that follows from a seed protects nobody. Leave it out',
    );
  }
  const path = runFolderOf(options, task);
  await execute({
    task: centralTask(task),
    taskFolder: folderOfTask(taskPath),
    folder: () => createRunFolder(path),
    options: { ...options, out: path },
    workers: workersOf(options),
  });
}

/** The task with one trusted party in place of the federation: no shares, no masks, nobody who drops out. */
function centralTask(task: TaskFile): TaskFile {
  const { privacy } = task;
  const aggregation = { kind: 'clear' as const, stageTimeoutMs: privacy.aggregation.stageTimeoutMs };
  const simulation = { ...task.simulation, dropoutRate: 0, mode: 'single-party' as const };
  if (privacy.trust === 'off') return { ...task, privacy: { trust: 'off', aggregation }, simulation };
  const { privacyUnit, epsilon, delta, relation, accountant } = privacy;
  return {
    ...task,
    training: { ...task.training, spareRounds: 0 },
    privacy: { privacyUnit, trust: 'coordinator', aggregation, epsilon, delta, relation, accountant },
    simulation,
  };
}
