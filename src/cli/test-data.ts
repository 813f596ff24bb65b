/**
 * Test data of `sotto evaluate`: examples with their labels, and groups to compare, from an IDX data set or from the rows of a
 * table that the model's encoding describes.
 *
 * @module
 */

import type { Predictions } from '../learning/answers/index.ts';
import { createDataset, type Dataset } from '../learning/data/index.ts';
import { readFileOf } from '../runtime/storage/index.ts';
import type { AnsweringModel, RegressionModel } from './answering.ts';
import { UsageError } from './exit-codes.ts';
import { createRowReader, createTextReader, type PlacedRow, readRows, type Row } from './questions.ts';

/** What names test data. */
export interface TestDataOptions {
  readonly data?: string;
  readonly rows?: string;
  readonly label?: string;
  readonly textColumn: string;
  readonly separator: string;
  readonly groups?: string;
  readonly groupBy?: string;
}

/** Test data that is not read before it is asked for: a charge comes first. */
export interface TestData {
  /** In words, for the report. */
  readonly name: string;
  /** Names of groups, in order: public, and fixed before the data is read. */
  readonly groupNames: readonly string[];
  /** Examples there are: public in a sum of participants, and asked for there alone. */
  size(): Promise<number>;
  /** What the model says of all examples, or of some. */
  predict(chosen?: Uint32Array): Promise<Predictions>;
}

type Model = AnsweringModel | RegressionModel;

/** Rows that are measured. */
const MAX_ROWS = 10_000_000;
/** Examples that are encoded at once. */
const BATCH = 4096;

/** Opens test data. @throws {UsageError} when options do not go together. */
export function openTestData(model: Model, options: TestDataOptions): TestData {
  const { data, rows, label, groupBy } = options;
  if (rows === undefined) {
    if (label !== undefined || groupBy !== undefined)
      throw new UsageError('--label and --group-by name columns of --rows FILE');
    return openIdx(model, options);
  }
  if (data !== undefined) throw new UsageError('name test data once: --data FOLDER or --rows FILE');
  if (label === undefined) throw new UsageError('--rows needs --label COLUMN, which says what is right');
  return openTable(model, { ...options, rows, label });
}

const outputsOf = (model: Model, dataset: Dataset): Float32Array =>
  model.kind === 'classifier' ? model.probabilities(dataset) : model.predictions(dataset);

function readGroups(path: string): { names: readonly string[]; groups: readonly number[] } {
  const lines = new TextDecoder().decode(readFileOf(path, 'groups')).trimEnd().split(/\r?\n/);
  const names = [...new Set(lines)].toSorted();
  return { names, groups: lines.map((line) => names.indexOf(line)) };
}

/** The groups of the chosen examples, from a file that has one name a line. */
function pickGroups(
  path: string | undefined,
  { groups, size, picked }: { groups: readonly number[] | undefined; size: number; picked: readonly number[] },
): { groups?: readonly number[] } {
  if (groups === undefined) return {};
  if (groups.length !== size) throw new UsageError(`${path} has ${groups.length} groups for ${size} examples`);
  return { groups: picked.map((i) => groups[i] as number) };
}

function openIdx(model: Model, { data, groups: path }: TestDataOptions): TestData {
  const { names, groups } = path === undefined ? { names: [], groups: undefined } : readGroups(path);
  return {
    name: data ?? 'the test data of the task',
    groupNames: names,
    size: async () => model.load('test', data).size,
    async predict(chosen) {
      const whole = model.load('test', data);
      const { size } = whole;
      const picked = chosen === undefined ? Array.from({ length: size }, (_, i) => i) : [...chosen];
      const dataset = chosen === undefined ? whole : whole.subset(chosen);
      return {
        outputs: outputsOf(model, dataset),
        labels: dataset.labels,
        ...pickGroups(path, { groups, size, picked }),
      };
    },
  };
}

function openTable(model: Model, options: TestDataOptions & { rows: string; label: string }): TestData {
  const { rows: path, label, groupBy, groups: file, separator } = options;
  if (groupBy !== undefined && file !== undefined)
    throw new UsageError('name groups once: --groups FILE or --group-by COLUMN');
  const { names, groups } =
    file === undefined
      ? { names: groupBy === undefined ? [] : valuesOf(model, groupBy), groups: undefined }
      : readGroups(file);
  const encode = encoderOf(model, options);
  const read = async (): Promise<readonly PlacedRow[]> => {
    const table = await readRows(path, { separator, maxRows: MAX_ROWS });
    for (const column of groupBy === undefined ? [label] : [label, groupBy]) {
      if (!table.columns.includes(column)) throw new UsageError(`${path} has no column "${column}"`);
    }
    return table.rows;
  };
  return {
    name: path,
    groupNames: names,
    size: async () => (await read()).length,
    async predict(chosen) {
      const all = await read();
      const { length: size } = all;
      const picked = chosen === undefined ? all.map((_, i) => i) : [...chosen];
      const mine = picked.map((i) => all[i] as PlacedRow);
      const labels = mine.map((placed) => labelOf(model, placed, { path, label }));
      const outputs: number[] = [];
      for (let from = 0; from < mine.length; from += BATCH) {
        const batch = encode(mine.slice(from, from + BATCH).map(({ row }) => row));
        for (const value of outputsOf(model, batch)) outputs.push(value);
      }
      if (groupBy === undefined) return { outputs, labels, ...pickGroups(file, { groups, size, picked }) };
      return {
        outputs,
        labels,
        groups: mine.map(({ row, line }) => {
          const at = names.indexOf(row[groupBy]?.trim() ?? '');
          if (at < 0) throw new UsageError(`${path}, line ${line}, column ${groupBy}: is none of its declared values`);
          return at;
        }),
      };
    },
  };
}

/** What is right of a row; a value of the data is not repeated when it is wrong. */
function labelOf(model: Model, { row, line }: PlacedRow, { path, label }: { path: string; label: string }): number {
  const cell = row[label]?.trim() ?? '';
  if (model.kind === 'classifier') {
    const at = model.classNames.indexOf(cell);
    if (at >= 0) return at;
    throw new UsageError(`${path}, line ${line}, column ${label}: must be one of ${model.classNames.join(', ')}`);
  }
  const value = cell === '' ? Number.NaN : Number(cell);
  if (Number.isFinite(value)) return value;
  throw new UsageError(`${path}, line ${line}, column ${label}: must be a number`);
}

/** Groups by a column are the values declared for it: were they taken from the rows, one row could make a group. */
function valuesOf({ encoding }: Model, name: string): readonly string[] {
  const column = encoding?.kind === 'row' ? encoding.columns.find((each) => each.name === name) : undefined;
  if (column?.kind === 'category') return column.values;
  throw new UsageError(
    `--group-by ${name}: the model’s encoding declares no values for it; give one name a line with --groups FILE`,
  );
}

/** Encodes rows, or the texts in one of their columns. */
function encoderOf(model: Model, { textColumn }: TestDataOptions): (rows: readonly Row[]) => Dataset {
  const isText = model.encoding === null ? model.tokens !== null : model.encoding.kind === 'text';
  if (!isText) return createRowReader(model);
  const read = createTextReader(model);
  const width = model.inputShape.reduce((product, extent) => product * extent, 1);
  return (rows) => {
    const inputs = new Float32Array(rows.length * width);
    rows.forEach((row, i) => {
      const text = row[textColumn];
      if (text === undefined)
        throw new UsageError(`the rows have no column "${textColumn}": name it with --text-column`);
      inputs.set(read(text ?? '').inputs, i * width);
    });
    return createDataset({ inputs, inputShape: model.inputShape, labels: new Uint8Array(rows.length) });
  };
}
