/**
 * The recipes of `examples/train`, each run several times with coins of its own: accuracy, ε and time of a whole
 * `sotto train`, start-up, features and evaluations included. `npm run bench:recipes -- --runs 5` writes
 * bench/results/recipes.json; `--recipe NAME` takes one recipe, `--data DIR` other data (recorded with
 * `--as LABEL`, else only printed), `--append` keeps the runs on record.
 *
 * Private noise comes from the system and never from a seed, so runs differ by their sampling and noise alone; they all
 * start from the same public parameters.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { describeMachine } from './machine.ts';

interface Run {
  readonly accuracy: number;
  readonly epsilon: number;
  readonly delta: number;
  readonly seconds: number;
  readonly secondsOfFeatures: number;
  readonly peakMiB: number;
}

interface Result {
  readonly machine: string;
  readonly meanAccuracy: number;
  /** Standard deviation of a single run. */
  readonly spread: number;
  readonly leastAccuracy: number;
  readonly epsilon: number;
  readonly seconds: number;
  readonly runs: readonly Run[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    recipe: { type: 'string' },
    data: { type: 'string' },
    as: { type: 'string' },
    json: { type: 'boolean', default: false },
    append: { type: 'boolean', default: false },
  },
});
const names = readdirSync(join(root, 'examples/train'))
  .map((file) => file.replace('.yaml', ''))
  .filter((name) => values.recipe === undefined || name === values.recipe);

function runOnce(name: string): Run {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  const data = values.data === undefined ? [] : ['--data', values.data];
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', join(root, 'bench/peak-memory.ts'), 'src/cli/main.ts', 'train', `examples/train/${name}.yaml`]
      .concat('--quiet', '--json', '--out', join(folder, 'run'))
      .concat(data),
    { cwd: root, encoding: 'utf8' },
  );
  rmSync(folder, { recursive: true, force: true });
  if (status !== 0) throw new Error(`${name} ended with code ${status}: ${stderr}`);
  const summary = JSON.parse(stdout) as {
    accuracy: number;
    epsilon: number;
    delta: number;
    secondsTotal: number;
    seconds: { features: number };
  };
  return {
    accuracy: summary.accuracy,
    epsilon: summary.epsilon,
    delta: summary.delta,
    seconds: summary.secondsTotal,
    secondsOfFeatures: summary.seconds.features,
    peakMiB: Number(/peak memory (\d+) MiB/.exec(stderr)?.[1] ?? Number.NaN),
  };
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

function spreadOf(numbers: readonly number[]): number {
  const middle = mean(numbers);
  const squares = numbers.reduce((sum, x) => sum + (x - middle) ** 2, 0);
  return Math.sqrt(squares / Math.max(1, numbers.length - 1));
}

const path = join(root, 'bench/results/recipes.json');
const known = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Record<string, Result>) : {};
const results: Record<string, Result> = { ...known };
for (const name of names) {
  const label = values.data === undefined ? name : `${name} on ${values.as ?? values.data}`;
  const runs: Run[] = values.append ? [...(known[label]?.runs ?? [])] : [];
  for (let i = 0; i < Number(values.runs); i += 1) {
    const run = runOnce(name);
    runs.push(run);
    if (!values.json) {
      console.log(
        `${label.padEnd(20)} accuracy ${(run.accuracy * 100).toFixed(2)} %  ε ${run.epsilon.toFixed(3)}  ` +
          `${run.seconds.toFixed(1)} s  ${run.peakMiB} MiB`,
      );
    }
    const accuracies = runs.map(({ accuracy }) => accuracy);
    results[label] = {
      machine: describeMachine(),
      meanAccuracy: mean(accuracies),
      spread: spreadOf(accuracies),
      leastAccuracy: Math.min(...accuracies),
      epsilon: Math.max(...runs.map(({ epsilon }) => epsilon)),
      seconds: Math.max(...runs.map(({ seconds }) => seconds)),
      runs,
    };
    // Written after every run: a long series that is cut leaves what it has. Data without a label is nobody's record.
    if (values.data === undefined || values.as !== undefined)
      writeFileSync(path, `${JSON.stringify(results, undefined, 2)}\n`);
  }
}
if (values.json) console.log(JSON.stringify(results, undefined, 2));
else {
  for (const [name, { meanAccuracy, spread, runs, epsilon }] of Object.entries(results)) {
    console.log(
      `${name}: ${(meanAccuracy * 100).toFixed(2)} ± ${(spread * 100).toFixed(2)} % in ${runs.length} runs at ε = ${epsilon.toFixed(3)}`,
    );
  }
}
