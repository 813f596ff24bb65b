/**
 * What local privacy costs: accuracy of examples/devices/local.yaml against the number of participants, with the ε that the
 * whole task costs beside it, and central privacy at the same total as the measure. All 60,000 digits are dealt out each
 * time, so that what changes is how many draws of noise are averaged. `npm run bench:local-dp` prints a table and writes
 * bench/results/local-dp.json and docs/images/local-dp.svg.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parseDocument } from 'yaml';

import { plotAsSvg } from '../src/cli/privacy/plot.ts';
import { describeMachine } from './machine.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const COUNTS = [10, 100, 1000, 5000];
const EPSILONS_PER_ROUND = [8, 1];

interface Row {
  readonly trust: 'local' | 'coordinator';
  readonly participants: number;
  readonly examplesEach: number;
  readonly rounds: number;
  /** What one contribution promises; absent where the coordinator adds the noise. */
  readonly epsilonPerRound: number | null;
  /** What the whole task costs a participant. */
  readonly epsilon: number;
  readonly delta: number;
  readonly accuracy: number;
  readonly seconds: number;
}

function measure(options: { readonly participants: number; readonly perRound?: number; readonly total?: number }): Row {
  const { participants, perRound, total } = options;
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  const task = parseDocument(readFileSync(join(root, 'examples/devices/local.yaml'), 'utf8'));
  task.set('participants', participants);
  if (perRound !== undefined) task.setIn(['privacy', 'epsilonPerRound'], perRound);
  if (total !== undefined) {
    const delta = task.getIn(['privacy', 'deltaPerRound']);
    const aggregation = task.getIn(['privacy', 'aggregation']);
    task.set('privacy', { privacyUnit: 'client', trust: 'coordinator', aggregation, epsilon: total, delta });
  }
  const file = join(folder, 'task.yaml');
  writeFileSync(file, String(task));
  const { stdout, status } = spawnSync(
    process.execPath,
    ['src/cli/main.ts', 'simulate', file, '--json', '--no-page', '--quiet', '--out', join(folder, 'run')],
    { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  rmSync(folder, { recursive: true, force: true });
  if (status !== 0) throw new Error(`the simulation ended with ${status}`);
  const summary = JSON.parse(stdout) as Omit<Row, 'seconds'> & { readonly secondsTotal: number };
  const { accuracy, epsilon, delta, rounds, secondsTotal: seconds } = summary;
  const trust = total === undefined ? 'local' : 'coordinator';
  const examplesEach = 60_000 / participants;
  const row: Row = {
    trust,
    participants,
    examplesEach,
    rounds,
    epsilonPerRound: perRound ?? null,
    epsilon,
    delta,
    accuracy,
    seconds,
  };
  console.log(
    `${trust.padEnd(12)} n ${String(participants).padStart(5)}  ε a round ${String(perRound ?? '–').padStart(2)}  ` +
      `ε of the task ${epsilon.toFixed(2).padStart(6)}  accuracy ${(accuracy * 100).toFixed(2)} %  ${seconds.toFixed(1)} s`,
  );
  return row;
}

const rows: Row[] = [];
for (const perRound of EPSILONS_PER_ROUND) {
  for (const participants of COUNTS) {
    const local = measure({ participants, perRound });
    rows.push(local, measure({ participants, total: local.epsilon }));
  }
}

const totals = [...new Set(rows.map(({ epsilon }) => epsilon.toFixed(1)))];
const curve = (trust: Row['trust'], at: string): readonly (readonly [number, number])[] =>
  rows
    .filter((row) => row.trust === trust && row.epsilon.toFixed(1) === at)
    .map(({ participants, accuracy }) => [participants, accuracy * 100]);
const series = totals.flatMap((at) => [
  { name: `local, ε = ${at}`, points: curve('local', at) },
  { name: `central, ε = ${at}`, points: curve('coordinator', at) },
]);
writeFileSync(
  join(root, 'docs/images/local-dp.svg'),
  plotAsSvg({
    title: `Digits under local and central privacy, ε of all ${rows[0]?.rounds ?? 0} rounds together`,
    xLabel: 'participants (60,000 examples in all)',
    yLabel: 'test accuracy, %',
    logX: true,
    series,
  }),
);
writeFileSync(
  join(root, 'bench/results/local-dp.json'),
  `${JSON.stringify({ machine: describeMachine(), rows }, undefined, 2)}\n`,
);
