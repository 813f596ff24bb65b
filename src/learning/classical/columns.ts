/**
 * What a classical model reads of a table: columns declared beforehand with bounds or values, and every cell brought
 * within them one row at a time. Nothing here looks at a second row, so nothing a row becomes can depend on another.
 *
 * Whatever a cell holds, the row stays: numbers beyond the bounds are clamped to them, a cell that is missing or no number
 * stands in the middle of them, a value that was not declared is none of the values. A row is never left out for what it
 * holds, for leaving it out would tell it.
 *
 * @module
 */

import { z } from 'zod';

const name = z.string().min(1).max(200);
const values = z
  .array(z.string().max(1000))
  .min(2)
  .max(10_000)
  .refine((all) => new Set(all).size === all.length, 'must be different values');
const bound = z.number().min(-1e150).max(1e150);

/** A column of numbers, between bounds that hold for any data. */
export const numberColumnSchema = z
  .strictObject({ kind: z.literal('number'), name, lower: bound, upper: bound })
  .refine(({ lower, upper }) => lower < upper, 'lower must be below upper');
/** A column of categories, all of them known beforehand. */
export const categoryColumnSchema = z.strictObject({ kind: z.literal('category'), name, values });
/** A column that a model reads. */
export const featureColumnSchema = z.union([numberColumnSchema, categoryColumnSchema]);

/** A column of numbers, between bounds that hold for any data. */
export type NumberColumn = Readonly<z.output<typeof numberColumnSchema>>;
/** A column of categories, all of them known beforehand. */
export type CategoryColumn = Readonly<Omit<z.output<typeof categoryColumnSchema>, 'values'>> & {
  readonly values: readonly string[];
};
/** A column that a model reads. */
export type FeatureColumn = NumberColumn | CategoryColumn;

/** What a cell holds. */
export type Cell = string | number | boolean | null | undefined;
/** A row by its columns. */
export type TableRow = Readonly<Record<string, Cell>>;

/** A number of a cell; NaN for one that is missing or is none. */
function numberOf(cell: Cell): number {
  if (typeof cell === 'number') return cell;
  if (typeof cell === 'boolean') return cell ? 1 : 0;
  const text = cell?.trim() ?? '';
  return text === '' ? Number.NaN : Number(text);
}

/** Brings a cell into [−1, 1], where −1 is `lower` and 1 is `upper`; 0, the middle, for what is no number. */
export function scaleNumber(cell: Cell, { lower, upper }: Pick<NumberColumn, 'lower' | 'upper'>): number {
  const value = numberOf(cell);
  if (Number.isNaN(value)) return 0;
  const clamped = Math.min(upper, Math.max(lower, value));
  return Math.min(1, Math.max(-1, (2 * (clamped - lower)) / (upper - lower) - 1));
}

/** The value in a column's own units that {@link scaleNumber} brings to `scaled`. */
export function unscaleNumber(scaled: number, { lower, upper }: Pick<NumberColumn, 'lower' | 'upper'>): number {
  return lower + ((scaled + 1) / 2) * (upper - lower);
}

/** Finds which value a cell is; −1 for none of them. */
export function createCategoryReader({ values: all }: Pick<CategoryColumn, 'values'>): (cell: Cell) => number {
  const at = new Map(all.map((value, i) => [value, i]));
  return (cell) => at.get(String(cell ?? '').trim()) ?? -1;
}

/** Reads a row's features: for a number its place in [−1, 1], for a category its index or −1. */
export function createFeatureReader(
  features: readonly FeatureColumn[],
): (row: TableRow, into: Float64Array, start: number) => void {
  const readers = features.map((column) => {
    if (column.kind === 'number') return (row: TableRow) => scaleNumber(row[column.name], column);
    const read = createCategoryReader(column);
    return (row: TableRow) => read(row[column.name]);
  });
  return (row, into, start) => {
    for (let i = 0; i < readers.length; i += 1) into[start + i] = (readers[i] as (typeof readers)[number])(row);
  };
}

/** Where each feature's numbers begin in a row of a design: one number, or one for each value of a category. */
export interface Design {
  readonly offsets: readonly number[];
  /** Numbers of a row, the constant at the end included. */
  readonly width: number;
  /** Most that the squared norm of a row can be, whatever the data. */
  readonly squaredNorm: number;
  /** Writes one row: numbers as they are, categories as one-hot, then the constant 1. */
  readonly expandInto: (values: Float64Array, start: number, into: Float64Array) => void;
}

/** Lays out features as one vector of numbers with a constant at its end. */
export function createDesign(features: readonly FeatureColumn[]): Design {
  const offsets: number[] = [];
  let width = 0;
  for (const column of features) {
    offsets.push(width);
    width += column.kind === 'number' ? 1 : column.values.length;
  }
  return {
    offsets,
    width: width + 1,
    squaredNorm: features.length + 1,
    expandInto(rowValues, start, into) {
      into.fill(0);
      for (let i = 0; i < features.length; i += 1) {
        const value = rowValues[start + i] as number;
        const at = offsets[i] as number;
        if ((features[i] as FeatureColumn).kind === 'number') into[at] = value;
        else if (value >= 0) into[at + value] = 1;
      }
      into[width] = 1;
    },
  };
}
