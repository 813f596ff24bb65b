import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../../foundations/random/index.ts';
import { PreparationError } from '../../../learning/preparation/index.ts';
import { type PrepareResult, runPreparation } from './prepare.ts';

const HEAD = `recipe: clinic
purpose: Predict readmission from what is known at discharge
input: { format: csv, path: patients.csv }
`;
const COLUMNS = `columns:
  patient: { type: category, categories: { private: { epsilon: 1, delta: 1.0e-6 } }, serves: joins visits of a person, treatment: { kind: omit } }
  age: { type: integer, min: 0, max: 120, serves: risk grows with age }
  zip: { type: text, serves: distance to the clinic }
  diagnosis: { type: category, categories: [flu, asthma, cancer, injury], serves: the main predictor }
`;
const PLAIN = COLUMNS.replace('categories: { private: { epsilon: 1, delta: 1.0e-6 } }', 'categories: [x]').replace(
  /  patient:.*\n/,
  '',
);

function patients(rows: number): string {
  const lines = Array.from({ length: rows }, (_, i) => {
    const diagnosis = ['flu', 'asthma', 'cancer', 'injury'][(i * 7) % 4] as string;
    return `P${i},${20 + (i % 60)},${`1011${i % 10}`},${diagnosis},2024-0${1 + (i % 9)}-1${i % 9},"Call me, +1 415 555 2671"`;
  });
  return `patient,age,zip,diagnosis,admitted,note\n${lines.join('\n')}\n`;
}

function workspace(
  recipe: string,
  { rows = 400, data = patients(rows) } = {},
): { folder: string; run: (out?: string) => Promise<PrepareResult> } {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-prepare-'));
  writeFileSync(join(folder, 'patients.csv'), data);
  writeFileSync(join(folder, 'recipe.yaml'), recipe);
  return {
    folder,
    run: (out = 'out') =>
      runPreparation({
        recipePath: join(folder, 'recipe.yaml'),
        out: join(folder, out),
        rng: createSeededRng('prepare'),
        clock: () => new Date('2026-01-01T00:00:00Z'),
      }),
  };
}

async function refusal(run: () => Promise<unknown>): Promise<PreparationError> {
  return run().then(
    () => {
      throw new Error('was not refused');
    },
    (error: unknown) => error as PreparationError,
  );
}

describe('a recipe', () => {
  it('keeps what serves the purpose, drops the rest, and says so', async () => {
    const { folder, run } = workspace(HEAD + PLAIN);
    const result = await run();
    expect(result.dropped.map(({ column }) => column)).toEqual(['patient', 'admitted', 'note']);
    expect(result.rows).toEqual({ read: 400, malformed: 0, suppressed: 0, released: 400, population: 0 });
    const lines = readFileSync(join(folder, 'out/prepared.csv'), 'utf8').split('\n');
    expect(lines[0]).toBe('age,zip,diagnosis');
    expect(lines[1]).toBe('20,10110,flu');
    expect(readdirSync(join(folder, 'out')).toSorted()).toEqual([
      'lineage.json',
      'prepared.csv',
      'recipe.resolved.yaml',
      'report.json',
    ]);
    expect(result.charged).toBe(null);
  });

  it('writes the lineage of every column, with row counts and digests', async () => {
    const { folder, run } = workspace(HEAD + PLAIN);
    await run();
    const events = JSON.parse(readFileSync(join(folder, 'out/lineage.json'), 'utf8')) as {
      eventType: string;
      inputs: { inputFacets: { inputStatistics: { rowCount: number } } }[];
      outputs: {
        facets: {
          columnLineage: { fields: Record<string, { inputFields: { field: string }[] }> };
          version: { datasetVersion: string };
        };
        outputFacets: { outputStatistics: { rowCount: number } };
      }[];
    }[];
    expect(events.map(({ eventType }) => eventType)).toEqual(['START', 'COMPLETE']);
    const output = events[1]?.outputs[0];
    expect(Object.keys(output?.facets.columnLineage.fields ?? {})).toEqual(['age', 'zip', 'diagnosis']);
    expect(output?.facets.columnLineage.fields.age?.inputFields[0]?.field).toBe('age');
    expect(output?.outputFacets.outputStatistics.rowCount).toBe(400);
    expect(output?.facets.version.datasetVersion).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(events[1]?.inputs[0]?.inputFacets.inputStatistics.rowCount).toBe(400);
  });

  it('anonymises, pseudonymises, shifts dates and cleans text', async () => {
    const recipe = `${HEAD}columns:
  patient: { type: text, serves: joins visits of a person, treatment: { kind: token, purpose: study, prefix: s- } }
  age: { type: integer, min: 0, max: 120, serves: risk grows with age }
  zip: { type: text, serves: distance to the clinic }
  diagnosis: { type: category, categories: [flu, asthma, cancer, injury], serves: the main predictor }
  admitted: { type: date, serves: season, treatment: { kind: dateShift, purpose: study, person: patient, maxDays: 30 } }
  note: { type: text, serves: free text model, treatment: { kind: pii } }
anonymize:
  quasiIdentifiers:
    age: { kind: intervals, min: 0, max: 120, widths: [5, 10, 20] }
    zip: { kind: prefixes, length: 5, steps: [1, 2] }
  criteria: [{ kind: kAnonymity, k: 5 }, { kind: distinctLDiversity, column: diagnosis, l: 2 }]
  suppressionLimit: 0.05
keys: { file: study.key }
`;
    const { folder, run } = workspace(recipe);
    const result = await run();
    const rows = readFileSync(join(folder, 'out/prepared.csv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.match(/"(?:[^"]|"")*"|[^,]+/g) as string[]);
    const groups = new Map<string, number>();
    for (const [, age, zip] of rows) groups.set(`${age}|${zip}`, (groups.get(`${age}|${zip}`) ?? 0) + 1);
    expect(Math.min(...groups.values())).toBeGreaterThanOrEqual(5);
    expect(result.rows.suppressed).toBeLessThanOrEqual(20);
    expect(rows.every(([patient]) => /^s-[0-9a-f]{32}$/.test(patient as string))).toBe(true);
    expect(rows.every((row) => row.at(-1) === '"Call me, <PHONE_NUMBER>"')).toBe(true);
    expect(rows.some((row) => row[4] !== '2024-01-10')).toBe(true);
    expect(result.notes.join()).toContain('stay personal data');
    expect(result.anonymization?.risks.after.prosecutor.highest).toBeLessThanOrEqual(0.2);
  });
});

describe('refusals', () => {
  it('name file, line, key, rule and next step, and read nothing', async () => {
    const { folder, run } = workspace(`${HEAD}columns:
  age: { type: integer, min: 0, serves: risk grows with age }
  zipp: { type: text, servez: distance }
anonimize: {}
`);
    const error = await refusal(() => run());
    expect(error.code).toBe('preparation/recipe');
    const lines = error.message.split('\n');
    expect(
      lines.some((line) =>
        /recipe\.yaml:6: columns\.zipp\.servez is not a known key\. Next: did you mean serves\?/.test(line),
      ),
    ).toBe(true);
    expect(
      lines.some((line) => /recipe\.yaml:7: anonimize is not a known key\. Next: did you mean anonymize\?/.test(line)),
    ).toBe(true);
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });

  it('name the place where a recipe refers to an anchor that it does not have', async () => {
    const { run } = workspace(`${HEAD}columns: *nowhere\n`);
    const error = await refusal(() => run());
    expect(error.code).toBe('preparation/recipe');
    expect(error.message).toMatch(/recipe\.yaml:1: is not YAML: .*nowhere/);
  });

  it.each([
    [
      'a private column used without charge',
      COLUMNS,
      /privacy is needed: columns\.patient\.categories must be charged/,
    ],
    [
      'a private column that would leave as it is',
      PLAIN.replace('serves: risk', 'private: true, serves: risk'),
      /columns\.age\.treatment a private column leaves only with noise/,
    ],
    [
      'a statistic without epsilon',
      `${PLAIN}statistics: [{ kind: mean, name: m, column: age }]\nprivacy: { epsilon: 1, delta: 1.0e-6, dataset: d }\n`,
      /must be charged: state an epsilon/,
    ],
    [
      'a range taken silently from the data',
      PLAIN.replace('min: 0, max: 120, ', ''),
      /columns\.age\.min must be declared for a number, or taken privately/,
    ],
    [
      'categories taken silently from the data',
      PLAIN.replace('categories: [flu, asthma, cancer, injury], ', ''),
      /columns\.diagnosis\.categories must be declared for a category, or taken privately/,
    ],
    [
      'a private column that would steer the anonymisation',
      `${PLAIN.replace('serves: the main', 'private: true, treatment: { kind: omit }, serves: the main')}anonymize: { quasiIdentifiers: { zip: { kind: suppress } }, criteria: [{ kind: distinctLDiversity, column: diagnosis, l: 2 }] }\n`,
      /anonymize\.criteria\.0\.column is private: levels and suppressed rows would follow it without a charge/,
    ],
    [
      'a private column that would choose the rows',
      `${PLAIN.replace('serves: the main', 'private: true, treatment: { kind: omit }, serves: the main')}anonymize: { quasiIdentifiers: { zip: { kind: suppress } }, criteria: [{ kind: kMap, k: 2 }], released: { column: diagnosis, equals: flu } }\n`,
      /anonymize\.released\.column is private/,
    ],
    [
      'pseudonyms without a key',
      PLAIN.replace(
        'serves: distance to the clinic',
        'serves: distance to the clinic, treatment: { kind: token, purpose: p }',
      ),
      /keys is needed/,
    ],
    [
      'a hierarchy for a column that is not there',
      `${PLAIN}anonymize: { quasiIdentifiers: { height: null }, criteria: [{ kind: kAnonymity, k: 2 }] }\n`,
      /anonymize\.quasiIdentifiers\.height is not among the columns/,
    ],
  ])('meet %s', async (_, columns, message) => {
    const { folder, run } = workspace(HEAD + columns);
    const error = await refusal(() => run());
    expect(error.message).toMatch(message);
    expect(readdirSync(folder).toSorted()).toEqual(['patients.csv', 'recipe.yaml']);
  });

  it.each([
    [
      'a column the input lacks',
      PLAIN.replace('  zip:', '  zop:'),
      'preparation/missing-column',
      /the input has no column "zop"/,
    ],
    [
      'a hierarchy that leaves values uncovered',
      `${PLAIN}anonymize: { quasiIdentifiers: { zip: { kind: rows, rows: [["10110", "*"]] } }, criteria: [{ kind: kAnonymity, k: 2 }] }\n`,
      'preparation/hierarchy-gap',
      /column "zip": 9 distinct values are not covered by its hierarchy, first in row 3/,
    ],
    [
      'criteria that nothing can meet',
      `${PLAIN}anonymize: { quasiIdentifiers: { zip: { kind: suppress } }, criteria: [{ kind: distinctLDiversity, column: diagnosis, l: 9 }] }\n`,
      'preparation/impossible-criteria',
      /9-diversity of "diagnosis", which has 4 distinct values, cannot be met/,
    ],
  ])('leave nothing behind: %s', async (_, columns, code, message) => {
    const { folder, run } = workspace(HEAD + columns);
    const error = await refusal(() => run());
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/1011[1-9]/);
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });
});

describe('malformed rows', () => {
  const data = patients(400).replace('P7,27,', 'P7,old,').replace('P9,29,10119', 'P9,29');

  it('go to a quarantine with line, column and reason, and the rest is used', async () => {
    const { run } = workspace(HEAD + PLAIN, { data });
    const result = await run();
    expect(result.rows).toMatchObject({ read: 400, malformed: 2, released: 398 });
    const quarantined = readFileSync(result.quarantine as string, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { line: number; column: string; problem: string });
    expect(quarantined.map(({ line, column, problem }) => [line, column, problem])).toEqual([
      [9, 'age', 'is not a number'],
      [11, 'note', 'has 5 fields, the header has 6'],
    ]);
  });

  it('stop the run beyond the limit, naming the first, with the quarantine alone left', async () => {
    const { folder, run } = workspace(`${HEAD}${PLAIN}malformed: { limit: 0.001 }\n`, { data });
    const error = await refusal(() => run());
    expect(error.code).toBe('preparation/malformed-row');
    expect(error.message).toMatch(/2 of 400 rows are malformed.*line 9, column age: is not a number/);
    expect(error.message).not.toContain('old');
    expect(readdirSync(join(folder, 'out'))).toEqual(['quarantine.jsonl']);
  });
});

describe('what is private', () => {
  const statistics = `statistics:
  - { kind: mean, name: mean age, column: age, epsilon: 0.5 }
  - { kind: quantiles, name: median age, column: age, epsilon: 0.5, quantiles: [0.5] }
  - { kind: histogram, name: diagnoses, column: diagnosis, epsilon: 0.5 }
`;
  const privacy = 'privacy: { epsilon: 4, delta: 1.0e-6, dataset: clinic }\n';

  it('is charged before a row is read, once for every run, and refused when the budget is spent', async () => {
    const { folder, run } = workspace(HEAD + COLUMNS + statistics + privacy, { rows: 4000 });
    const first = await run('one');
    expect(first.charged?.spent.epsilon).toBeGreaterThan(1.5);
    expect(first.charged?.spent.epsilon).toBeLessThanOrEqual(2.5);
    expect(Math.abs((first.statistics['mean age'] as number) - 49.4)).toBeLessThan(2);
    expect(Math.abs((first.statistics['median age'] as number[])[0] ?? 0)).toBeGreaterThan(40);
    const before = readFileSync(join(folder, 'recipe.ledger.jsonl'), 'utf8');
    const error = await refusal(() => run('two'));
    expect(error.code).toBe('accounting/budget-exceeded');
    expect(existsSync(join(folder, 'two'))).toBe(false);
    expect(readFileSync(join(folder, 'recipe.ledger.jsonl'), 'utf8')).toBe(before);
  });

  it('stays charged when the run fails behind the first row', async () => {
    const impossible =
      'anonymize: { quasiIdentifiers: { zip: { kind: rows, rows: [["10110", "*"]] } }, criteria: [{ kind: kAnonymity, k: 2 }] }\n';
    const { folder, run } = workspace(HEAD + COLUMNS + impossible + statistics + privacy);
    await refusal(() => run());
    const records = readFileSync(join(folder, 'recipe.ledger.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { kind: string }).kind);
    expect(records).toEqual(['open', 'reserve', 'abort']);
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });

  it('leaves with noise on every row, charged under replace-one at the stated epsilon', async () => {
    const columns = PLAIN.replace(
      'serves: risk grows with age',
      'private: true, serves: risk grows with age, treatment: { kind: noise, epsilon: 1 }',
    ).replace(
      'serves: the main predictor',
      'private: true, serves: the main predictor, treatment: { kind: noise, epsilon: 2 }',
    );
    const { folder, run } = workspace(HEAD + columns + privacy, { rows: 3000 });
    const result = await run();
    expect(result.charged?.spent.epsilon).toBeGreaterThan(2.9);
    expect(result.charged?.spent.epsilon).toBeLessThanOrEqual(3 * (1 + 1e-9));
    const rows = readFileSync(join(folder, 'out/prepared.csv'), 'utf8').trim().split('\n').slice(1);
    const kept =
      rows.filter((line, i) => line.endsWith(['flu', 'asthma', 'cancer', 'injury'][(i * 7) % 4] as string)).length /
      rows.length;
    // e²/(e² + 3)
    expect(Math.abs(kept - 0.711)).toBeLessThan(0.05);
    expect(rows.filter((line, i) => line.startsWith(`${20 + (i % 60)},`)).length).toBeLessThan(300);
  });

  it('standardises, bounds, lists categories and counts words, each charged', async () => {
    const columns = `columns:
  patient: { type: category, categories: { private: { epsilon: 1, delta: 1.0e-7 } }, serves: joins visits of a person }
  age: { type: integer, min: 0, max: 120, serves: risk grows with age, treatment: { kind: standardize, epsilon: 1 } }
  zip: { type: integer, bounds: { private: { epsilon: 1, lower: 0, upper: 99999 } }, serves: distance to the clinic }
  diagnosis: { type: category, categories: { private: { epsilon: 1, delta: 1.0e-7 } }, serves: the main predictor }
  note: { type: text, serves: words of the notes, private: true, treatment: { kind: omit } }
`;
    const words =
      'statistics: [{ kind: vocabulary, name: words, column: note, epsilon: 1, delta: 1.0e-7 }, { kind: count, name: rows, epsilon: 0.1 }]\n';
    const { folder, run } = workspace(HEAD + columns + words + privacy.replace('epsilon: 4', 'epsilon: 8'), {
      rows: 3000,
    });
    const result = await run();
    expect(result.charged?.spent.epsilon).toBeGreaterThan(4);
    const rows = readFileSync(join(folder, 'out/prepared.csv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','));
    // A patient who occurs once is in no private list.
    expect(new Set(rows.map(([patient]) => patient))).toEqual(new Set(['other']));
    expect(new Set(rows.map((row) => row[3]))).toEqual(new Set(['flu', 'asthma', 'cancer', 'injury']));
    const ages = rows.map((row) => Number(row[1]));
    const mean = ages.reduce((sum, age) => sum + age, 0) / ages.length;
    expect(Math.abs(mean)).toBeLessThan(0.3);
    expect(Math.abs(ages.reduce((sum, age) => sum + (age - mean) ** 2, 0) / ages.length - 1)).toBeLessThan(0.5);
    expect(Object.keys(result.statistics.words as object)).toContain('call');
    const events = JSON.parse(readFileSync(join(folder, 'out/lineage.json'), 'utf8')) as {
      run: { facets: { sotto_privacy?: { dropped: { column: string }[]; charged: { spent: { epsilon: number } } } } };
    }[];
    const facet = events[1]?.run.facets.sotto_privacy;
    expect(facet?.dropped.map(({ column }) => column)).toEqual(['admitted', 'note']);
    expect(facet?.charged.spent).toEqual(result.charged?.spent);
  });

  it('becomes a synthetic table of the declared shape', async () => {
    const synthetic = 'synthetic: { columns: [age, diagnosis], rows: 500, epsilon: 2, delta: 1.0e-7 }\n';
    const { folder, run } = workspace(HEAD + PLAIN + synthetic + privacy, { rows: 3000 });
    const result = await run();
    expect(result.charged?.spent.epsilon).toBeLessThanOrEqual(2);
    const rows = readFileSync(join(folder, 'out/synthetic.csv'), 'utf8').trim().split('\n');
    expect(rows[0]).toBe('age,diagnosis');
    expect(rows.length).toBe(501);
    const events = JSON.parse(readFileSync(join(folder, 'out/lineage.json'), 'utf8')) as {
      outputs: {
        name: string;
        facets: { columnLineage: { fields: object } };
        outputFacets: { outputStatistics: { rowCount: number } };
      }[];
    }[];
    const drawn = events[1]?.outputs.find(({ name }) => name.endsWith('synthetic.csv'));
    expect(Object.keys(drawn?.facets.columnLineage.fields ?? {})).toEqual(['age', 'diagnosis']);
    expect(drawn?.outputFacets.outputStatistics.rowCount).toBe(500);
  });
});

describe('what would tell of a private column', () => {
  const privacy = 'privacy: { epsilon: 8, delta: 1.0e-6, dataset: clinic }\n';

  it('is no row that is missing: a cell beyond its bounds or categories is noised like any other', async () => {
    const columns = PLAIN.replace(
      'serves: risk grows with age',
      'private: true, serves: risk grows with age, treatment: { kind: noise, epsilon: 1 }',
    ).replace('serves: the main predictor', 'serves: the main predictor, treatment: { kind: noise, epsilon: 2 }');
    const data = patients(400).replace('P7,27,', 'P7,270,').replace('P8,28,', 'P8,old,').replace('flu', 'plague');
    const { run } = workspace(HEAD + columns + privacy, { data });
    expect((await run()).rows).toEqual({ read: 400, malformed: 0, suppressed: 0, released: 400, population: 0 });
    const refused = workspace(HEAD + columns.replace('min: 0', 'missing: refuse, min: 0') + privacy, { data });
    expect((await refusal(() => refused.run())).message).toMatch(/columns\.age\.missing must be keep/);
  });

  it('is no table of empty rows where statistics alone are wanted, and exact counts are said to be exact', async () => {
    const columns = `columns:
  age: { type: integer, min: 0, max: 120, private: true, serves: its mean, treatment: { kind: omit } }
`;
    const mean = 'statistics: [{ kind: mean, name: mean age, column: age, epsilon: 1 }]\n';
    const { folder, run } = workspace(HEAD + columns + mean + privacy);
    const result = await run();
    expect(result.outputs).toEqual([]);
    expect(readdirSync(join(folder, 'out')).toSorted()).toEqual([
      'lineage.json',
      'recipe.resolved.yaml',
      'report.json',
    ]);
    expect(result.notes.join('\n')).toMatch(/Row counts.*are exact and not covered by the budget/);
  });
});

it('refunds the charge when it fails before a row was read', async () => {
  const statistics = 'statistics: [{ kind: mean, name: m, column: age, epsilon: 1 }]\n';
  const { folder, run } = workspace(`${HEAD}${PLAIN}${statistics}privacy: { epsilon: 1, delta: 1.0e-6, dataset: d }\n`);
  writeFileSync(join(folder, 'file'), '');
  await expect(run('file/out')).rejects.toThrow();
  const records = readFileSync(join(folder, 'recipe.ledger.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string; dataTouched?: boolean });
  expect(records.map(({ kind }) => kind)).toEqual(['open', 'reserve', 'abort']);
  expect(records.at(-1)?.dataTouched).toBe(false);
  expect((await run()).charged?.spent.epsilon).toBeGreaterThan(0.9);
});

it('refuses a table with one name for two columns of the recipe', async () => {
  const { run } = workspace(HEAD + PLAIN, { data: 'age,zip,diagnosis,age\n1,10111,flu,2\n' });
  expect((await refusal(() => run())).code).toBe('preparation/duplicate-column');
});

it('fails Safe Harbor for long or rare ZIP codes, places in prose and codes of single people, and passes states', async () => {
  const lines = Array.from(
    { length: 40 },
    (_, i) => `${i % 2 === 0 ? '1011*' : '036**'},Ohio,c${i}x,"Moved to Los Angeles, row ${i}"`,
  );
  const recipe = `${HEAD}columns:
  zip: { type: text, serves: distance }
  state: { type: text, serves: region }
  code: { type: text, serves: joins }
  note: { type: text, serves: model }
safeHarbor: true
`;
  const { run } = workspace(recipe, { data: `zip,state,code,note\n${lines.join('\n')}\n` });
  const rows = new Map((await run()).safeHarbor?.map(({ letter, findings }) => [letter, findings]));
  expect(rows.get('B')).toEqual([
    '"note": LOCATION',
    '"zip": by its name',
    '"zip": more than three digits',
    '"zip": three digits that at most 20,000 people share',
  ]);
  expect(rows.get('R')).toEqual(['"code": another value in every row']);
});

it('checks the eighteen rows of HIPAA Safe Harbor over what is written', async () => {
  const recipe = `${HEAD}columns:
  age: { type: integer, min: 0, max: 120, serves: risk grows with age }
  zip: { type: text, serves: distance to the clinic }
  admitted: { type: date, serves: season }
  note: { type: text, serves: free text model }
safeHarbor: true
`;
  const { run } = workspace(recipe);
  const rows = (await run()).safeHarbor ?? [];
  expect(rows.length).toBe(18);
  expect(rows.filter(({ pass }) => !pass).map(({ letter }) => letter)).toEqual(['B', 'C', 'D']);
});
