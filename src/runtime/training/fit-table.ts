/**
 * Fits a classical model to a table: everything that can be wrong is found, then charged and logged, then the first row is
 * read.
 *
 * @module
 */

import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { stringify } from 'yaml';

import {
  ClassicalError,
  type ClassicalKind,
  type ClassicalModel,
  columnsOfRecipe,
  createEstimatorOf,
  createScore,
  encodeClassicalModel,
  type Estimator,
  fitPrivately,
  type FitRecipe,
  parseFitRecipe,
  type Score,
  type TableRow,
} from '../../learning/classical/index.ts';
import { createSystemRng } from '../../foundations/random/index.ts';
import { createLedger, type Ledger } from '../../privacy/accounting/index.ts';
import {
  createLedgerFile,
  openTable,
  readFileOf,
  type RunFolder,
  StorageError,
  type TableReader,
} from '../storage/index.ts';
import { describeFit, digestFitted, NO_MODEL } from './fit-log.ts';
import { digestOf, LEDGER_NAME, openRunLog } from './run-log.ts';
import { RUN_FILES } from '../../trust/log/index.ts';

/** What a fit is made of. */
export interface FitTableOptions {
  readonly recipePath: string;
  /** The table: CSV, JSON lines or Parquet by the end of its name. */
  readonly dataPath: string;
  /** Public rows to measure the model on. */
  readonly testPath?: string;
  /** Gives the run folder, once everything is known to be sound. */
  readonly folder: () => RunFolder;
  readonly clock?: () => Date;
  readonly onStep?: (step: string) => void;
}

/** `summary.json`. */
export interface FitSummary {
  readonly task: string;
  readonly mode: 'single-party';
  readonly model: { readonly kind: ClassicalKind; readonly features: number; readonly sha256: string };
  readonly epsilon: number;
  readonly delta: number;
  readonly privacyUnit: string;
  readonly relation: string;
  readonly maxRows: number;
  readonly accountant: string;
  readonly trust: 'coordinator';
  readonly seeded: false;
  /** On public rows; null where there were none. */
  readonly score: Score | null;
  /** The table's own account, after this fit; null without one. */
  readonly account: {
    readonly dataset: string;
    readonly spent: number;
    readonly epsilon: number;
    readonly ledger: string;
  } | null;
  readonly secondsTotal: number;
}

const PROGRESS_ROWS = 100_000;

/**
 * Fits the model of a recipe and leaves a run folder that `sotto verify` checks.
 * @throws typed errors for everything that is wrong, before anything is charged; a table that turns out to be malformed
 * ends the fit with its charge standing.
 */
export async function fitTable(options: FitTableOptions): Promise<FitSummary> {
  const { recipePath, dataPath, testPath, clock = () => new Date(), onStep } = options;
  const started = performance.now();
  onStep?.('planning');
  const recipe = withAbsoluteLedger(
    parseFitRecipe(new TextDecoder().decode(readFileOf(recipePath, 'recipe')), { path: recipePath }),
    dirname(resolve(recipePath)),
  );
  const table = await openWith(recipe, dataPath, columnsOfRecipe(recipe));
  const test = testPath === undefined ? undefined : await openPublic(recipe, { testPath, dataPath });
  const estimator = createEstimatorOf(recipe);
  // The table's own account is asked first: where it refuses, nothing is made and nothing is charged.
  const account = await reserveAccount(recipe, estimator, clock);
  try {
    return await fitInto(options.folder());
  } catch (error) {
    await account?.refund();
    throw error;
  }

  async function fitInto(folder: RunFolder): Promise<FitSummary> {
    try {
      return await fitAndRecord(folder);
    } finally {
      folder.close();
    }
  }

  async function fitAndRecord(folder: RunFolder): Promise<FitSummary> {
    const definition = stringify(recipe);
    folder.write(RUN_FILES.task, definition);
    const log = await openRunLog(folder, { task: recipe.fit, clock });
    const { promise } = estimator;
    const ledger = await createLedger({
      store: await log.watch(folder.ledger(LEDGER_NAME), LEDGER_NAME),
      budget: { epsilon: promise.epsilon, delta: promise.delta },
      relation: promise.relation,
      privacyUnit: promise.privacyUnit,
      dataset: recipe.privacy.account?.dataset ?? recipe.fit,
      accountant: recipe.privacy.accountant,
      clock,
    });
    log.record(...describeFit(recipe, { estimator, definition: new TextEncoder().encode(definition) }));
    const lineage = join(dirname(resolve(dataPath)), 'lineage.json');
    if (existsSync(lineage)) {
      log.record({ kind: 'preparation', job: 'prepare', lineageDigest: digestOf(readFileOf(lineage, 'lineage')) });
    }
    await log.flush();
    onStep?.('fitting');
    const fitted = await fitPrivately(estimator, rowsOf(table, { isCharged: true, onStep }), {
      ledger,
      purpose: 'training',
      rng: createSystemRng(),
      // Whoever reads the log finds the charge, signed, before any row was read for it.
      onCharged: async () => {
        await log.flush();
        await account?.commit();
      },
    });
    const file = encodeClassicalModel(fitted);
    const modelDigest = digestFitted(file);
    log.record({ kind: 'steps', first: 1, last: 1, startDigest: NO_MODEL, modelDigest, checkpointDigest: null });
    folder.write(RUN_FILES.model, file);
    if (test !== undefined) onStep?.('measuring');
    const summary: FitSummary = {
      task: recipe.fit,
      mode: 'single-party',
      model: { kind: fitted.kind, features: fitted.features.length, sha256: modelDigest },
      epsilon: ledger.spent().epsilon,
      delta: promise.delta,
      privacyUnit: promise.privacyUnit,
      relation: promise.relation,
      maxRows: promise.maxRows,
      accountant: recipe.privacy.accountant,
      trust: 'coordinator',
      seeded: false,
      score: test === undefined ? null : await scoreOn(fitted, rowsOf(test, { isCharged: true })),
      account:
        account === undefined
          ? null
          : {
              dataset: account.dataset,
              spent: account.ledger.spent().epsilon,
              epsilon: account.epsilon,
              ledger: account.path,
            },
      secondsTotal: Math.round(performance.now() - started) / 1000,
    };
    folder.write(RUN_FILES.summary, `${JSON.stringify(summary, undefined, 2)}\n`);
    const released = [RUN_FILES.model, RUN_FILES.summary];
    log.record({
      kind: 'release',
      round: 1,
      modelDigest,
      files: Object.fromEntries(released.map((name) => [name, digestOf(folder.read(name))])),
    });
    await log.flush();
    return summary;
  }
}

/** A run folder lies elsewhere: the path of a ledger must mean the same from everywhere. */
function withAbsoluteLedger(recipe: FitRecipe, base: string): FitRecipe {
  const { privacy } = recipe;
  if (privacy.account === undefined) return recipe;
  return {
    ...recipe,
    privacy: { ...privacy, account: { ...privacy.account, ledger: resolve(base, privacy.account.ledger) } },
  };
}

/** What a fit has charged to its table's own account. */
interface Account {
  readonly ledger: Ledger;
  readonly dataset: string;
  readonly epsilon: number;
  readonly path: string;
  /** Lets the charge stand. */
  commit(): Promise<void>;
  /** Gives the charge back, unless it stands already. */
  refund(): Promise<void>;
}

async function reserveAccount(
  { fit, privacy, person }: FitRecipe,
  estimator: Estimator,
  clock: () => Date,
): Promise<Account | undefined> {
  const { account, delta, relation, accountant } = privacy;
  if (account === undefined) return undefined;
  const ledger = await createLedger({
    store: createLedgerFile(account.ledger),
    budget: { epsilon: account.epsilon, delta },
    relation,
    privacyUnit: person === undefined ? 'example' : 'client',
    dataset: account.dataset,
    accountant,
    clock,
  });
  const reservation = await ledger.reserve({ event: estimator.event(), purpose: `fit ${fit}` });
  let open = true;
  return {
    ledger,
    dataset: account.dataset,
    epsilon: account.epsilon,
    path: account.ledger,
    async commit() {
      open = false;
      await ledger.commit(reservation);
    },
    async refund() {
      if (open) await ledger.abort(reservation, { dataTouched: false });
      open = false;
    },
  };
}

/** A table, and the columns of it that are read. */
interface OpenTable {
  readonly reader: TableReader;
  readonly path: string;
  readonly wanted: readonly (readonly [column: string, at: number])[];
}

/** Opens a table and finds columns in its header, which for JSON lines is the keys of the first line. */
async function openWith(recipe: FitRecipe, path: string, wanted: readonly string[]): Promise<OpenTable> {
  const plain = path.replace(/\.gz$/i, '');
  const format = /\.parquet$/i.test(plain) ? 'parquet' : /\.(?:jsonl|ndjson)$/i.test(plain) ? 'jsonl' : 'csv';
  const reader = openTable({ format, path, ...(format === 'csv' ? { separator: recipe.table.separator } : {}) });
  const columns = await reader.columns();
  const missing = wanted.filter((column) => !columns.includes(column));
  if (missing.length > 0) {
    throw new ClassicalError(
      'classical/missing-column',
      `${path} has no column ${missing.map((column) => `"${column}"`).join(', ')}. It has ${columns.join(', ')}: mend the recipe, or table.separator where these look like one`,
    );
  }
  return { reader, path, wanted: wanted.map((column) => [column, columns.indexOf(column)] as const) };
}

/**
 * Opens the rows that a model is measured on and reads them once, so that nothing about them can break off a fit that has
 * been charged. They are public, and the sensitive table is not.
 */
async function openPublic(
  recipe: FitRecipe,
  { testPath, dataPath }: { readonly testPath: string; readonly dataPath: string },
): Promise<OpenTable> {
  const test = await openWith(recipe, testPath, [...Object.keys(recipe.features), ...Object.keys(recipe.target ?? {})]);
  if (realpathSync(testPath) === realpathSync(dataPath)) {
    throw new ClassicalError(
      'classical/public-rows',
      `${testPath} is the sensitive table itself: its score would tell of its rows, and no charge covers that. Measure on public rows, or leave --test out`,
    );
  }
  for await (const _row of rowsOf(test, { isCharged: false }));
  return test;
}

/**
 * Reads the rows of a table.
 * @yields every row, in order.
 * @throws {StorageError} `storage/unreadable` for a line that is none; the message names the line and no value.
 */
async function* rowsOf(
  { reader, path, wanted }: OpenTable,
  { isCharged, onStep }: { readonly isCharged: boolean; readonly onStep?: FitTableOptions['onStep'] },
): AsyncGenerator<TableRow> {
  let rows = 0;
  for await (const batch of reader.batches()) {
    for (const item of batch) {
      if (item.kind === 'malformed') {
        throw new StorageError(
          'storage/unreadable',
          `${path}, line ${item.line}, column ${item.column}: ${item.problem}. Mend the table (sotto prepare sorts such rows out) and fit again: ${isCharged ? 'what was charged stands' : 'nothing was charged'}`,
        );
      }
      rows += 1;
      if (rows % PROGRESS_ROWS === 0) onStep?.(`reading ${rows.toLocaleString('en')} rows`);
      yield Object.fromEntries(wanted.map(([column, at]) => [column, item.cells[at]]));
    }
  }
}

async function scoreOn(fitted: ClassicalModel, rows: AsyncIterable<TableRow>): Promise<Score> {
  const score = createScore(fitted);
  for await (const row of rows) score.add(row);
  return score.result();
}
