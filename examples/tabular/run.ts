/**
 * `npm run example -- tabular [--short] [--data FILE]`: a census table is minimised and made k-anonymous; a model that is
 * trained on what is left stands beside one that is trained with differential privacy on the raw table, and beside one
 * without any protection. The table is invented; the real one (Adult) follows where it is present or named.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createLedger } from 'sotto/accounting';
import { createDataset, createRowEncoder, type Dataset, encodingWidth, type RowEncoding } from 'sotto/data';
import { parseRecipe, type Recipe } from 'sotto/preparation';
import { createSeededRng, createSystemRng } from 'sotto/random';
import { createLedgerFile, formatCsvRow, openTable, writeFileAtomic } from 'sotto/storage';
import { parse, stringify } from 'yaml';

import { calibrateTraining, createLinear, type LinearSettings, spreadOf, trainingEvent } from '../linear.ts';
import { writeLinearRun } from '../run-folder.ts';
import { inventCensus, type Table } from './census.ts';
import { renderTabularPage, type TableOutcome, type TrainedOn } from './page.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const REAL = join(root, '../shared/data/adult/adult.csv.gz');
const PRIVACY = { epsilon: 1, delta: 1e-5 };
const LABEL = 'salary-class';
const CLASSES = ['<=50K', '>50K'];
const relation = 'add-or-remove-one';

/** Runs the example. */
export async function runExample({ short, out, data }: { short: boolean; out: string; data?: string }): Promise<void> {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const outcomes = [
    await runOn(inventCensus(short ? 4000 : 24_000, createSeededRng('census')), {
      name: 'invented census',
      out: join(out, 'invented'),
      runs: short ? 1 : 5,
    }),
  ];
  const real = data ?? REAL;
  if (existsSync(real) && !short) {
    outcomes.push(
      await runOn(await readTable(real, ';'), { name: 'Adult, 1994 census', out: join(out, 'adult'), runs: 5 }),
    );
  } else if (!short) console.log(`\nthe real table is not at ${real}: name it with --data FILE`);
  const report = join(out, 'report.html');
  writeFileAtomic(report, renderTabularPage(outcomes));
  writeFileAtomic(join(out, 'result.json'), `${JSON.stringify(outcomes, undefined, 2)}\n`);
  for (const outcome of outcomes) console.log(summaryOf(outcome));
  console.log(`\nask it  sotto predict ${join(out, 'invented', 'run')} --rows ${join(out, 'invented', 'test.csv')}`);
  console.log(`report  ${report}`);
}

async function readTable(path: string, separator = ','): Promise<Table> {
  const table = openTable({ format: 'csv', path, separator });
  const rows: string[][] = [];
  for await (const batch of table.batches()) {
    for (const item of batch) {
      if (item.kind === 'malformed') throw new Error(`${path}, line ${item.line}: ${item.problem}`);
      rows.push(item.cells.map((cell) => cell ?? ''));
    }
  }
  return { columns: await table.columns(), rows };
}

function writeTable(path: string, { columns, rows }: Table): void {
  writeFileSync(path, [columns, ...rows].map((row) => formatCsvRow(row, ',')).join(''));
}

/** How rows become numbers: by the recipe's own declarations, raw values and generalised ones alike. */
function encodingOf({ columns, anonymize }: Recipe): RowEncoding {
  return {
    kind: 'row',
    constant: 0.3,
    columns: Object.entries(columns)
      .filter(([name]) => name !== LABEL)
      .map(([name, column]) => {
        const hierarchy = anonymize?.quasiIdentifiers[name];
        if (hierarchy?.kind === 'intervals') {
          const [width = 1] = hierarchy.widths;
          const cells = Math.ceil((hierarchy.max - hierarchy.min) / width);
          const edges = Array.from({ length: cells + 1 }, (_, i) => hierarchy.min + i * width);
          return { kind: 'number', name, edges };
        }
        const groups: Record<string, string[]> = {};
        for (const [value = '', ...above] of hierarchy?.kind === 'rows' ? hierarchy.rows : []) {
          for (const group of above.filter((each) => each !== '*')) (groups[group] ??= []).push(value);
        }
        return { kind: 'category', name, values: column.categories as string[], groups };
      }),
  };
}

function encodeTable({ columns, rows }: Table, encoding: RowEncoding): Dataset {
  const width = encodingWidth(encoding);
  const encode = createRowEncoder(encoding);
  const inputs = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    const cells = Object.fromEntries(columns.map((column, j) => [column, row[j] ?? '']));
    encode(cells, inputs.subarray(i * width, (i + 1) * width));
  });
  const at = columns.indexOf(LABEL);
  return createDataset({
    inputs,
    inputShape: [width],
    labels: Float32Array.from(rows, (row) => CLASSES.indexOf(row[at] ?? '')),
  });
}

/** Prepares one table, trains on it in three ways, and measures all of them on the same raw test rows. */
async function runOn(
  table: Table,
  { name, out, runs }: { name: string; out: string; runs: number },
): Promise<TableOutcome> {
  mkdirSync(out, { recursive: true });
  // Every third row, of a table whose order says nothing, is kept for the test.
  const train = { ...table, rows: table.rows.filter((_, i) => i % 3 !== 2) };
  const test = { ...table, rows: table.rows.filter((_, i) => i % 3 === 2) };
  writeTable(join(out, 'train.csv'), train);
  writeTable(join(out, 'test.csv'), test);
  const recipePath = join(out, 'census.yaml');
  const source: unknown = parse(readFileSync(new URL('census.yaml', import.meta.url), 'utf8'));
  writeFileSync(recipePath, stringify(source));
  const recipe = parseRecipe(readFileSync(recipePath, 'utf8'), { path: recipePath });
  const prepared = join(out, 'prepared');
  console.log(`\n${name}: ${train.rows.length} rows for training, ${test.rows.length} for the test`);
  console.log(`$ sotto prepare ${recipePath}`);
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'src/cli/main.ts'), 'prepare', recipePath, '--out', prepared],
    { stdio: 'inherit' },
  );
  if (status !== 0) throw new Error(`sotto prepare ended with ${status}`);

  const encoding = encodingOf(recipe);
  const raw = encodeTable(train, encoding);
  const generalised = encodeTable(await readTable(join(prepared, 'prepared.csv')), encoding);
  const tests = encodeTable(test, encoding);
  const linear = createLinear(encodingWidth(encoding));
  const rng = createSystemRng();
  const settings: LinearSettings = {
    steps: 60,
    clipNorm: 0.4,
    learningRate: 8,
    momentum: 0.9,
    // A public constant: the size as the survey was planned.
    expected: Math.round(train.rows.length / 1000) * 1000,
  };
  console.log('\ntraining on the raw rows, NOT PRIVATE …');
  const ceiling = linear.train(raw, settings, { noiseMultiplier: undefined, rng });
  console.log('training on the k-anonymous rows …');
  const anonymous = linear.train(generalised, settings, { noiseMultiplier: undefined, rng });
  console.log(`training with differential privacy on the raw rows, ε = ${PRIVACY.epsilon} …`);
  const noiseMultiplier = calibrateTraining(settings, PRIVACY);
  const ledger = await createLedger({
    store: createLedgerFile(join(out, 'ledger.jsonl')),
    clock: () => new Date(),
    accountant: 'pld',
    budget: PRIVACY,
    relation,
    privacyUnit: 'example',
    dataset: name,
  });
  const event = trainingEvent(settings, { noiseMultiplier });
  const charge = await ledger.reserve({ event, purpose: 'training' });
  const parameters = linear.train(raw, settings, { noiseMultiplier, rng });
  await ledger.commit(charge);
  const { epsilon } = ledger.spent();
  writeLinearRun(join(out, 'run'), {
    task: 'census income',
    encoding,
    classes: CLASSES,
    plan: linear.plan,
    parameters,
    promise: { epsilon, delta: PRIVACY.delta, privacyUnit: 'example', relation },
  });
  // Only the first run is a release; the others show how far runs differ, on rows that are public or invented.
  const figures = [
    parameters,
    ...Array.from({ length: runs - 1 }, () => linear.train(raw, settings, { noiseMultiplier, rng })),
  ].map((weights) => linear.measure(weights, tests));
  const outcome = (kind: TrainedOn, measured: readonly { accuracy: number; auc: number }[]) => ({
    kind,
    runs: measured.length,
    accuracy: spreadOf(measured.map(({ accuracy }) => accuracy)),
    auc: spreadOf(measured.map(({ auc }) => auc)),
  });
  const { anonymization, rows, dropped } = JSON.parse(readFileSync(join(prepared, 'report.json'), 'utf8')) as {
    anonymization: TableOutcome['anonymization'];
    rows: { suppressed: number; released: number };
    dropped: readonly { column: string; why: string }[];
  };
  const positive = Array.from(tests.labels).filter((label) => label === 1).length / tests.size;
  return {
    name,
    train: train.rows.length,
    test: test.rows.length,
    dropped,
    suppressed: rows.suppressed,
    anonymization,
    promise: { epsilon, delta: PRIVACY.delta, relation, noiseMultiplier },
    always: Math.max(positive, 1 - positive),
    models: [
      outcome('raw, no protection', [linear.measure(ceiling, tests)]),
      outcome('10-anonymous rows, no noise', [linear.measure(anonymous, tests)]),
      outcome('raw, differential privacy', figures),
    ],
  };
}

function summaryOf({ name, models, always, promise, anonymization, suppressed, train }: TableOutcome): string {
  const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
  const { before, after } = anonymization.risks;
  const rows = models.map(({ kind, accuracy, auc, runs }) => [
    kind,
    `accuracy ${percent(accuracy.mean)}${runs > 1 ? ` ± ${(100 * accuracy.stddev).toFixed(2)}` : ''}, AUC ${auc.mean.toFixed(4)}`,
  ]);
  const all = [
    ['always the larger class', `accuracy ${percent(always)}`],
    ...rows,
    [
      'promise of the noise',
      `ε = ${promise.epsilon.toFixed(3)} at δ = ${promise.delta}, one row (${promise.relation})`,
    ],
    [
      'risk of the rows',
      `highest ${percent(before.prosecutor.highest)} → ${percent(after.prosecutor.highest)}, unique ${percent(before.sampleUniqueness)} → ${percent(after.sampleUniqueness)}`,
    ],
    ['suppressed', `${suppressed} of ${train} rows`],
  ];
  return `\ntabular: ${name}\n${all.map(([label = '', value = '']) => `  ${label.padEnd(28)}  ${value}`).join('\n')}`;
}
