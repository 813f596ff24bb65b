/**
 * What `sotto prepare` makes of bad input, as a user meets it: the exit code says usage, the message names file, line, column
 * and rule and no value of the data, and outputs are there whole or not at all.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { runSotto } from './sotto.ts';

const DIAGNOSES = ['flu', 'asthma', 'cancer', 'injury'] as const;
const CANARY = 'Zebedee';

/** A table of 200 patients, some lines of it replaced. */
function patients(replaced: Readonly<Record<number, string>> = {}): string {
  const lines = Array.from({ length: 200 }, (_, i) => `${20 + (i % 60)},1011${i % 10},${DIAGNOSES[i % 4]}`);
  return ['age,zip,diagnosis', ...lines]
    .map((line, i) => replaced[i + 1] ?? line)
    .join('\n')
    .concat('\n');
}

const COLUMNS = `columns:
  age: { type: integer, min: 0, max: 120, serves: risk grows with age }
  zip: { type: text, serves: distance to the clinic }
  diagnosis: { type: category, categories: [flu, asthma, cancer, injury], serves: the main predictor }
`;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly folder: string;
  /** Files of the run folder, and of the folder of the recipe. */
  readonly left: readonly string[];
  readonly beside: readonly string[];
}

/** Runs `sotto prepare` in a folder of its own. */
async function prepare(recipe: string, data = patients()): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bad-table-'));
  writeFileSync(join(folder, 'patients.csv'), data);
  writeFileSync(
    join(folder, 'recipe.yaml'),
    `recipe: clinic\npurpose: Predict readmission\ninput: { format: csv, path: patients.csv }\n${recipe}`,
  );
  const out = join(folder, 'out');
  const finished = await runSotto('prepare', join(folder, 'recipe.yaml'), '--out', out, '--json');
  return {
    ...finished,
    folder,
    left: existsSync(out) ? readdirSync(out).toSorted() : [],
    beside: readdirSync(folder).toSorted(),
  };
}

describe('malformed rows', () => {
  const broken = patients({
    3: `${CANARY},10111,flu`,
    7: '31,10115',
    12: `44,10110,${CANARY}`,
    20: '999,10118,flu',
  });

  it('are named by line and column in a quarantine file, and the rest is written', async () => {
    const { code, stdout, folder, left } = await prepare(`${COLUMNS}malformed: { limit: 0.05 }\n`, broken);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as { rows: Record<string, number>; quarantine: string };
    expect(report.rows).toMatchObject({ read: 200, malformed: 4, released: 196 });
    expect(left).toEqual(['lineage.json', 'prepared.csv', 'quarantine.jsonl', 'recipe.resolved.yaml', 'report.json']);
    const rows = readFileSync(report.quarantine, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { line: number; column: string; problem: string });
    expect(rows.map(({ line, column, problem }) => `${line} ${column} ${problem}`)).toEqual([
      '3 age is not a number',
      '7 diagnosis has 2 fields, the header has 3',
      '12 diagnosis is not among the declared categories',
      '20 age is outside [0, 120]',
    ]);
    // Rows of people: nobody but the owner reads them.
    expect(statSync(report.quarantine).mode & 0o077).toBe(0);
    expect(readFileSync(join(folder, 'out/prepared.csv'), 'utf8').trim().split('\n')).toHaveLength(197);
    expect(readFileSync(join(folder, 'out/prepared.csv'), 'utf8')).not.toContain(CANARY);
  });

  it('stop the run beyond the limit, with the first one named and nothing but the quarantine written', async () => {
    const { code, stdout, stderr, left } = await prepare(COLUMNS, broken);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/4 of 200 rows are malformed.*the first: line 3, column age: is not a number/);
    expect(stderr).toMatch(/malformed\.limit = 0\.01/);
    expect(stderr).not.toContain(CANARY);
    expect(left).toEqual(['quarantine.jsonl']);
  });

  it('are not a crash where the whole file is none', async () => {
    for (const data of ['', 'age,zip,diagnosis\n', '\u0000\u0001\u0002']) {
      const { code, stderr, left } = await prepare(COLUMNS, data);
      expect(code).toBe(2);
      expect(stderr).not.toMatch(/at .*\.ts:\d+/);
      expect(left).toEqual([]);
    }
  });
});

describe('refused before anything is written', () => {
  it.each([
    [
      'a hierarchy that does not cover a value',
      `${COLUMNS}anonymize: { quasiIdentifiers: { zip: { kind: rows, rows: [["10110", "*"]] } }, criteria: [{ kind: kAnonymity, k: 2 }] }\n`,
      /column "zip": 9 distinct values are not covered by its hierarchy, first in row 3/,
    ],
    [
      'criteria that no generalisation meets',
      `${COLUMNS}anonymize: { quasiIdentifiers: { zip: { kind: suppress } }, criteria: [{ kind: distinctLDiversity, column: diagnosis, l: 9 }] }\n`,
      /9-diversity of "diagnosis", which has 4 distinct values, cannot be met/,
    ],
    [
      'more people in a class than there are',
      `${COLUMNS}anonymize: { quasiIdentifiers: { zip: { kind: suppress } }, criteria: [{ kind: kAnonymity, k: 500 }] }\n`,
      /500/,
    ],
    [
      'a private column that would leave as it is',
      COLUMNS.replace('serves: risk', 'private: true, serves: risk'),
      /recipe\.yaml:5: columns\.age\.treatment a private column leaves only with noise/,
    ],
    [
      'a private column in a statistic that is not charged',
      `${COLUMNS.replace('serves: risk grows with age', 'private: true, serves: risk grows with age, treatment: { kind: omit }')}statistics: [{ kind: mean, name: m, column: age, epsilon: 0.5 }]\n`,
      /privacy is needed/,
    ],
    [
      'categories that would be read from the data without a charge',
      COLUMNS.replace('categories: [flu, asthma, cancer, injury], ', ''),
      /recipe\.yaml:7: columns\.diagnosis\.categories must be declared for a category, or taken privately/,
    ],
    ['a column that the input lacks', COLUMNS.replace('  zip:', '  zop:'), /the input has no column "zop"/],
  ])('%s', async (_, recipe, message) => {
    const { code, stdout, stderr, left, beside } = await prepare(recipe);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/1011[1-9]/);
    expect(left).toEqual([]);
    expect(beside).toEqual(['patients.csv', 'recipe.yaml']);
  });

  it('a statistic beyond the budget, as a privacy refusal', async () => {
    const { code, stderr, left } = await prepare(
      `${COLUMNS}statistics: [{ kind: mean, name: m, column: age, epsilon: 5 }]\nprivacy: { epsilon: 1, delta: 1.0e-6, dataset: clinic }\n`,
    );
    expect(code).toBeGreaterThanOrEqual(30);
    expect(code).toBeLessThan(40);
    expect(stderr).toMatch(/epsilon .* of 1 at delta 0\.000001; nothing was run/);
    expect(left).toEqual([]);
  });
});

describe('outputs', () => {
  it('are not overwritten, and those of the first run stay as they were', async () => {
    const { code, folder, left } = await prepare(COLUMNS);
    expect(code).toBe(0);
    const before = readFileSync(join(folder, 'out/prepared.csv'), 'utf8');
    writeFileSync(join(folder, 'patients.csv'), patients({ 2: '77,10119,flu' }));
    const again = await runSotto('prepare', join(folder, 'recipe.yaml'), '--out', join(folder, 'out'));
    expect(again.code).not.toBe(0);
    expect(again.stderr).toMatch(/exists: nothing was overwritten/);
    expect(readFileSync(join(folder, 'out/prepared.csv'), 'utf8')).toBe(before);
    expect(readdirSync(join(folder, 'out')).toSorted()).toEqual(left);
  });

  it('are all gone where one of them cannot be put in its place', async () => {
    const { code, stderr, left, beside } = await prepare(
      `${COLUMNS}output: { format: csv, path: no/such/folder/prepared.csv }\n`,
    );
    expect(code).not.toBe(0);
    expect(stderr).not.toMatch(/at .*\.ts:\d+/);
    expect(left).toEqual([]);
    expect(beside).toEqual(['patients.csv', 'recipe.yaml']);
  });
});
