/**
 * Utility metrics: how much a release loses. Lower is better.
 *
 * | metric | value | source |
 * |---|---|---|
 * | discernibility | sum of squared class sizes; a suppressed row counts as all rows | [BA05] |
 * | averageClassSize | rows ÷ classes, all suppressed rows being one class | [LDR06] |
 * | entropy | non-uniform entropy, in bits: Σ −log₂(freq(value) ÷ freq(generalised value)) | [GT09] |
 * | loss | mean share of its column's domain that a value stands for, between the original and all | [Iye02] |
 * | precision | mean level ÷ height; suppressed: 1 | [Swe02] |
 *
 * `suppression: 'ignored'` counts suppressed rows as if they were released: the value is then monotone, and equal to the
 * metrics that ARX calls monotonic. Definitions follow [ARX] so that optima agree.
 *
 * @module
 */

import type { Classes, ClassTable } from './classes.ts';
import type { CodedHierarchy } from './hierarchy.ts';

/** How the columns' values become one; `rank` compares them sorted, the worst first. */
export type Aggregate = 'sum' | 'arithmeticMean' | 'geometricMean' | 'max' | 'rank';

/** One metric. */
export type Metric =
  | { readonly kind: 'discernibility'; readonly suppression?: 'counted' | 'ignored' }
  | { readonly kind: 'averageClassSize' }
  | { readonly kind: 'entropy'; readonly suppression?: 'counted' | 'ignored'; readonly aggregate?: Aggregate }
  | { readonly kind: 'loss'; readonly aggregate?: Aggregate }
  | { readonly kind: 'precision'; readonly suppression?: 'counted' | 'ignored'; readonly aggregate?: Aggregate };

/** A value of a metric: one number, or several to be compared in order. */
export type Score = readonly number[];

/** A metric bound to a table and its hierarchies. */
export interface BoundMetric {
  /** Whether suppression changes nothing in the value, so that it never falls from a node to one above. */
  readonly ignoresSuppression: boolean;
  /** A lower bound that holds for a node and all above it, known without its classes. */
  boundOf?(levels: Int32Array): Score;
  /** The same, from the node's classes. */
  boundOfClasses(classes: Classes, levels: Int32Array): Score;
  /** The value of a node whose classes with a non-zero flag are suppressed. */
  value(classes: Classes, at: { levels: Int32Array; suppressed: Uint8Array | undefined }): Score;
}

/** Negative when `a` is better than `b`. */
export function compareScores(a: Score, b: Score): number {
  for (let i = 0; i < a.length; i += 1) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Binds a metric. */
export function bindMetric(
  metric: Metric,
  { table, hierarchies }: { table: ClassTable; hierarchies: readonly CodedHierarchy[] },
): BoundMetric {
  switch (metric.kind) {
    case 'discernibility':
      return bindDiscernibility(table.rows, metric.suppression === 'ignored');
    case 'averageClassSize':
      return bindAverageClassSize(table.rows);
    case 'entropy':
      return bindEntropy(table, {
        hierarchies,
        ignored: metric.suppression === 'ignored',
        aggregate: metric.aggregate ?? 'sum',
      });
    case 'loss':
      return bindLoss(table, { hierarchies, aggregate: metric.aggregate ?? 'geometricMean' });
    case 'precision':
      return bindPrecision(table, {
        hierarchies,
        ignored: metric.suppression === 'ignored',
        aggregate: metric.aggregate ?? 'arithmeticMean',
      });
  }
}

/** Fourteen digits, so that nodes which lose the same compare as equal whatever the order of the sums. */
function settle(value: number): number {
  return Number(value.toPrecision(14));
}

function aggregateOf(values: readonly number[], aggregate: Aggregate): Score {
  switch (aggregate) {
    case 'sum':
      return [settle(values.reduce((sum, value) => sum + value, 0))];
    case 'arithmeticMean':
      return [settle(values.reduce((sum, value) => sum + value, 0) / values.length)];
    case 'geometricMean':
      return [settle(values.reduce((product, value) => product * (value + 1) ** (1 / values.length), 1) - 1)];
    case 'max':
      return [Math.max(...values)];
    case 'rank':
      return values.toSorted((a, b) => b - a);
  }
}

function bindDiscernibility(rows: number, ignored: boolean): BoundMetric {
  const squares = ({ size, counts }: Classes, suppressed: Uint8Array | undefined): number => {
    let sum = 0;
    for (let i = 0; i < size; i += 1) {
      const count = counts[i] as number;
      sum += suppressed !== undefined && suppressed[i] !== 0 ? count * rows : count * count;
    }
    return sum;
  };
  return {
    ignoresSuppression: ignored,
    boundOfClasses: (classes) => [squares(classes, undefined)],
    value: (classes, { suppressed }) => [squares(classes, ignored ? undefined : suppressed)],
  };
}

function bindAverageClassSize(rows: number): BoundMetric {
  const classesOf = ({ size, counts }: Classes, suppressed: Uint8Array | undefined): number => {
    let kept = 0;
    let some = 0;
    for (let i = 0; i < size; i += 1) {
      if (counts[i] === 0) continue;
      if (suppressed !== undefined && suppressed[i] !== 0) some = 1;
      else kept += 1;
    }
    return kept + some;
  };
  return {
    ignoresSuppression: false,
    boundOfClasses: (classes) => [rows / classesOf(classes, undefined)],
    value: (classes, { suppressed }) => [rows / classesOf(classes, suppressed)],
  };
}

/** Released rows of every value of every column. */
function frequencies(table: ClassTable, columns: number): Float64Array[] {
  const { codes, base } = table;
  return Array.from({ length: columns }, (_, column) => {
    const counts = new Float64Array(table.dictionaries[column]?.values.length ?? 0);
    for (let i = 0; i < base.size; i += 1) {
      const code = codes[i * columns + column] as number;
      counts[code] = (counts[code] as number) + (base.counts[i] as number);
    }
    return counts;
  });
}

/** Suppressed rows of every generalised value of a column. */
function suppressedOf(
  classes: Classes,
  {
    flags,
    table,
    hierarchy,
    column,
    level,
  }: { flags: Uint8Array; table: ClassTable; hierarchy: CodedHierarchy; column: number; level: number },
): { counts: Float64Array; total: number } {
  const columns = table.quasiIdentifiers.length;
  const map = hierarchy.codes[level] as Int32Array;
  const counts = new Float64Array((hierarchy.labels[level] as readonly string[]).length);
  let total = 0;
  for (let i = 0; i < classes.size; i += 1) {
    if (flags[i] === 0) continue;
    const code = map[table.codes[(classes.representatives[i] as number) * columns + column] as number] as number;
    const count = classes.counts[i] as number;
    counts[code] = (counts[code] as number) + count;
    total += count;
  }
  return { counts, total };
}

interface ColumnFields {
  readonly hierarchies: readonly CodedHierarchy[];
  readonly aggregate: Aggregate;
}

function bindEntropy(
  table: ClassTable,
  { hierarchies, aggregate, ignored }: ColumnFields & { ignored: boolean },
): BoundMetric {
  const counts = frequencies(table, hierarchies.length);
  // bits[column][level]: the loss of the column at the level, over all rows.
  const bits = hierarchies.map(({ codes, labels }, column) =>
    codes.map((map, level) => {
      const merged = new Float64Array((labels[level] as readonly string[]).length);
      const own = counts[column] as Float64Array;
      own.forEach((count, code) => {
        merged[map[code] as number] = (merged[map[code] as number] as number) + count;
      });
      let sum = 0;
      own.forEach((count, code) => {
        if (count > 0) sum -= count * Math.log2(count / (merged[map[code] as number] as number));
      });
      return sum;
    }),
  );
  const plain = (levels: Int32Array): number[] => bits.map((column, i) => column[levels[i] as number] as number);
  return {
    ignoresSuppression: ignored,
    boundOf: (levels) => aggregateOf(plain(levels), aggregate),
    boundOfClasses: (_, levels) => aggregateOf(plain(levels), aggregate),
    value(classes, { levels, suppressed }) {
      const values = plain(levels);
      if (!ignored && suppressed !== undefined) {
        for (let column = 0; column < values.length; column += 1) {
          const hierarchy = hierarchies[column] as CodedHierarchy;
          const lost = suppressedOf(classes, {
            flags: suppressed,
            table,
            hierarchy,
            column,
            level: levels[column] as number,
          });
          let sum = 0;
          for (const count of lost.counts) if (count > 0) sum -= count * Math.log2(count / lost.total);
          values[column] = (values[column] as number) + sum;
        }
      }
      return aggregateOf(values, aggregate);
    },
  };
}

function bindLoss(table: ClassTable, { hierarchies, aggregate }: ColumnFields): BoundMetric {
  const counts = frequencies(table, hierarchies.length);
  const { rows } = table;
  const sums = hierarchies.map(({ codes, shares }, column) =>
    codes.map((map, level) => {
      let sum = 0;
      counts[column]?.forEach((count, code) => {
        sum += count * ((shares[level] as Float64Array)[map[code] as number] as number);
      });
      return sum;
    }),
  );
  const normalize = (sum: number, column: number): number => {
    const least = sums[column]?.[0] as number;
    if (rows === least) return 0;
    // Ten decimals, as in [ARX]: equal losses must compare equal whatever the order of the sums.
    return Math.round(Math.max(0, (sum - least) / (rows - least)) * 1e10) / 1e10;
  };
  const bound = (levels: Int32Array): Score =>
    aggregateOf(
      sums.map((column, i) => normalize(column[levels[i] as number] as number, i)),
      aggregate,
    );
  return {
    ignoresSuppression: false,
    boundOf: bound,
    boundOfClasses: (_, levels) => bound(levels),
    value(classes, { levels, suppressed }) {
      if (suppressed === undefined) return bound(levels);
      return aggregateOf(
        sums.map((column, i) => {
          const level = levels[i] as number;
          const hierarchy = hierarchies[i] as CodedHierarchy;
          const lost = suppressedOf(classes, { flags: suppressed, table, hierarchy, column: i, level });
          const share = hierarchy.shares[level] as Float64Array;
          let more = 0;
          lost.counts.forEach((count, code) => {
            more += count * (1 - (share[code] as number));
          });
          return normalize((column[level] as number) + more, i);
        }),
        aggregate,
      );
    },
  };
}

function bindPrecision(
  table: ClassTable,
  { hierarchies, aggregate, ignored }: ColumnFields & { ignored: boolean },
): BoundMetric {
  const { rows } = table;
  const share = ({ levels }: CodedHierarchy, level: number): number => (levels === 1 ? 0 : level / (levels - 1));
  const bound = (levels: Int32Array): Score =>
    aggregateOf(
      hierarchies.map((hierarchy, i) => share(hierarchy, levels[i] as number)),
      aggregate,
    );
  return {
    ignoresSuppression: ignored,
    boundOf: bound,
    boundOfClasses: (_, levels) => bound(levels),
    value(classes, { levels, suppressed }) {
      if (ignored || suppressed === undefined) return bound(levels);
      let lost = 0;
      for (let i = 0; i < classes.size; i += 1) if (suppressed[i] !== 0) lost += classes.counts[i] as number;
      return aggregateOf(
        hierarchies.map((hierarchy, i) => ((rows - lost) * share(hierarchy, levels[i] as number) + lost) / rows),
        aggregate,
      );
    },
  };
}
