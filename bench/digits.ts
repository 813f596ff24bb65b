/**
 * The main job against its single-party twin: accuracy, ε and time of `sotto run` and `sotto train` on the digits, a
 * few times each. `npm run bench:digits -- --runs 3` prints a table and writes bench/results/digits.json.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { describeMachine } from './machine.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({ options: { runs: { type: 'string', default: '3' } } });
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new RangeError(`--runs must be a count, got ${values.runs}`);

interface Row {
  readonly command: string;
  readonly accuracy: number;
  readonly epsilon: number;
  readonly seconds: number;
  readonly peakMiB: number;
}

function measure(command: 'run' | 'train'): Row {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  const preload = ['--import', join(root, 'bench/peak-memory.ts')];
  const commandLine = preload.concat('src/cli/main.ts', command, 'examples/digits/task.yaml', '--quiet', '--json');
  const { stdout, stderr } = spawnSync(process.execPath, commandLine.concat('--out', join(folder, 'run')), {
    cwd: root,
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true, force: true });
  const summary = JSON.parse(stdout) as { accuracy: number; epsilon: number; secondsTotal: number };
  const peakMiB = Number(/peak memory (\d+) MiB/.exec(stderr)?.[1] ?? Number.NaN);
  return { command, accuracy: summary.accuracy, epsilon: summary.epsilon, seconds: summary.secondsTotal, peakMiB };
}

const rows: Row[] = [];
for (let i = 0; i < runs; i += 1) {
  for (const command of ['run', 'train'] as const) {
    const row = measure(command);
    rows.push(row);
    console.log(
      `${command.padEnd(5)}  accuracy ${(row.accuracy * 100).toFixed(2)} %  ε ${row.epsilon.toFixed(3)}  ${row.seconds.toFixed(1)} s  ${row.peakMiB} MiB`,
    );
  }
}
const mean = (command: string): number => {
  const found = rows.filter((row) => row.command === command).map(({ accuracy }) => accuracy);
  return found.reduce((sum, value) => sum + value, 0) / found.length;
};
const result = {
  machine: describeMachine(),
  accuracyFederated: mean('run'),
  accuracySingleParty: mean('train'),
  priceOfFederation: mean('train') - mean('run'),
  rows,
};
console.log(`price of federation: ${(result.priceOfFederation * 100).toFixed(2)} points`);
writeFileSync(join(root, 'bench/results/digits.json'), `${JSON.stringify(result, undefined, 2)}\n`);
