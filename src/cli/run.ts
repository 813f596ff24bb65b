/**
 * `sotto run TASK`: a whole federation in one process, with the protocol's real messages, masks and noise.
 *
 * @module
 */

import { Command } from 'commander';

import { createRunFolder, openRunFolder } from '../runtime/storage/index.ts';
import { parseTaskFile } from '../runtime/task/index.ts';
import { addTaskOptions, folderOfTask, readTask, runFolderOf, type RunOptions, workersOf } from './run-options.ts';
import { execute } from './execute.ts';
import { UsageError } from './exit-codes.ts';
import { newVault, vaultOfRun } from './key-store-options.ts';

/** Creates the command. */
export function createRunCommand(): Command {
  const command = new Command('run')
    .alias('simulate')
    .description('Simulate a federated task: every participant is a real client with its own data, keys and noise.')
    .argument('[task]', 'task file')
    .option('--participants <count>', 'participants; the threshold keeps its share of them')
    .option('--seed <text>', 'make the simulation reproducible; VOIDS EVERY PRIVACY GUARANTEE')
    .option('--resume <run>', 'go on with the run in this folder, from its last committed round');
  return addTaskOptions(command).action((taskPath: string | undefined, options: RunOptions) => run(taskPath, options));
}

async function run(taskPath: string | undefined, options: RunOptions): Promise<void> {
  if (options.resume !== undefined) {
    const changes = ['rounds', 'epsilon', 'participants', 'seed', 'data', 'out'] as const;
    const changed = changes.find((name) => options[name] !== undefined);
    if (taskPath !== undefined || changed !== undefined) {
      throw new UsageError(
        `--resume goes on with a run as it was planned: leave out ${changed === undefined ? 'the task file' : `--${changed}`}`,
      );
    }
    const vault = await vaultOfRun(options.resume, options.keyStore);
    const folder = openRunFolder(options.resume, { vault });
    try {
      const path = folder.file('task.resolved.yaml');
      const task = parseTaskFile(new TextDecoder().decode(folder.read('task.resolved.yaml')), { path });
      await execute({ task, taskFolder: process.cwd(), folder: () => folder, options });
    } finally {
      folder.close();
      vault?.close();
    }
    return;
  }
  if (taskPath === undefined)
    throw new UsageError('name a task file: sotto run TASK, or a run to go on with: --resume RUN');
  const task = readTask(taskPath, options);
  const path = runFolderOf(options, task);
  const vault = await newVault(options.keyStore, `run/${task.task.replaceAll(/[^\x21-\x7e]/g, '-')}`);
  await execute({
    task,

    taskFolder: folderOfTask(taskPath),
    folder: () => createRunFolder(path, { vault }),
    options: { ...options, out: path },
    workers: workersOf(options),
  });
}
