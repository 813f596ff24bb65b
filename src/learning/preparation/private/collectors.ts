/**
 * What one pass over a table keeps for private statistics: counts in cells fixed in advance, so that memory does not
 * grow with rows, and the statistics taken from them by the mechanisms.
 *
 * @module
 */

import { composed, type DpEvent } from '../../../privacy/accounting/index.ts';
import {
  createCategoryHistogram,
  createCount,
  createExponential,
  createHistogram,
  createMean,
  createPartitionSelection,
  createVariance,
} from '../../../privacy/mechanisms/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { PreparationError } from '../errors.ts';
import type { StatisticSpec } from '../recipe/schema.ts';

/** A statistic being collected. */
export interface Collector {
  readonly name: string;
  readonly event: DpEvent;
  /** Takes the cell of one row. */
  add(cell: string | null): void;
  /** Takes the statistic, once. */
  release(rng: Rng): unknown;
}

/** Bins of a number's range: a fixed rounding of every value, before anything is computed. */
const BINS = 2 ** 14;
/** Candidates of a quantile. */
const CANDIDATES = 2 ** 10;
/** A vocabulary that grows beyond this is not one. */
const MAX_WORDS = 5_000_000;

interface Range {
  readonly lower: number;
  readonly upper: number;
}

/** Counts of values in equal bins of a range. */
interface Bins {
  add(cell: string | null): void;
  /** Every value again, as the middle of its bin. */
  values(): Iterable<number>;
  readonly counts: Float64Array;
}

function createBins({ lower, upper }: Range): Bins {
  const counts = new Float64Array(BINS);
  const width = (upper - lower) / BINS;
  return {
    counts,
    add(cell) {
      if (cell === null) return;
      const at = Math.min(BINS - 1, Math.max(0, Math.floor((Number(cell) - lower) / width)));
      counts[at] = (counts[at] as number) + 1;
    },
    *values() {
      for (let bin = 0; bin < BINS; bin += 1) {
        const value = lower + (bin + 0.5) * width;
        for (let i = counts[bin] as number; i > 0; i -= 1) yield value;
      }
    },
  };
}

/** A grid of about a thousand steps: sums of many rows hide its rounding, and their noise is quickly accounted for. */
function gridOf({ lower, upper }: Range): number {
  return 2 ** Math.ceil(Math.log2((upper - lower) / 2 ** 10));
}

/**
 * Gives the keys of a count back, as often as they were counted.
 * @yields every key, repeated.
 */
function* repeat<T>(counts: ReadonlyMap<T, number>): Generator<T> {
  for (const [key, count] of counts) for (let i = 0; i < count; i += 1) yield key;
}

/** Mean and standard deviation of a bounded column, half of ε each. */
export function createMomentsCollector(fields: { name: string; epsilon: number } & Range): Collector {
  const { name, epsilon, lower, upper } = fields;
  const bins = createBins(fields);
  const noise = { kind: 'laplace', epsilon: epsilon / 2 } as const;
  const granularity = gridOf(fields);
  const mean = createMean({ lower, upper, noise, granularity });
  const variance = createVariance({ lower, upper, noise, granularity });
  return {
    name,
    event: composed([mean.event(), variance.event()]),
    add: (cell) => bins.add(cell),
    release: (rng) => ({
      mean: mean.release(bins.values(), rng),
      // Post-processing: noise may take the variance below what a thousandth of the range has.
      stddev: Math.sqrt(Math.max(((upper - lower) / 1000) ** 2, variance.release(bins.values(), rng))),
    }),
  };
}

/** Quantiles of a bounded column by the exponential mechanism over fixed points of its range. */
export function createQuantileCollector(
  fields: { name: string; epsilon: number; quantiles: readonly number[] } & Range,
): Collector {
  const { name, epsilon, quantiles, lower, upper } = fields;
  const bins = createBins(fields);
  // One row moves the rank of a point by at most one, and its target rank by q.
  const mechanism = createExponential({ epsilon: epsilon / quantiles.length, sensitivity: 1 });
  return {
    name,
    event: composed(quantiles.map(() => mechanism.event())),
    add: (cell) => bins.add(cell),
    release(rng) {
      const step = BINS / CANDIDATES;
      const below = new Float64Array(CANDIDATES + 1);
      for (let i = 0; i < CANDIDATES; i += 1) {
        let sum = below[i] as number;
        for (let bin = i * step; bin < (i + 1) * step; bin += 1) sum += bins.counts[bin] as number;
        below[i + 1] = sum;
      }
      const total = below[CANDIDATES] as number;
      return quantiles.map((quantile) => {
        const scores = below.map((rank) => -Math.abs(rank - quantile * total));
        return lower + (mechanism.select(scores, rng) / CANDIDATES) * (upper - lower);
      });
    },
  };
}

/** Categories that enough rows have, with noisy counts. */
export function createCategoryCollector({
  name,
  epsilon,
  delta,
}: {
  name: string;
  epsilon: number;
  delta: number;
}): Collector {
  const selection = createPartitionSelection({ epsilon, delta });
  const counts = new Map<string, number>();
  return {
    name,
    event: selection.event(),
    add(cell) {
      if (cell !== null) counts.set(cell, (counts.get(cell) ?? 0) + 1);
      assertVocabulary(counts, name);
    },
    release: (rng) => Object.fromEntries(selection.release(singles(repeat(counts)), rng)),
  };
}

function* singles(keys: Iterable<string>): Generator<readonly string[]> {
  for (const key of keys) yield [key];
}

function assertVocabulary(counts: ReadonlyMap<string, number>, name: string): void {
  if (counts.size <= MAX_WORDS) return;
  throw new PreparationError(
    'preparation/budget',
    `"${name}" has more than ${MAX_WORDS} different values: it is no vocabulary`,
  );
}

/** The words of a text, in lower case, each once. */
export function wordsOf(text: string): string[] {
  return [...new Set(text.toLowerCase().match(/\p{L}[\p{L}\p{M}\p{N}'’-]*/gu) ?? [])];
}

/**
 * Creates the collector of a recipe's statistic.
 * @param column - bounds or categories of its column.
 */
export function createStatisticCollector(
  spec: StatisticSpec,
  column: { readonly range?: Range; readonly categories?: readonly string[]; readonly text?: boolean },
): Collector {
  const { name, epsilon } = spec;
  const noise = { kind: 'laplace', epsilon } as const;
  const range = column.range as Range;
  switch (spec.kind) {
    case 'count': {
      const count = createCount<null>({ noise });
      let rows = 0;
      return {
        name,
        event: count.event(),
        add: () => {
          rows += 1;
        },
        release: (rng) => count.release(repeat(new Map([[null, rows]])), rng),
      };
    }
    case 'mean':
    case 'variance': {
      const bins = createBins(range);
      const bounds = { ...range, noise, granularity: gridOf(range) };
      const mechanism = spec.kind === 'mean' ? createMean(bounds) : createVariance(bounds);
      return {
        name,
        event: mechanism.event(),
        add: (cell) => bins.add(cell),
        release: (rng) => mechanism.release(bins.values(), rng),
      };
    }
    case 'quantiles':
      return createQuantileCollector({ name, epsilon, quantiles: spec.quantiles, ...range });
    case 'histogram':
      return createHistogramCollector(spec, column);
    case 'vocabulary': {
      const { delta, maxPerRow } = spec;
      const maxPartitions = column.text === true ? maxPerRow : 1;
      const selection = createPartitionSelection({ epsilon, delta, maxPartitions });
      const counts = new Map<string, number>();
      return {
        name,
        event: selection.event(),
        add(cell) {
          if (cell === null) return;
          // A row counts for its first words alone; each of them is then a record of one key.
          const keys = column.text === true ? wordsOf(cell).slice(0, maxPartitions) : [cell];
          for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
          assertVocabulary(counts, name);
        },
        release: (rng) => Object.fromEntries(selection.release(singles(repeat(counts)), rng)),
      };
    }
  }
}

function createHistogramCollector(
  { name, epsilon, edges: given }: Extract<StatisticSpec, { kind: 'histogram' }>,
  { range, categories }: { readonly range?: Range; readonly categories?: readonly string[] },
): Collector {
  const noise = { kind: 'laplace', epsilon } as const;
  if (range === undefined) {
    const histogram = createCategoryHistogram({ categories: categories ?? [], noise });
    const counts = new Map<string, number>();
    return {
      name,
      event: histogram.event(),
      add: (cell) => {
        if (cell !== null) counts.set(cell, (counts.get(cell) ?? 0) + 1);
      },
      release(rng) {
        const released = histogram.release(repeat(counts), rng);
        return Object.fromEntries((categories ?? []).map((category, i) => [category, released[i]]));
      },
    };
  }
  const edges = given ?? Array.from({ length: 17 }, (_, i) => range.lower + (i / 16) * (range.upper - range.lower));
  const histogram = createHistogram({ edges, noise });
  const counts = new Map<number, number>();
  return {
    name,
    event: histogram.event(),
    add: (cell) => {
      if (cell === null) return;
      // A value stands for its cell: the edge below it.
      const value = Number(cell);
      const at = edges.findLastIndex((edge) => edge <= value);
      const key =
        at < 0 || value > (edges.at(-1) as number) ? Number.NaN : (edges[Math.min(at, edges.length - 2)] as number);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    release: (rng) => ({ edges, counts: [...histogram.release(repeat(counts), rng)] }),
  };
}
