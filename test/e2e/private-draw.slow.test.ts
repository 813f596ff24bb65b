/** A private draw: whom a round asked, and how many, is in nothing that the model's readers get. */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runSotto, startSotto } from './sotto.ts';

const PARTICIPANTS = 12;
const ROUNDS = 6;

const task = `task: drawn
participants: ${PARTICIPANTS}
data: { kind: files, train: train.csv, heldOut: test.csv, label: label, test: public }
partition: { kind: iid, seed: 1 }
model:
  input: [2]
  layers: [{ kind: dense, out: 2, init: zeros }]
  loss: softmaxCrossEntropy
training:
  rounds: ${ROUNDS}
  local: { epochs: 1, batchSize: 5, learningRate: 0.5 }
  strategy: { kind: scaffold }
  evaluateEvery: 1
privacy:
  privacyUnit: client
  trust: coordinator
  aggregation: { kind: clear }
  participation: { kind: private-draw, rate: 0.5 }
  epsilon: 20
  delta: 1.0e-4
`;

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-draw-'));
  const rows = (from: number, count: number): string =>
    ['a,b,label', ...Array.from({ length: count }, (_, i) => `${(from + i) % 7},${(from * i) % 5},${i % 2}`)].join(
      '\n',
    );
  writeFileSync(join(base, 'train.csv'), rows(3, 120));
  writeFileSync(join(base, 'test.csv'), rows(5, 20));
  writeFileSync(join(base, 'task.yaml'), task);
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** Serves a task until its address is told; returns the id of the task. */
async function serveOnce(path: string, folder: string): Promise<string> {
  const { child, finished } = startSotto(['serve', path, '--folder', folder, '--port', '0', '--no-page', '--json']);
  try {
    const lines = createInterface({ input: child.stdout as Readable });
    const [line] = (await once(lines, 'line')) as [string];
    return (JSON.parse(line) as { task: string }).task;
  } finally {
    child.kill('SIGTERM');
    await finished;
  }
}

describe('sotto serve', () => {
  it('ends when its task is refused, keeps nothing of it, and takes a task by its whole name', async () => {
    const folder = join(base, 'coordinator');
    const refused = await runSotto('serve', join(base, 'task.yaml'), '--folder', folder, '--port', '0', '--no-page');
    expect([refused.code, refused.stderr]).toEqual([20, expect.stringMatching(/^a private draw is for simulations/)]);
    const missing = await runSotto('serve', join(base, 'none.yaml'), '--folder', folder);
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('none.yaml')]);
    const served = task.replace(/ {2}participation.*\n/, '');
    for (const name of ['drawn-again', 'drawn']) {
      writeFileSync(join(base, `${name}.yaml`), served.replace('task: drawn', `task: ${name}`));
    }
    const first = await serveOnce(join(base, 'drawn.yaml'), folder);
    expect(first).toMatch(/^drawn-[0-9a-f]{8}$/);
    expect(await serveOnce(join(base, 'drawn-again.yaml'), folder)).toMatch(/^drawn-again-[0-9a-f]{8}$/);
    expect(await serveOnce(join(base, 'drawn.yaml'), folder)).toBe(first);
  }, 60_000);
});

describe('a private draw', () => {
  it('is charged in every round, and its size is in no leaf of the log and no receipt', async () => {
    const out = join(base, 'run');
    const run = await runSotto('run', join(base, 'task.yaml'), '--json', '--no-page', '--workers', '1', '--out', out);
    expect([run.code, run.stderr.includes('defect')]).toEqual([0, false]);
    const metrics = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const drawn = metrics.map((line) => (JSON.parse(line) as { contributors: number }).contributors);
    // All of twelve, six times over, has a probability of 2⁻⁷².
    expect(Math.min(...drawn)).toBeLessThan(PARTICIPANTS);

    const entries = readdirSync(join(out, 'log'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.parentPath.includes('entries'))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
      .join('\n');
    const numbersOf = (field: string): number[] =>
      [...entries.matchAll(new RegExp(`"${field}":(\\d+)`, 'g'))].map(([, number]) => Number(number));
    expect(numbersOf('contributors')).toEqual(Array.from({ length: ROUNDS }, () => PARTICIPANTS));
    expect(numbersOf('cohort')).toEqual(Array.from({ length: ROUNDS }, () => PARTICIPANTS));
    expect(entries.match(/"kind":"reserve"/g)).toHaveLength(ROUNDS);
    expect(readdirSync(join(out, 'receipts'))).toHaveLength(PARTICIPANTS);

    const verified = await runSotto('verify', out);
    expect([verified.code, verified.stdout + verified.stderr]).toEqual([0, expect.stringMatching(/ε/)]);
  });
});
