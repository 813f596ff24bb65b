/**
 * `sotto train TASK`: private training by one party. It holds all the data, adds the noise itself, and may do what a
 * federation cannot; a federation's task file trains the same model at the same ε, so that the price of federation is
 * visible.
 *
 * @module
 */

import { Command, Option } from 'commander';
import { stringify } from 'yaml';

import { createRunFolder, openRunFolder, type RunFolder } from '../runtime/storage/index.ts';
import { parseTrainingFile, type TrainingFile } from '../runtime/task/index.ts';
import { MODEL_FORMATS, type ModelFormat, trainTask } from '../runtime/training/index.ts';
import { createBudgetNotes } from './budget-notes.ts';
import { UsageError } from './exit-codes.ts';
import { newVault, vaultOfRun } from './key-store-options.ts';
import { createProgress, formatSeconds, type Progress } from './progress.ts';
import { addTaskOptions, readTrainingTask, runFolderOf, type RunOptions, workersOf } from './run-options.ts';
import { formatTrainSummary } from './train-text.ts';

type TrainOptions = RunOptions & { readonly export?: readonly ModelFormat[] };

/** Creates the command. */
export function createTrainCommand(): Command {
  const command = new Command('train')
    .description('Train privately on one party’s data. A federation’s task file works too, at the same ε.')
    .argument('[task]', 'task file')
    .option('--seed <text>', 'refused: noise that follows from a seed protects nobody')
    .option('--resume <run>', 'go on with the run in this folder, from its last committed steps')
    .addOption(
      new Option('--export <formats...>', 'formats of the model beside safetensors').choices([...MODEL_FORMATS]),
    );
  return addTaskOptions(command).action((path: string | undefined, options: TrainOptions) => train(path, options));
}

async function train(taskPath: string | undefined, options: TrainOptions): Promise<void> {
  if (options.seed !== undefined) {
    throw new UsageError(
      'a seed is for simulations alone: noise that follows from a seed protects nobody. Leave it out',
    );
  }
  if (options.resume !== undefined) {
    const changed = (['rounds', 'epsilon', 'data', 'out'] as const).find((name) => options[name] !== undefined);
    if (taskPath !== undefined || changed !== undefined) {
      throw new UsageError(
        `--resume goes on with a run as it was planned: leave out ${changed === undefined ? 'the task file' : `--${changed}`}`,
      );
    }
    const vault = await vaultOfRun(options.resume, options.keyStore);
    const folder = openRunFolder(options.resume, { vault });
    const name = 'task.resolved.yaml';
    const text = new TextDecoder().decode(folder.read(name));
    const task = parseTrainingFile(text, { path: folder.file(name) });
    await run(task, { folder: () => folder, path: options.resume, options });
    return;
  }
  if (taskPath === undefined) {
    throw new UsageError('name a task file: sotto train TASK, or a run to go on with: --resume RUN');
  }
  const task = readTrainingTask(taskPath, options);
  const path = runFolderOf(options, task);
  const vault = await newVault(options.keyStore, `train/${task.task.replaceAll(/[^\x21-\x7e]/g, '-')}`);
  await run(task, { folder: () => createRunFolder(path, { vault }), path, options });
  vault?.close();
}

async function run(
  task: TrainingFile,
  { folder, path, options }: { folder: () => RunFolder; path: string; options: TrainOptions },
): Promise<void> {
  const progress = createProgress({ quiet: options.quiet === true });
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
    progress.note('stopping after these steps; press Ctrl-C again to stop at once');
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    if (task.privacy.trust === 'off') progress.note('NOT PRIVATE: this task has trust: off. IT PROTECTS NOBODY.');
    const summary = await trainTask({
      task,
      baseFolder: process.cwd(),
      folder,
      resolved: stringify(task),
      workers: workersOf(options),
      formats: options.export ?? [],
      signal: stop.signal,
      events: eventsOf(task, progress),
    });
    progress.end();
    if (options.json === true) process.stdout.write(`${JSON.stringify(summary, undefined, 2)}\n`);
    else process.stdout.write(`${formatTrainSummary(summary, { folder: path })}\n`);
    if (summary.ended === 'budget-spent') process.exitCode = 30;
    if (summary.ended === 'stopped') {
      process.exitCode = 130;
      console.error(`stopped after ${formatSeconds(summary.secondsTotal)}; go on with: sotto train --resume ${path}`);
    }
  } finally {
    progress.end();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function eventsOf(task: TrainingFile, progress: Progress): NonNullable<Parameters<typeof trainTask>[0]['events']> {
  const budget = task.privacy.trust === 'off' ? undefined : task.privacy;
  const tellBudget = createBudgetNotes(budget, (line) => progress.note(line));
  return {
    onStep: (step) => progress.step(step),
    onPlan({ layers, noise, attempts }, { taken, fresh, unused }) {
      const noised =
        noise === undefined
          ? 'no noise'
          : `noise multiplier ${noise.noiseMultiplier.toPrecision(4)}, calibrated for ${attempts} steps`;
      progress.note(
        `${task.task}: one party, ${layers.parameterCount.toLocaleString('en')} trained parameters, ` +
          `${layers.frozenCount.toLocaleString('en')} frozen, ${task.training.rounds} steps, ${noised}`,
      );
      if (taken.length === 0) return;
      progress.note(`from ${task.model.start}: ${taken.join(', ')}`);
      if (fresh.length > 0) progress.note(`start new: ${fresh.join(', ')}`);
      if (unused.length > 0) progress.note(`not in the model and left out: ${unused.join(', ')}`);
    },
    onReport: (report) => {
      progress.attempt(report, { rounds: task.training.rounds, epsilon: budget?.epsilon });
      tellBudget(report.epsilon);
    },
    onNonFinite: ({ count, round }) =>
      progress.note(`for you alone: ${count} gradients up to step ${round} were not finite and counted as zero`),
  };
}
