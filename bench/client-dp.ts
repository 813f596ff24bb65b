/**
 * Client-level privacy without trust against its central twin: the thousand devices of examples/devices/task.yaml, once as
 * the file says (`trust: nobody`, masks, noise shares) and once under `trust: coordinator`, with the same budget, rounds
 * and losses, full participation, and no amplification on either side. `npm run bench:client-dp -- --runs 1` prints a
 * table and writes bench/results/client-dp.json.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parseDocument } from 'yaml';

import { describeMachine } from './machine.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const at = process.argv.indexOf('--runs');
const runs = at < 0 ? 1 : Number(process.argv[at + 1]);

interface Row {
  readonly trust: 'nobody' | 'coordinator';
  readonly accuracy: number;
  readonly epsilon: number;
  readonly delta: number;
  readonly noiseMultiplier: number;
  readonly rounds: number;
  readonly dropouts: number;
  readonly seconds: number;
  /** Thread seconds by part. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
}

function measure(trust: Row['trust']): Row {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  const task = parseDocument(readFileSync(join(root, 'examples/devices/task.yaml'), 'utf8'));
  if (trust === 'coordinator') {
    task.setIn(['privacy', 'trust'], trust);
    task.setIn(['privacy', 'aggregation'], { kind: 'clear', stageTimeoutMs: 60_000 });
    task.deleteIn(['privacy', 'maxCorrupt']);
  }
  const file = join(folder, 'task.yaml');
  writeFileSync(file, String(task));
  const { stdout, status } = spawnSync(
    process.execPath,
    ['src/cli/main.ts', 'simulate', file, '--json', '--no-page', '--out', join(folder, 'run')],
    { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  rmSync(folder, { recursive: true, force: true });
  if (status !== 0) throw new Error(`the simulation ended with ${status}`);
  const summary = JSON.parse(stdout) as Omit<Row, 'seconds'> & { readonly secondsTotal: number };
  const { accuracy, epsilon, delta, noiseMultiplier, rounds, dropouts, cpuSeconds } = summary;
  const row = { trust, accuracy, epsilon, delta, noiseMultiplier, rounds, dropouts, cpuSeconds };
  return { ...row, seconds: summary.secondsTotal };
}

const rows: Row[] = [];
for (let i = 0; i < runs; i += 1) {
  for (const trust of ['nobody', 'coordinator'] as const) {
    const row = measure(trust);
    rows.push(row);
    const { accuracy, epsilon, rounds, noiseMultiplier, seconds } = row;
    console.log(
      `${trust.padEnd(12)} accuracy ${(accuracy * 100).toFixed(2)} %  ε ${epsilon.toFixed(3)}  ` +
        `noise multiplier ${noiseMultiplier.toFixed(3)}  ${rounds} rounds  ${seconds.toFixed(1)} s`,
    );
  }
}
const mean = (trust: string): number => {
  const found = rows.filter((row) => row.trust === trust).map(({ accuracy }) => accuracy);
  return found.reduce((sum, value) => sum + value, 0) / found.length;
};
const result = {
  machine: describeMachine(),
  participants: 1000,
  examplesEach: 60,
  accuracyNobody: mean('nobody'),
  accuracyCoordinator: mean('coordinator'),
  /** Accuracy lost for trusting nobody. */
  priceOfDistrust: mean('coordinator') - mean('nobody'),
  rows,
};
console.log(`price of trusting nobody: ${(result.priceOfDistrust * 100).toFixed(2)} points`);
writeFileSync(join(root, 'bench/results/client-dp.json'), `${JSON.stringify(result, undefined, 2)}\n`);
