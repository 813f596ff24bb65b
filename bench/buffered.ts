/**
 * Buffered rounds against rounds that follow one another: the two hundred devices of examples/devices/buffered.yaml, a
 * tenth of them ten times slower, with the same cohorts, rounds and budget; late sums weighed down as the file says, or
 * all the same. Time is that of the simulated network, so that it does not depend on the machine.
 * `npm run bench:buffered -- --runs 5` prints a table and writes bench/results/buffered.json.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parseDocument } from 'yaml';

import type { AttemptReport, RunSummary } from '../src/runtime/simulation/index.ts';
import { describeMachine } from './machine.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = process.argv.indexOf('--runs');
const runs = at < 0 ? 5 : Number(process.argv[at + 1]);
/** Accuracy that the time to it is measured for. */
const GOAL = 0.8;

/** How the rounds of one kind of run go; the exponent of the example when none is given. */
const KINDS = {
  'one after another': (task: ReturnType<typeof parseDocument>) => task.deleteIn(['training', 'buffered']),
  buffered: () => {},
  'buffered, late counts the same': (task: ReturnType<typeof parseDocument>) =>
    task.setIn(['training', 'buffered', 'stalenessExponent'], 0),
} as const;
type Kind = keyof typeof KINDS;

interface Row {
  readonly kind: Kind;
  readonly accuracy: number;
  readonly epsilon: number | null;
  readonly rounds: number;
  /** Of the simulated network, from the first offer to the last sum. */
  readonly virtualSeconds: number;
  /** Until the accuracy is first there; null when it never is. */
  readonly virtualSecondsToGoal: number | null;
  readonly meanStaleness: number;
  readonly mostStaleness: number;
  readonly seconds: number;
}

function measure(kind: Kind): Row {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  const task = parseDocument(readFileSync(join(root, 'examples/devices/buffered.yaml'), 'utf8'));
  KINDS[kind](task);
  task.setIn(['training', 'evaluateEvery'], 1);
  const file = join(folder, 'task.yaml');
  writeFileSync(file, String(task));
  const { stdout, status } = spawnSync(
    process.execPath,
    ['src/cli/main.ts', 'simulate', file, '--json', '--no-page', '--out', join(folder, 'run')],
    { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  if (status !== 0) throw new Error(`the simulation ended with ${status}`);
  const lines = readFileSync(join(folder, 'run', 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n');
  rmSync(folder, { recursive: true, force: true });
  const { accuracy, epsilon, rounds, secondsTotal } = JSON.parse(stdout) as RunSummary;
  let elapsed = 0;
  const ends = lines.map((line) => {
    const report = JSON.parse(line) as AttemptReport;
    elapsed = report.virtualEndMs ?? elapsed + report.virtualMs;
    return { ...report, endSeconds: elapsed / 1000 };
  });
  const lateness = ends.map(({ staleness = 0 }) => staleness);
  return {
    kind,
    accuracy,
    epsilon,
    rounds,
    virtualSeconds: ends.at(-1)?.endSeconds ?? 0,
    virtualSecondsToGoal: ends.find((end) => (end.accuracy ?? 0) >= GOAL)?.endSeconds ?? null,
    meanStaleness: lateness.reduce((sum, value) => sum + value, 0) / lateness.length,
    mostStaleness: Math.max(...lateness),
    seconds: secondsTotal,
  };
}

const rows: Row[] = [];
for (let i = 0; i < runs; i += 1) {
  for (const kind of Object.keys(KINDS) as Kind[]) {
    const row = measure(kind);
    rows.push(row);
    console.log(
      `${kind.padEnd(30)} accuracy ${(row.accuracy * 100).toFixed(2)} %  ε ${row.epsilon?.toFixed(3)}  ` +
        `${row.virtualSeconds.toFixed(0)} s of network time, ${row.virtualSecondsToGoal?.toFixed(0) ?? '–'} s to ` +
        `${GOAL * 100} %  staleness ${row.meanStaleness.toFixed(2)}, at most ${row.mostStaleness}`,
    );
  }
}

/** Mean, least and most of what the runs of a kind have. */
function spread(kind: Kind, get: (row: Row) => number | null): { mean: number; least: number; most: number } | null {
  const found = rows.filter((row) => row.kind === kind).map(get);
  const values = found.filter((value) => value !== null);
  if (values.length < found.length || values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, least: Math.min(...values), most: Math.max(...values) };
}

const result = {
  machine: describeMachine(),
  task: 'examples/devices/buffered.yaml',
  runs,
  goal: GOAL,
  kinds: Object.fromEntries(
    (Object.keys(KINDS) as Kind[]).map((kind) => [
      kind,
      {
        accuracy: spread(kind, ({ accuracy }) => accuracy),
        epsilon: spread(kind, ({ epsilon }) => epsilon),
        virtualSeconds: spread(kind, ({ virtualSeconds }) => virtualSeconds),
        virtualSecondsToGoal: spread(kind, ({ virtualSecondsToGoal }) => virtualSecondsToGoal),
        meanStaleness: spread(kind, ({ meanStaleness }) => meanStaleness),
      },
    ]),
  ),
  rows,
};
writeFileSync(join(root, 'bench/results/buffered.json'), `${JSON.stringify(result, undefined, 2)}\n`);
