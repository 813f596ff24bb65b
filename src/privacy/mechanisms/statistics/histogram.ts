/**
 * Private histograms over cells known in advance, in one dimension or several, and over keys that the data brings
 * (partition selection).
 *
 * @module
 */

import { epsilonDelta } from '../../accounting/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS, type Mechanism } from '../mechanism.ts';
import { assertDelta, createCutLaplaceNoise, findTruncationBound } from '../noise/bounded-laplace.ts';
import { createLaplaceNoise } from '../noise/discrete-laplace-mechanism.ts';
import { calibrateNoise, type StatisticNoise } from './additive-noise.ts';

/** Counts of cells, all of them noised, the empty ones too. */
export interface Histogram<Point> extends Mechanism<'histogram'> {
  /** Cells along every axis; the released counts are in row-major order. */
  readonly shape: readonly number[];
  readonly noiseStddev: number;
  release(points: Iterable<Point>, rng: Rng): Float64Array;
}

/** The cell of a value among ascending edges, the last one closed; undefined outside. */
function findCell(edges: readonly number[], value: number): number | undefined {
  const last = edges.length - 1;
  if (!(value >= (edges[0] as number) && value <= (edges[last] as number))) return undefined;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((edges[middle] as number) <= value) low = middle;
    else high = middle;
  }
  return low;
}

function assertEdges(edges: readonly number[]): void {
  const ascending = edges.every((edge, i) => Number.isFinite(edge) && (i === 0 || (edges[i - 1] as number) < edge));
  if (edges.length < 2 || !ascending) throw new RangeError('"edges" must be at least two ascending finite numbers');
}

/**
 * Creates a private histogram of points with one coordinate an axis (two axes: `histogram2d`; more: `histogramdd`).
 * Guarantee: of the noise chosen, for one record added or removed, which changes one cell by one; exact. Points outside
 * the edges, and coordinates that are not numbers, are dropped.
 * @param options - `edges` of every axis, known without looking at the data.
 * @throws {RangeError} when edges do not ascend or there are more than 2^24 cells.
 */
export function createHistogramNd(options: {
  readonly edges: readonly (readonly number[])[];
  readonly noise: StatisticNoise;
}): Histogram<readonly number[]> {
  const { edges, noise } = options;
  edges.forEach(assertEdges);
  const shape = edges.map((axis) => axis.length - 1);
  const cells = shape.reduce((product, size) => product * size, 1);
  assertInteger(cells, 'cells', { min: 1, max: 2 ** 24 });
  return createCells(shape, noise, (point) => {
    let cell = 0;
    for (let axis = 0; axis < edges.length; axis += 1) {
      const at = findCell(edges[axis] as readonly number[], point[axis] as number);
      if (at === undefined) return undefined;
      cell = cell * (shape[axis] as number) + at;
    }
    return cell;
  });
}

/** Creates a private histogram of numbers. @see createHistogramNd */
export function createHistogram(options: {
  readonly edges: readonly number[];
  readonly noise: StatisticNoise;
}): Histogram<number> {
  const { edges, noise } = options;
  assertEdges(edges);
  return createCells([edges.length - 1], noise, (value) => findCell(edges, value));
}

/**
 * Creates a private histogram of categories known in advance; others are dropped.
 * Guarantee: as createHistogramNd.
 */
export function createCategoryHistogram(options: {
  readonly categories: readonly string[];
  readonly noise: StatisticNoise;
}): Histogram<string> {
  const cells = new Map(options.categories.map((category, i) => [category, i]));
  assertInteger(cells.size, 'categories', { min: 1 });
  if (cells.size !== options.categories.length) throw new RangeError('"categories" must not repeat');
  return createCells([cells.size], options.noise, (category) => cells.get(category));
}

function createCells<Point>(
  shape: readonly number[],
  noise: StatisticNoise,
  cellOf: (point: Point) => number | undefined,
): Histogram<Point> {
  const cells = shape.reduce((product, size) => product * size, 1);
  const calibrated = calibrateNoise(noise, { sensitivity: 1, dimension: cells });
  return {
    kind: 'histogram',
    shape,
    noiseStddev: calibrated.stddev,
    guarantee: {
      ...(noise.kind === 'laplace'
        ? ({ measure: 'pure', epsilon: noise.epsilon } as const)
        : ({ measure: 'zcdp', rho: 1 / (2 * noise.noiseMultiplier * noise.noiseMultiplier) } as const)),
      relations: ADDITIVE_RELATIONS,
      precondition: 'a record is one point; the cells are known without looking at the data',
      source: '[DMNS06], [CKS20]',
    },
    event: () => calibrated.event(),
    release(points, rng) {
      const counts = new Float64Array(cells);
      for (const point of points) {
        const cell = cellOf(point);
        if (cell !== undefined) counts[cell] = (counts[cell] as number) + 1;
      }
      const draws = new Int32Array(cells);
      calibrated.noise.sampleInto(draws, rng);
      return counts.map((count, i) => count + (draws[i] as number));
    },
  };
}

/** Keys that may be published, with their noisy counts. */
export interface PartitionSelection extends Mechanism<'partition-selection'> {
  /** A key is published when its noisy count exceeds this. */
  readonly threshold: number;
  /** @param records - the keys of every record; only the first `maxPartitions` different ones count. */
  release(records: Iterable<readonly string[]>, rng: Rng): Map<string, number>;
}

/**
 * Creates private partition selection: which keys of the data may be published at all, with noisy counts of the records
 * that have them.
 * Guarantee: (ε, δ)-DP for one record added or removed. Every count gets discrete Laplace noise cut to ±k and is
 * published when it exceeds k: a key that nobody has is never published, one that a single record has with probability at
 * most δ/maxPartitions. For one partition a record this is the optimal selection of [DVGM22].
 * Precondition: bounded here: a record counts once for each of at most `maxPartitions` keys.
 * @throws {RangeError} when a parameter is out of range.
 * @see [DVGM22] (k-truncated symmetric geometric distribution)
 */
export function createPartitionSelection(options: {
  readonly epsilon: number;
  readonly delta: number;
  readonly maxPartitions?: number;
}): PartitionSelection {
  const { epsilon, delta, maxPartitions = 1 } = options;
  assertPositive(epsilon, 'epsilon');
  assertDelta(delta);
  assertInteger(maxPartitions, 'maxPartitions', { min: 1 });
  const { noiseParameter: rate } = createLaplaceNoise({ sensitivity: maxPartitions, epsilon });
  const threshold = findTruncationBound({ rate, steps: 1, delta: delta / maxPartitions });
  const draw = createCutLaplaceNoise({ rate, bound: threshold });
  return {
    kind: 'partition-selection',
    threshold,
    guarantee: {
      measure: 'approximate',
      epsilon,
      delta,
      relations: ADDITIVE_RELATIONS,
      precondition: `a record counts for its first ${maxPartitions} different keys`,
      source: '[DVGM22]',
    },
    event: () => epsilonDelta({ epsilon, delta }),
    release(records, rng) {
      const counts = new Map<string, number>();
      for (const keys of records) {
        for (const key of [...new Set(keys)].slice(0, maxPartitions)) counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      const published = new Map<string, number>();
      // In the order of the keys: the order of the data is not published.
      for (const key of [...counts.keys()].sort()) {
        const noisy = (counts.get(key) as number) + draw(rng);
        if (noisy > threshold) published.set(key, noisy);
      }
      return published;
    },
  };
}
