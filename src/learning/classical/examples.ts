/**
 * The rows of a table as a fit holds them: numbers in [−1, 1], categories by index, at most so many rows of one person.
 *
 * @module
 */

import {
  type CategoryColumn,
  createCategoryReader,
  createFeatureReader,
  type FeatureColumn,
  type NumberColumn,
  scaleNumber,
  type TableRow,
} from './columns.ts';

/** Rows in memory, row-major. How many there are is private. */
export interface Examples {
  readonly size: number;
  /** Features of a row. */
  readonly width: number;
  readonly values: Float64Array;
  /** For classes an index, −1 for none that was declared; for numbers a place in [−1, 1]; empty without a target. */
  readonly targets: Float64Array;
}

/** A list of numbers that grows. */
class Growing {
  #data = new Float64Array(1024);
  length = 0;

  /** Makes room for more; returns where they begin. */
  reserve(count: number): { readonly data: Float64Array; readonly start: number } {
    const start = this.length;
    this.length += count;
    if (this.length > this.#data.length) {
      const grown = new Float64Array(Math.max(this.length, 2 * this.#data.length));
      grown.set(this.#data);
      this.#data = grown;
    }
    return { data: this.#data, start };
  }

  take(): Float64Array {
    return this.#data.subarray(0, this.length);
  }
}

/**
 * Reads all rows. Of one person the first `maxRows` are kept, in the order they come: which rows are kept follows from her
 * own rows alone, so that nobody else's change with her.
 */
export async function collectExamples(
  rows: Iterable<TableRow> | AsyncIterable<TableRow>,
  {
    features,
    target,
    person,
  }: {
    readonly features: readonly FeatureColumn[];
    readonly target: CategoryColumn | NumberColumn | null;
    readonly person?: { readonly column: string; readonly maxRows: number } | undefined;
  },
): Promise<Examples> {
  const width = features.length;
  const read = createFeatureReader(features);
  const readTarget = targetReader(target);
  const values = new Growing();
  const targets = new Growing();
  const seen = new Map<string, number>();
  let size = 0;
  for await (const row of rows) {
    if (person !== undefined) {
      const who = String(row[person.column] ?? '');
      const before = seen.get(who) ?? 0;
      if (before >= person.maxRows) continue;
      seen.set(who, before + 1);
    }
    const { data, start } = values.reserve(width);
    read(row, data, start);
    if (readTarget !== undefined) {
      const room = targets.reserve(1);
      room.data[room.start] = readTarget(row);
    }
    size += 1;
  }
  return { size, width, values: values.take(), targets: targets.take() };
}

function targetReader(target: CategoryColumn | NumberColumn | null): ((row: TableRow) => number) | undefined {
  if (target === null) return undefined;
  if (target.kind === 'number') return (row) => scaleNumber(row[target.name], target);
  const read = createCategoryReader(target);
  return (row) => read(row[target.name]);
}
