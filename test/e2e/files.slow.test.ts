/**
 * Tables and texts from the first command to a model: what `sotto init` writes runs in a simulation and trains at one
 * party, on CSV, JSON lines and folders of texts.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runSotto } from './sotto.ts';

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-files-'));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** Rows of two classes that a linear model tells apart. */
function rows(count: number, seed: number): (string | number)[][] {
  return Array.from({ length: count }, (_, i) => {
    const noise = (j: number): number => (((i * 7 + j * 13 + seed) * 29) % 97) / 97;
    return [0, 1, 2, 3].map((j) => noise(j) + (j < 2 ? 3 * (i % 2) : 0)).concat(i % 2);
  });
}

const HEADER = ['a', 'b', 'c', 'd', 'label'];

function init(template: string, folder: string): Promise<{ code: number; stderr: string; stdout: string }> {
  return runSotto(
    'init',
    folder,
    '--template',
    template,
    '--participants',
    '4',
    '--rounds',
    '6',
    '--epsilon',
    '8',
    '--yes',
  );
}

const accuracyOf = (stdout: string): number => (JSON.parse(stdout) as { accuracy: number }).accuracy;

describe('tables', () => {
  it('a CSV is simulated, and trained at one party; both files are in the run\u2019s log by commitment', async () => {
    const folder = join(base, 'tabular');
    expect((await init('tabular', folder)).code).toBe(0);
    const task = join(folder, 'task.yaml');
    const missing = await runSotto('run', task, '--quiet', '--json', '--no-page');
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringMatching(/train\.csv does not exist/)]);
    for (const [name, count] of [
      ['train', 800],
      ['test', 200],
    ] as const) {
      writeFileSync(
        join(folder, `${name}.csv`),
        [HEADER, ...rows(count, count)].map((row) => row.join(',')).join('\n'),
      );
    }
    const out = join(base, 'run');
    const run = await runSotto('run', task, '--out', out, '--quiet', '--json', '--no-page');
    expect([run.code, run.stderr]).toEqual([0, '']);
    expect(accuracyOf(run.stdout)).toBeGreaterThan(0.85);
    const resolved = readFileSync(join(out, 'task.resolved.yaml'), 'utf8');
    expect(resolved).toContain(join(folder, 'train.csv'));
    const verdict = await runSotto('verify', out);
    expect([verdict.code, verdict.stdout]).toEqual([0, expect.stringMatching(/ε/)]);
    const train = await runSotto('train', task, '--out', join(base, 'train'), '--quiet', '--json');
    expect([train.code, train.stderr]).toEqual([0, '']);
    expect(accuracyOf(train.stdout)).toBeGreaterThan(0.85);
  });

  it('a folder with other files of the same kind takes their place by --data; one that does not fit is refused by name', async () => {
    const folder = join(base, 'tabular');
    const other = join(base, 'other');
    mkdirSync(other);
    for (const [name, count] of [
      ['train', 400],
      ['test', 100],
    ] as const) {
      const lines = rows(count, 5).map((row) => JSON.stringify(Object.fromEntries(row.map((v, i) => [HEADER[i], v]))));
      writeFileSync(join(other, `${name}.jsonl`), lines.join('\n'));
    }
    const run = await runSotto(
      'run',
      join(folder, 'task.yaml'),
      '--data',
      other,
      '--rounds',
      '2',
      '--out',
      join(base, 'run-2'),
      '--quiet',
      '--json',
      '--no-page',
    );
    expect([run.code, run.stderr]).toEqual([0, '']);
    writeFileSync(join(other, 'train.jsonl'), '{"a":1,"label":0}');
    const narrow = await runSotto(
      'run',
      join(folder, 'task.yaml'),
      '--data',
      other,
      '--out',
      join(base, 'run-3'),
      '--json',
      '--no-page',
    );
    expect([narrow.code, narrow.stderr]).toEqual([2, expect.stringMatching(/takes 4 numbers an example/)]);
  });
});

describe('texts', () => {
  it('folders of mails are simulated, and trained at one party', async () => {
    const folder = join(base, 'spam');
    expect((await init('spam', folder)).code).toBe(0);
    for (const [part, count] of [
      ['train', 120],
      ['test', 40],
    ] as const) {
      for (const label of ['0', '1']) {
        mkdirSync(join(folder, 'mails', part, label), { recursive: true });
        for (let i = 0; i < count; i += 1) {
          const words = label === '1' ? 'win money now free prize' : 'meeting notes agenda minutes team';
          writeFileSync(join(folder, 'mails', part, label, `${i}.txt`), `${words} ${i % 7}`);
        }
      }
    }
    const task = join(folder, 'task.yaml');
    const run = await runSotto('run', task, '--out', join(base, 'mails'), '--quiet', '--json', '--no-page');
    expect([run.code, run.stderr]).toEqual([0, '']);
    expect(accuracyOf(run.stdout)).toBeGreaterThan(0.8);
    const train = await runSotto('train', task, '--out', join(base, 'mails-train'), '--quiet', '--json');
    expect([train.code, train.stderr]).toEqual([0, '']);
    expect(accuracyOf(train.stdout)).toBeGreaterThan(0.8);
  });
});

describe('keys for a whole task', () => {
  it('carry a simulation through participants that drop out, to the same sums as fresh keys', async () => {
    const folder = join(base, 'tabular');
    const text = readFileSync(join(folder, 'task.yaml'), 'utf8');
    const runs = await Promise.all(
      ['round', 'task'].map(async (setup) => {
        const task = join(folder, `${setup}.yaml`);
        const changed = text
          .replace('kind: secagg,', `kind: secagg, setup: ${setup},`)
          .concat('\nsimulation: { dropoutRate: 0.1 }\n');
        expect(changed).toContain(`setup: ${setup}`);
        writeFileSync(task, changed);
        const out = join(base, `keys-${setup}`);
        // Seeded: both draw the same samples, noise and dropouts, so that only the masks differ.
        const { code, stderr, stdout } = await runSotto(
          'run',
          task,
          '--seed',
          'keys',
          '--out',
          out,
          '--quiet',
          '--json',
          '--no-page',
        );
        expect([code, stderr]).toEqual([0, expect.stringMatching(/SEEDED|^$/)]);
        return { out, digest: (JSON.parse(stdout) as { model: { sha256: string } }).model.sha256 };
      }),
    );
    const committed = runs.map(({ out }) =>
      readFileSync(join(out, 'metrics.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { outcome: string; round: number })
        .filter(({ outcome }) => outcome === 'committed')
        .map(({ round }) => round),
    );
    expect(committed).toEqual([
      [1, 2, 3, 4, 5, 6],
      [1, 2, 3, 4, 5, 6],
    ]);
    // The masks are gone from the sums: the models are the same to the bit.
    expect(runs[1]?.digest).toBe(runs[0]?.digest);
  });
});
