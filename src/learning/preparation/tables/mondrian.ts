/**
 * Mondrian [LDR06]: multidimensional, greedy, strict partitioning. A box of rows is cut at the median of the column that
 * is relatively widest in it, as long as both halves meet every privacy model. Different boxes get different ranges, so
 * less is lost than under full-domain generalisation; the optimum is not searched.
 *
 * @module
 */

import { PreparationError } from '../errors.ts';
import type { Classes, ClassTable, Histograms } from './classes.ts';
import { bindCriteria, type BoundCriterion, type Criterion } from './criteria.ts';
import type { CodedHierarchy } from './hierarchy.ts';

/** A partition of the table's base classes. */
export interface Partitioning {
  /** The box of every base class. */
  readonly boxOf: Int32Array;
  /** The label of every column of every box. */
  readonly labels: readonly (readonly string[])[];
  readonly sizes: Int32Array;
  readonly populations: Int32Array;
}

/**
 * Partitions a table.
 * @param fields - `hierarchies` by column where there are any: they order text, and name what a box's values share.
 * @throws {@link PreparationError} `preparation/impossible-criteria` when the whole table fails the models.
 */
export function partitionMondrian(
  table: ClassTable,
  {
    criteria: wanted,
    hierarchies,
  }: { criteria: readonly Criterion[]; hierarchies: readonly (CodedHierarchy | undefined)[] },
): Partitioning {
  const criteria = bindCriteria(wanted, table);
  const columns = table.quasiIdentifiers.length;
  const ranks = table.quasiIdentifiers.map((_, column) =>
    rankCodes(table.dictionaries[column]?.values ?? [], hierarchies[column]),
  );
  const spans = ranks.map((rank) => Math.max(1, rank.length - 1));
  const { counts } = table.base;
  const rankOf = (at: number, column: number): number =>
    ranks[column]?.[table.codes[at * columns + column] as number] as number;

  const whole = Array.from({ length: table.base.size }, (_, i) => i);
  if (!holds(table, { members: whole, criteria })) {
    throw new PreparationError('preparation/impossible-criteria', 'the table as a whole does not meet the criteria');
  }
  const open = [whole];
  const boxes: number[][] = [];
  while (open.length > 0) {
    const box = open.pop() as number[];
    const halves = cut(box);
    if (halves === undefined) boxes.push(box);
    else open.push(...halves);
  }

  /** The first allowed cut, the relatively widest column first; undefined when there is none. */
  function cut(box: readonly number[]): [number[], number[]] | undefined {
    const widths = ranks.map((_, column) => {
      let low = Number.POSITIVE_INFINITY;
      let high = Number.NEGATIVE_INFINITY;
      for (const at of box) {
        const rank = rankOf(at, column);
        low = Math.min(low, rank);
        high = Math.max(high, rank);
      }
      return { column, width: (high - low) / (spans[column] as number) };
    });
    for (const { column, width } of widths.toSorted((a, b) => b.width - a.width || a.column - b.column)) {
      if (width <= 0) return undefined;
      const halves = splitAtMedian(box, column);
      if (halves.every((members) => members.length > 0 && holds(table, { members, criteria }))) return halves;
    }
    return undefined;
  }

  function splitAtMedian(box: readonly number[], column: number): [number[], number[]] {
    const byRank = new Map<number, number>();
    let total = 0;
    for (const at of box) {
      const rank = rankOf(at, column);
      byRank.set(rank, (byRank.get(rank) ?? 0) + (counts[at] as number));
      total += counts[at] as number;
    }
    const order = [...byRank.keys()].toSorted((a, b) => a - b);
    let below = 0;
    let median = order[0] as number;
    for (const rank of order.slice(0, -1)) {
      median = rank;
      below += byRank.get(rank) as number;
      if (below * 2 >= total) break;
    }
    return [box.filter((at) => rankOf(at, column) <= median), box.filter((at) => rankOf(at, column) > median)];
  }

  const boxOf = new Int32Array(table.base.size);
  const sizes = new Int32Array(boxes.length);
  const populations = new Int32Array(boxes.length);
  const labels = boxes.map((box, index) => {
    for (const at of box) {
      boxOf[at] = index;
      sizes[index] = (sizes[index] as number) + (counts[at] as number);
      populations[index] = (populations[index] as number) + (table.base.populations[at] as number);
    }
    return ranks.map((_, column) => {
      const codes = [...new Set(box.map((at) => table.codes[at * columns + column] as number))];
      return labelOf(codes, { values: table.dictionaries[column]?.values ?? [], hierarchy: hierarchies[column] });
    });
  });
  return { boxOf, labels, sizes, populations };
}

function holds(
  table: ClassTable,
  { members, criteria }: { members: readonly number[]; criteria: readonly BoundCriterion[] },
): boolean {
  const merged = mergeInto(table, members);
  // A box without released rows releases nothing.
  return merged.counts[0] === 0 || criteria.every((criterion) => criterion.passes(merged, 0));
}

/** One class of all members. */
function mergeInto({ base }: ClassTable, members: readonly number[]): Classes {
  let count = 0;
  let population = 0;
  for (const at of members) {
    count += base.counts[at] as number;
    population += base.populations[at] as number;
  }
  const sensitive = base.sensitive.map(({ offsets, values, counts }): Histograms => {
    const merged = new Map<number, number>();
    for (const at of members) {
      for (let entry = offsets[at] as number; entry < (offsets[at + 1] as number); entry += 1) {
        const value = values[entry] as number;
        merged.set(value, (merged.get(value) ?? 0) + (counts[entry] as number));
      }
    }
    return {
      offsets: Int32Array.of(0, merged.size),
      values: Int32Array.from(merged.keys()),
      counts: Int32Array.from(merged.values()),
    };
  });
  return {
    size: 1,
    representatives: Int32Array.of(members[0] ?? 0),
    counts: Int32Array.of(count),
    populations: Int32Array.of(population),
    sensitive,
  };
}

function isNumeric(values: readonly string[]): boolean {
  return values.every((value) => value.trim() !== '' && Number.isFinite(Number(value)));
}

/** The place of every code: numbers by size, text by its path in the hierarchy from the top, else by code unit. */
function rankCodes(values: readonly string[], hierarchy: CodedHierarchy | undefined): Int32Array {
  const compareText = (a: string, b: string): number => {
    if (a === b) return 0;
    return a < b ? -1 : 1;
  };
  const compare = (a: number, b: number): number => {
    const [x, y] = [values[a] as string, values[b] as string];
    if (isNumeric(values)) return Number(x) - Number(y);
    for (let level = (hierarchy?.levels ?? 0) - 1; level > 0; level -= 1) {
      const labels = hierarchy?.labels[level] as readonly string[];
      const codes = hierarchy?.codes[level] as Int32Array;
      const order = compareText(labels[codes[a] as number] as string, labels[codes[b] as number] as string);
      if (order !== 0) return order;
    }
    return compareText(x, y);
  };
  const ranks = new Int32Array(values.length);
  values
    .map((_, code) => code)
    .toSorted(compare)
    .forEach((code, place) => {
      ranks[code] = place;
    });
  return ranks;
}

/** What the values of a box have in common: the value, the lowest shared label, the range of numbers, or the set. */
function labelOf(
  codes: readonly number[],
  { values, hierarchy }: { values: readonly string[]; hierarchy: CodedHierarchy | undefined },
): string {
  const own = codes.map((code) => values[code] as string);
  if (own.length === 1) return own[0] as string;
  if (isNumeric(values)) {
    const sorted = own.toSorted((a, b) => Number(a) - Number(b));
    return `[${sorted[0]}, ${sorted.at(-1)}]`;
  }
  for (let level = 1; level < (hierarchy?.levels ?? 0); level += 1) {
    const shared = new Set(codes.map((code) => hierarchy?.codes[level]?.[code]));
    if (shared.size === 1) return hierarchy?.labels[level]?.[[...shared][0] as number] as string;
  }
  return `{${own.toSorted().join(', ')}}`;
}
