/**
 * Runs a recipe: reads its table twice, batch by batch, charges what is private before the first row is read, and puts
 * all outputs in place at once when everything is there.
 *
 * @module
 */

import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import { stringify } from 'yaml';

import {
  buildLineage,
  createPreparation,
  createSafeHarborCheck,
  parseRecipe,
  PreparationError,
  type MalformedRow,
  type Preparation,
  type PreparationReport,
  type Recipe,
  type SafeHarborRow,
} from '../../../learning/preparation/index.ts';
import { createLedger, type Ledger, type Reservation } from '../../../privacy/accounting/index.ts';
import { createSystemRng, type Rng } from '../../../foundations/random/index.ts';
import { StorageError } from '../errors.ts';
import { readFileOf, writeFileAtomic } from '../files.ts';
import { loadOrCreateKey } from '../key-file.ts';
import { createLedgerFile } from '../ledger-file.ts';
import { createQuarantine, type Quarantine } from './quarantine.ts';
import { openTable, type TableReader, type TableSource } from './reader.ts';
import { createTableWriter, type TableWriter } from './writer.ts';

/** How a recipe is run. */
export interface PrepareOptions {
  readonly recipePath: string;
  /** The run folder; it must not exist. */
  readonly out: string;
  readonly clock?: () => Date;
  readonly rng?: Rng;
  /** Told now and then how many rows have been read, of which pass. */
  readonly onProgress?: (rows: number, pass: 1 | 2) => void;
}

/** What a run did, and where it is. */
export interface PrepareResult extends PreparationReport {
  readonly folder: string;
  readonly outputs: readonly string[];
  readonly quarantine: string | null;
  readonly charged: {
    readonly epsilon: number;
    readonly delta: number;
    readonly spent: { readonly epsilon: number; readonly delta: number };
    readonly ledger: string;
  } | null;
  readonly safeHarbor: readonly SafeHarborRow[] | null;
}

/**
 * Runs a recipe.
 * @throws {@link PreparationError} or {@link StorageError}: nothing was put in place; a quarantine file stays when rows
 * were malformed, and the charge stands once rows were read.
 */
export async function runPreparation(options: PrepareOptions): Promise<PrepareResult> {
  const { recipePath, clock = () => new Date() } = options;
  const startedAt = clock().toISOString();
  const recipe = parseRecipe(new TextDecoder().decode(readFileOf(recipePath, 'recipe')), { path: recipePath });
  const folder = dirname(resolve(recipePath));
  const source = sourceOf(recipe, folder);
  const table = openTable(source);
  const columns = await table.columns();
  const preparation = createPreparation({
    recipe,
    columns,
    readFile: (path) => new TextDecoder().decode(readFileOf(resolve(folder, path), 'hierarchy')),
    rng: options.rng ?? createSystemRng(),
    ...(recipe.keys === undefined ? {} : { masterKey: loadOrCreateKey(resolve(folder, recipe.keys.file)) }),
  });
  if (existsSync(options.out)) {
    throw new StorageError(
      'storage/exists',
      `${options.out} exists: nothing was overwritten. Choose another folder with --out`,
    );
  }
  const charge = await reserve(preparation, { recipe, recipePath, clock });
  const quarantine = createQuarantine(join(options.out, 'quarantine.jsonl'));
  const writers: TableWriter[] = [];
  let state: 'reserved' | 'touched' | 'committed' = 'reserved';
  try {
    mkdirSync(options.out, { recursive: true });
    state = 'touched';
    const read = await collectRows(table, {
      preparation,
      recipe,
      quarantine,
      path: recipePath,
      onProgress: options.onProgress,
    });
    preparation.decide();
    const target = targetOf(recipe, { folder, out: options.out });
    const released = preparation.released.map(({ name }) => name);
    const check = recipe.safeHarbor ? createSafeHarborCheck(recipe, released) : undefined;
    // Where no column is written there is no table either: empty rows would tell how many there are.
    if (released.length > 0) {
      const writer = createTableWriter(target, preparation.released);
      writers.push(writer);
      await writeRows(table, { preparation, writer, check, expected: read, onProgress: options.onProgress });
    }
    const synthetic = writeSynthetic(preparation, { out: options.out, recipe, writers });
    for (const one of writers) one.finish();
    const outputs = [...(released.length === 0 ? [] : [target.path]), ...(synthetic === undefined ? [] : [synthetic])];
    if (charge !== undefined) await charge.ledger.commit(charge.reservation);
    state = 'committed';
    const report = preparation.report({ read: read.rows, malformed: read.malformed });
    const result: PrepareResult = {
      ...report,
      folder: options.out,
      outputs,
      quarantine: read.malformed > 0 ? quarantine.path : null,
      charged: charge === undefined ? null : { ...charge.budget, spent: charge.ledger.spent(), ledger: charge.path },
      safeHarbor: check?.report() ?? null,
    };
    const lineage = buildLineage({
      runId: randomUUID(),
      job: recipe.recipe,
      startedAt,
      endedAt: clock().toISOString(),
      input: {
        name: source.path,
        sha256: isFile(source.path) ? await hashFile(source.path) : null,
        rows: read.rows,
        columns,
      },
      outputs: [
        ...(released.length === 0
          ? []
          : [
              {
                name: target.path,
                sha256: await hashFile(`${target.path}.part`),
                rows: report.rows.released,
                columns: released,
                lineage: preparation.lineage,
              },
            ]),
        ...(synthetic === undefined
          ? []
          : [
              {
                name: synthetic,
                sha256: await hashFile(`${synthetic}.part`),
                rows: recipe.synthetic?.rows ?? 0,
                columns: recipe.synthetic?.columns ?? [],
                lineage: preparation.syntheticLineage,
              },
            ]),
      ],
      dropped: report.dropped,
      rows: { ...report.rows },
      charged: result.charged === null ? null : { ...result.charged, relation: charge?.ledger.terms[0]?.relation },
    });
    for (const one of writers) one.publish();
    writeFileAtomic(join(options.out, 'recipe.resolved.yaml'), stringify(recipe));
    writeFileAtomic(join(options.out, 'lineage.json'), `${JSON.stringify(lineage, null, 2)}\n`);
    // The last file: a folder without it was not finished.
    writeFileAtomic(join(options.out, 'report.json'), `${JSON.stringify(result, null, 2)}\n`);
    quarantine.close();
    return result;
  } catch (error) {
    for (const one of writers) one.discard();
    quarantine.close();
    if (existsSync(options.out)) {
      for (const name of ['recipe.resolved.yaml', 'lineage.json', 'report.json'])
        rmSync(join(options.out, name), { force: true });
    }
    if (existsSync(options.out) && !existsSync(quarantine.path)) rmSync(options.out, { recursive: true });
    if (charge !== undefined && state !== 'committed')
      await charge.ledger.abort(charge.reservation, { dataTouched: state === 'touched' });
    throw error;
  }
}

function sourceOf(recipe: Recipe, folder: string): TableSource {
  const { input } = recipe;
  const path = resolve(folder, input.path);
  switch (input.format) {
    case 'csv':
      return { format: 'csv', path, separator: input.separator, header: input.header };
    case 'duckdb':
      return { format: 'duckdb', path, ...(input.query === undefined ? {} : { query: input.query }) };
    default:
      return { format: input.format, path };
  }
}

function targetOf(
  { output }: Recipe,
  { folder, out }: { folder: string; out: string },
): { format: 'csv' | 'jsonl' | 'parquet'; path: string; separator: string } {
  const path = output.path === undefined ? join(out, `prepared.${output.format}`) : resolve(folder, output.path);
  return { format: output.format, path, separator: output.separator };
}

interface Charge {
  readonly ledger: Ledger;
  readonly reservation: Reservation;
  readonly budget: { readonly epsilon: number; readonly delta: number };
  readonly path: string;
}

async function reserve(
  { event }: Preparation,
  { recipe, recipePath, clock }: { recipe: Recipe; recipePath: string; clock: () => Date },
): Promise<Charge | undefined> {
  if (event === undefined || recipe.privacy === undefined) return undefined;
  const { epsilon, delta, dataset, ledger: named } = recipe.privacy;
  const noised = Object.values(recipe.columns).some(({ treatment }) => treatment.kind === 'noise');
  const path = resolve(
    dirname(resolve(recipePath)),
    named ?? `${basename(recipePath).replace(/\.ya?ml$/, '')}.ledger.jsonl`,
  );
  const ledger = await createLedger({
    store: createLedgerFile(path),
    budget: { epsilon, delta },
    relation: recipe.privacy.relation ?? (noised ? 'replace-one' : 'add-or-remove-one'),
    privacyUnit: 'example',
    dataset,
    accountant: 'rdp',
    clock,
  });
  const reservation = await ledger.reserve({ event, purpose: `prepare ${recipe.recipe}` });
  return { ledger, reservation, budget: { epsilon, delta }, path };
}

interface ReadRows {
  readonly rows: number;
  readonly malformed: number;
}

/** Rows between two reports of progress. */
const PROGRESS_ROWS = 100_000;

async function collectRows(
  table: TableReader,
  {
    preparation,
    recipe,
    quarantine,
    path,
    onProgress,
  }: {
    preparation: Preparation;
    recipe: Recipe;
    quarantine: Quarantine;
    path: string;
    onProgress: PrepareOptions['onProgress'];
  },
): Promise<ReadRows> {
  let rows = 0;
  let first: MalformedRow | undefined;
  const refuse = (item: MalformedRow): void => {
    first ??= item;
    quarantine.add(item);
  };
  for await (const batch of table.batches()) {
    for (const item of batch) {
      rows += 1;
      if (rows % PROGRESS_ROWS === 0) onProgress?.(rows, 1);
      if (item.kind === 'malformed') {
        refuse(item);
        continue;
      }
      const cells = preparation.check(item);
      if ('kind' in cells) refuse(cells);
      else preparation.collect(cells, item.line);
    }
  }
  if (rows === 0) throw new PreparationError('preparation/malformed-row', 'the input has no rows');
  if (first !== undefined && quarantine.count > Math.floor(recipe.malformed.limit * rows)) {
    quarantine.close();
    throw new PreparationError(
      'preparation/malformed-row',
      `${quarantine.count} of ${rows} rows are malformed, more than malformed.limit = ${recipe.malformed.limit} of ${path} allows; the first: line ${first.line}, column ${first.column}: ${first.problem}. All of them are in ${quarantine.path}`,
      { details: { line: first.line, column: first.column, malformed: quarantine.count, rows } },
    );
  }
  return { rows, malformed: quarantine.count };
}

async function writeRows(
  table: TableReader,
  {
    preparation,
    writer,
    check,
    expected,
    onProgress,
  }: {
    preparation: Preparation;
    writer: TableWriter;
    check: { add(cells: readonly (string | null)[]): void } | undefined;
    expected: ReadRows;
    onProgress: PrepareOptions['onProgress'];
  },
): Promise<void> {
  let rows = 0;
  let malformed = 0;
  for await (const batch of table.batches()) {
    for (const item of batch) {
      rows += 1;
      if (rows % PROGRESS_ROWS === 0) onProgress?.(rows, 2);
      const cells = item.kind === 'malformed' ? item : preparation.check(item);
      if ('kind' in cells) {
        malformed += 1;
        continue;
      }
      const out = preparation.transform(cells, item.line);
      if (out === undefined) continue;
      writer.write(out);
      check?.add(out);
    }
  }
  if (rows !== expected.rows || malformed !== expected.malformed) {
    throw new StorageError(
      'storage/unreadable',
      'the input changed between the two passes: run again on a copy that stays still',
    );
  }
}

function writeSynthetic(
  preparation: Preparation,
  { out, recipe, writers }: { out: string; recipe: Recipe; writers: TableWriter[] },
): string | undefined {
  const synthetic = preparation.synthesize();
  if (synthetic === undefined) return undefined;
  const path = join(out, `synthetic.${recipe.output.format}`);
  const writer = createTableWriter(
    { format: recipe.output.format, path, separator: recipe.output.separator },
    synthetic.columns,
  );
  writers.push(writer);
  for (const row of synthetic.rows) writer.write(row);
  return path;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function hashFile(path: string): Promise<string> {
  return new Promise((done, fail) => {
    const hash = createHash('sha256');
    createReadStream(path, { highWaterMark: 2 ** 20 })
      .on('data', (chunk) => hash.update(chunk))
      .on('error', fail)
      .on('end', () => done(hash.digest('hex')));
  });
}
