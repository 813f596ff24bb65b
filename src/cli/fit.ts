/**
 * `sotto fit RECIPE --data TABLE`: a classical model of a sensitive table, private with what its recipe says, in a run
 * folder that `sotto verify` checks and `sotto predict` asks.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';

import { Command } from 'commander';

import { createRunFolder } from '../runtime/storage/index.ts';
import { fitTable, type FitSummary } from '../runtime/training/index.ts';
import { newVault } from './key-store-options.ts';
import { createProgress, formatSeconds } from './progress.ts';

interface FitCommandOptions {
  readonly data: string;
  readonly test?: string;
  readonly out?: string;
  readonly keyStore?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** Creates the command. */
export function createFitCommand(): Command {
  return new Command('fit')
    .description('Fit a private classical model to a table: naive Bayes, regressions, k-means, PCA, trees.')
    .argument('<recipe>', 'recipe file (YAML), see docs/classical.md')
    .requiredOption('--data <table>', 'the sensitive table: CSV, JSON lines or Parquet')
    .option('--test <table>', 'public rows to measure the model on; they are not protected')
    .option('--out <folder>', 'run folder; runs/<recipe>-<time> by default')
    .option('--key-store <folder>', 'seal the run folder under a key of this key store')
    .option('--quiet', 'no progress')
    .option('--json', 'print the summary as JSON, and nothing else, on standard output')
    .action((recipe: string, options: FitCommandOptions) => fit(recipe, options));
}

async function fit(recipePath: string, options: FitCommandOptions): Promise<void> {
  const progress = createProgress({ quiet: options.quiet === true });
  const path = options.out ?? freeFolder(recipePath);
  const vault = await newVault(options.keyStore, `fit/${nameOf(recipePath).replaceAll(/[^\x21-\x7e]/g, '-')}`);
  try {
    const summary = await fitTable({
      recipePath,
      dataPath: options.data,
      ...(options.test === undefined ? {} : { testPath: options.test }),
      folder: () => createRunFolder(path, { vault }),
      onStep: (step) => progress.step(step),
    });
    progress.end();
    if (options.json === true) process.stdout.write(`${JSON.stringify({ ...summary, folder: path }, undefined, 2)}\n`);
    else process.stdout.write(`${formatFitSummary(summary, path)}\n`);
  } finally {
    progress.end();
    vault?.close();
  }
}

function nameOf(recipePath: string): string {
  return basename(recipePath).replace(/\.ya?ml$/, '');
}

function freeFolder(recipePath: string): string {
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[:T]/g, '-');
  const base = join('runs', `${nameOf(recipePath)}-${stamp}`);
  let path = base;
  for (let i = 2; existsSync(path); i += 1) path = `${base}-${i}`;
  return path;
}

const MEASURES: Readonly<Record<NonNullable<FitSummary['score']>['measure'], string>> = {
  accuracy: 'accuracy',
  r2: 'R²',
  inertia: 'mean squared distance',
  explained: 'share of variance kept',
};

/** The summary as a person reads it. */
function formatFitSummary(summary: FitSummary, folder: string): string {
  const { account, maxRows, model, score } = summary;
  const unit =
    summary.privacyUnit === 'client'
      ? `one person (${maxRows === 1 ? 'one row' : `${maxRows} rows`} of each)`
      : 'one row: nobody may have two';
  const rows: (readonly [string, string])[] = [
    ['model', `${model.kind} of ${model.features} columns, sha256 ${model.sha256.slice(0, 16)}…`],
    ...(score === null
      ? []
      : [[MEASURES[score.measure], `${score.value.toFixed(4)} on ${score.rows} public rows`] as const]),
    ['privacy', `ε = ${summary.epsilon.toFixed(3)} at δ = ${summary.delta}, against readers of the model`],
    ['hidden', `${unit}, ${summary.relation}`],
    ['counted by', `${summary.accountant.toUpperCase()} accountant`],
    ...(account === null
      ? []
      : [['account', `"${account.dataset}": ε = ${account.spent.toFixed(3)} of ${account.epsilon} spent`] as const]),
    ['who was trusted', 'the one who fits'],
    ['time', formatSeconds(summary.secondsTotal)],
    ['run folder', folder],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return ['', `${summary.task}:`, ...rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`)].join('\n');
}
