/**
 * Generalisation hierarchies: how a value of a column becomes coarser level by level. Level 0 is the value as it is.
 * A hierarchy is given as rows (value, level 1, level 2, …) or built from intervals, prefixes or dates.
 *
 * @module
 */

import { assertInteger } from '../../../foundations/numerics/index.ts';
import { PreparationError } from '../errors.ts';

/** How one column generalises. */
export interface Hierarchy {
  /** The number of levels, level 0 included. */
  readonly levels: number;
  /** The value at a level, or undefined when the hierarchy does not cover the value. */
  generalize(value: string, level: number): string | undefined;
  /**
   * The part of the column's domain, in (0, 1], that a generalised value stands for. Undefined: to be counted over the
   * values that occur.
   */
  share?(value: string, level: number): number;
}

/** The label of the top of every built hierarchy: any value. */
export const ANY = '*';

/**
 * Makes a hierarchy of rows: each starts with a value and goes on with its generalisations.
 * @throws {@link PreparationError} `preparation/hierarchy-invalid` when rows differ in length, a value occurs twice, or a
 * level splits what a lower level has joined.
 */
export function hierarchyFromRows(rows: readonly (readonly string[])[], { name = 'hierarchy' } = {}): Hierarchy {
  const levels = rows[0]?.length ?? 0;
  if (levels === 0) throw invalid(`${name} is empty`);
  const byValue = new Map<string, readonly string[]>();
  rows.forEach((row, i) => {
    if (row.length !== levels) throw invalid(`${name}, line ${i + 1}: has ${row.length} levels, line 1 has ${levels}`);
    if (byValue.has(row[0] as string)) throw invalid(`${name}, line ${i + 1}: its value stands on an earlier line`);
    byValue.set(row[0] as string, row);
  });
  const counts = Array.from({ length: levels }, () => new Map<string, number>());
  for (const row of rows) {
    row.forEach((label, level) => counts[level]?.set(label, (counts[level]?.get(label) ?? 0) + 1));
  }
  for (let level = 1; level < levels; level += 1) {
    const parents = new Map<string, string>();
    rows.forEach((row, i) => {
      const child = row[level - 1] as string;
      const parent = row[level] as string;
      if ((parents.get(child) ?? parent) !== parent) {
        throw invalid(`${name}, line ${i + 1}: level ${level} splits what level ${level - 1} has joined`);
      }
      parents.set(child, parent);
    });
  }
  return {
    levels,
    generalize: (value, level) => byValue.get(value)?.[level],
    share: (value, level) => (counts[level]?.get(byValue.get(value)?.[level] ?? '') ?? rows.length) / rows.length,
  };
}

/** Splits hierarchy text of the form `value;level 1;level 2`, one value a line. */
export function parseHierarchyRows(text: string, { separator = ';' } = {}): string[][] {
  return text
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) => line.split(separator));
}

/** Bounds of a numeric column and the widths of its bands, each a multiple of the one before. */
export interface IntervalFields {
  readonly min: number;
  /** Exclusive for numbers in general; the last whole number + 1 for integers. */
  readonly max: number;
  readonly widths: readonly number[];
  /** The width of a value as it is, for the domain share; 1 by default. */
  readonly unit?: number;
}

/**
 * Builds bands of growing width over [min, max), and {@link ANY} above. Values outside are not covered.
 * @throws {@link PreparationError} `preparation/hierarchy-invalid` when a width does not divide the next.
 */
export function buildIntervals({ min, max, widths, unit = 1 }: IntervalFields): Hierarchy {
  if (!(Number.isFinite(min) && Number.isFinite(max) && min < max)) throw invalid('intervals: min must be below max');
  widths.forEach((width, i) => {
    const ratio = width / (widths[i - 1] ?? width);
    if (!(width > 0) || Math.abs(ratio - Math.round(ratio)) > 1e-9) {
      throw invalid(`intervals: width ${width} must be positive and a multiple of the width before it`);
    }
  });
  const levels = widths.length + 2;
  const band = (value: number, level: number): [number, number] => {
    const width = widths[level - 1] as number;
    // The small push keeps decimal widths such as 0.1 on the right side of their own bounds.
    const index = Math.floor((value - min) / width + 1e-9);
    return [min + index * width, Math.min(max, min + (index + 1) * width)];
  };
  const covered = (text: string): number | undefined => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    return value >= min && value < max ? value : undefined;
  };
  return {
    levels,
    generalize(text, level) {
      const value = covered(text);
      if (value === undefined) return undefined;
      if (level === 0) return text;
      if (level === levels - 1) return ANY;
      const [from, to] = band(value, level);
      return `[${printBound(from)}, ${printBound(to)})`;
    },
    share(text, level) {
      if (level === levels - 1) return 1;
      if (level === 0) return Math.min(1, unit / (max - min));
      const [from, to] = band(covered(text) ?? min, level);
      return (to - from) / (max - min);
    },
  };
}

function printBound(value: number): string {
  return String(Number(value.toPrecision(12)));
}

/**
 * Builds a hierarchy that keeps ever shorter prefixes, as of postcodes: level l has the last `steps[l - 1]` characters
 * masked. Shorter values are not covered.
 */
export function buildPrefixes({
  length,
  steps,
  mask = ANY,
  alphabetSize = 10,
}: {
  length: number;
  /** Characters masked at levels 1, 2, …, growing; the last level masks all. */
  steps?: readonly number[];
  mask?: string;
  /** How many characters may stand at a place: for the domain share. */
  alphabetSize?: number;
}): Hierarchy {
  assertInteger(length, 'length', { min: 1, max: 100 });
  const masked = [0, ...(steps ?? Array.from({ length }, (_, i) => i + 1))];
  if (masked.some((count, i) => i > 0 && (!(count > (masked[i - 1] as number)) || count > length))) {
    throw invalid('prefixes: steps must grow and stay within the length');
  }
  if (masked.at(-1) !== length) masked.push(length);
  return {
    levels: masked.length,
    generalize(value, level) {
      const characters = Array.from(value);
      if (characters.length !== length) return undefined;
      const keep = length - (masked[level] as number);
      return characters.slice(0, keep).join('') + mask.repeat(length - keep);
    },
    share: (_, level) => alphabetSize ** ((masked[level] as number) - length),
  };
}

/** The steps of a date hierarchy, from fine to coarse. */
export type DateStep = 'month' | 'quarter' | 'year' | 'decade' | 'century';

const DATE_STEPS: Readonly<Record<DateStep, { label: (year: number, month: number) => string; days: number }>> = {
  month: { label: (year, month) => `${pad(year, 4)}-${pad(month, 2)}`, days: 30.436875 },
  quarter: { label: (year, month) => `${pad(year, 4)}-Q${Math.ceil(month / 3)}`, days: 91.310625 },
  year: { label: (year) => pad(year, 4), days: 365.2425 },
  decade: { label: (year) => `${pad(Math.floor(year / 10), 3)}0s`, days: 3652.425 },
  century: { label: (year) => `${pad(Math.floor(year / 100), 2)}00s`, days: 36524.25 },
};

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/** Builds a hierarchy of dates written as `YYYY-MM-DD`, with {@link ANY} above. Other values are not covered. */
export function buildDates({
  steps = ['month', 'year', 'decade'],
  spanDays = 36524.25,
}: {
  steps?: readonly DateStep[];
  /** The days of the column's domain: for the domain share. */
  spanDays?: number;
} = {}): Hierarchy {
  const order = Object.keys(DATE_STEPS);
  if (steps.some((step, i) => order.indexOf(step) <= (i === 0 ? -1 : order.indexOf(steps[i - 1] as string)))) {
    throw invalid(`dates: steps must be among ${order.join(', ')}, in this order`);
  }
  const levels = steps.length + 2;
  return {
    levels,
    generalize(value, level) {
      const date = parseDate(value);
      if (date === undefined) return undefined;
      if (level === 0) return value;
      if (level === levels - 1) return ANY;
      return DATE_STEPS[steps[level - 1] as DateStep].label(date.year, date.month);
    },
    share: (_, level) => {
      if (level === levels - 1) return 1;
      return Math.min(1, (level === 0 ? 1 : DATE_STEPS[steps[level - 1] as DateStep].days) / spanDays);
    },
  };
}

/** Reads `YYYY-MM-DD`; undefined when it is no date of the calendar. */
export function parseDate(text: string): { year: number; month: number; day: number } | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? { year, month, day } : undefined;
}

function invalid(message: string): PreparationError {
  return new PreparationError('preparation/hierarchy-invalid', message);
}

/** A hierarchy over the dictionary codes of one column. */
export interface CodedHierarchy {
  readonly name: string;
  readonly levels: number;
  /** `codes[level][code of the value]`: the code of its generalisation. */
  readonly codes: readonly Int32Array[];
  /** The generalised values of each level, by code. */
  readonly labels: readonly (readonly string[])[];
  /** The domain share of each generalised value, by level and code. */
  readonly shares: readonly Float64Array[];
}

/**
 * Maps every value that occurs through a hierarchy.
 * @throws {@link PreparationError} `preparation/hierarchy-gap` when a value is not covered, naming how many there are and
 * the first row (`rowOf`), `preparation/hierarchy-invalid` when a level splits what a lower one has joined.
 */
export function codeHierarchy(
  hierarchy: Hierarchy,
  { name, values, rowOf }: { name: string; values: readonly string[]; rowOf?: (code: number) => number },
): CodedHierarchy {
  const gaps = values.flatMap((value, code) => (hierarchy.generalize(value, 0) === undefined ? [code] : []));
  if (gaps.length > 0) {
    const at = rowOf === undefined ? '' : `, first in row ${rowOf(gaps[0] as number)}`;
    throw new PreparationError(
      'preparation/hierarchy-gap',
      `column "${name}": ${gaps.length} distinct ${gaps.length === 1 ? 'value is' : 'values are'} not covered by its hierarchy${at}; add them to it, or drop these rows`,
      { details: { column: name, values: gaps.length, row: rowOf?.(gaps[0] as number) } },
    );
  }
  const codes: Int32Array[] = [];
  const labels: string[][] = [];
  const shares: Float64Array[] = [];
  for (let level = 0; level < hierarchy.levels; level += 1) {
    const known = new Map<string, number>();
    const column = new Int32Array(values.length);
    const sizes: number[] = [];
    values.forEach((value, code) => {
      const label = hierarchy.generalize(value, level) as string;
      const at = known.get(label) ?? known.size;
      known.set(label, at);
      column[code] = at;
      sizes[at] = (sizes[at] ?? 0) + 1;
    });
    const share = Float64Array.from(sizes, (size) => size / values.length);
    if (hierarchy.share !== undefined) {
      values.forEach((value, code) => {
        share[column[code] as number] = hierarchy.share?.(value, level) ?? 1;
      });
    }
    codes.push(column);
    labels.push([...known.keys()]);
    shares.push(share);
    if (level > 0) assertNested(codes[level - 1] as Int32Array, column, { name, level });
  }
  return { name, levels: hierarchy.levels, codes, labels, shares };
}

function assertNested(finer: Int32Array, coarser: Int32Array, { name, level }: { name: string; level: number }): void {
  const parents = new Map<number, number>();
  finer.forEach((child, code) => {
    const parent = coarser[code] as number;
    if ((parents.get(child) ?? parent) !== parent) {
      throw invalid(`column "${name}": level ${level} splits what level ${level - 1} has joined`);
    }
    parents.set(child, parent);
  });
}
