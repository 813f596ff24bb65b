/**
 * Statistics over the records of several parties, from one secure sum each: sums, means, variances, histograms and linear
 * regression. Every party reduces its own records to sufficient statistics; only their sum is opened, with noise inside
 * when asked for. What is derived from a noised sum costs nothing more.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { PartyChannel } from './channel.ts';
import { MpcError } from './errors.ts';
import { joinSecureSum, type SecureSumOptions, type SecureSumResult } from './secure-sum.ts';
import type { SumNoise } from './sum-noise.ts';

/** What the statistics of one party's records are bounded by; public. */
export interface StatisticsOptions {
  /** Bound of the magnitude of a value; larger ones are clamped. */
  readonly clampRange: number;
  /** Records of one party at most. */
  readonly maxRecords: number;
  readonly fractionBits?: number;
  /**
   * Noise inside. Its `clipNorm` bounds the vector that is summed: of a histogram the counts; of moments count, Σ u and
   * Σ u² with u = value ÷ clampRange; of a regression the upper triangle of XᵀX and Xᵀy in the same unit.
   */
  readonly noise?: SumNoise;
}

/** A statistic and the sum it was computed from. */
export interface StatisticsResult<T> {
  readonly value: T;
  readonly sum: SecureSumResult;
}

function sumOptions({ fractionBits = 12, noise }: StatisticsOptions, clampRange: number): SecureSumOptions {
  return { clampRange, fractionBits, ...(noise && { noise }) };
}

function assertRecords(count: number, { maxRecords, clampRange }: StatisticsOptions): void {
  assertInteger(maxRecords, 'maxRecords', { min: 1 });
  assertPositive(clampRange, 'clampRange');
  if (count > maxRecords)
    throw new MpcError('mpc/overflow', `${count} records, at most ${maxRecords} were agreed`, {
      details: { maxRecords },
    });
}

function clamp(value: number, range: number): number {
  if (Number.isNaN(value)) throw new MpcError('mpc/overflow', 'a record is not a number');
  return Math.max(-range, Math.min(range, value));
}

function opened(result: SecureSumResult<Float64Array>): Float64Array {
  if (result.sum === undefined) throw new MpcError('mpc/unsupported', 'this party does not read the sum');
  return result.sum;
}

/**
 * Count, sum, mean and (population) variance of all records.
 * A noised count may be small or negative: mean and variance are then undefined and come as NaN.
 */
export async function computeMoments(
  channel: PartyChannel,
  records: ArrayLike<number>,
  options: StatisticsOptions,
  rng: Rng,
): Promise<StatisticsResult<{ count: number; sum: number; mean: number; variance: number }>> {
  assertRecords(records.length, options);
  const { clampRange, maxRecords } = options;
  // Powers in units of the range, so that all three are bounded by the number of records.
  let first = 0;
  let second = 0;
  for (let i = 0; i < records.length; i += 1) {
    const unit = clamp(records[i] as number, clampRange) / clampRange;
    first += unit;
    second += unit * unit;
  }
  const sum = await joinSecureSum(
    channel,
    Float64Array.of(records.length, first, second),
    sumOptions(options, maxRecords),
    rng,
  );
  const [count, total, squares] = opened(sum) as unknown as [number, number, number];
  const mean = count >= 1 ? total / count : Number.NaN;
  const variance = count >= 1 ? Math.max(0, squares / count - mean * mean) : Number.NaN;
  return {
    value: { count, sum: total * clampRange, mean: mean * clampRange, variance: variance * clampRange ** 2 },
    sum,
  };
}

/** Counts of all records in cells between public edges; what lies outside falls into the first or last cell. */
export async function computeHistogram(
  channel: PartyChannel,
  records: ArrayLike<number>,
  { edges, ...options }: StatisticsOptions & { readonly edges: readonly number[] },
  rng: Rng,
): Promise<StatisticsResult<Float64Array>> {
  assertRecords(records.length, options);
  if (edges.length < 2 || edges.some((edge, i) => i > 0 && !(edge > (edges[i - 1] as number)))) {
    throw new RangeError('"edges" must be at least two ascending numbers');
  }
  const counts = new Float64Array(edges.length - 1);
  for (let i = 0; i < records.length; i += 1) {
    const value = clamp(records[i] as number, options.clampRange);
    let cell = 0;
    while (cell < counts.length - 1 && value >= (edges[cell + 1] as number)) cell += 1;
    counts[cell] = (counts[cell] as number) + 1;
  }
  const sum = await joinSecureSum(
    channel,
    counts,
    sumOptions({ ...options, fractionBits: options.fractionBits ?? 0 }, options.maxRecords),
    rng,
  );
  return { value: opened(sum), sum };
}

/**
 * Ridge regression over all records: coefficients of the features, then the intercept.
 * @param records - `features` row-major, `columns` a row, and one target a row; all clamped to ±clampRange.
 * @param options - `ridge` > 0 keeps the equations solvable under noise.
 */
export async function computeLinearRegression(
  channel: PartyChannel,
  {
    features,
    targets,
    columns,
  }: { readonly features: ArrayLike<number>; readonly targets: ArrayLike<number>; readonly columns: number },
  { ridge = 1e-3, ...options }: StatisticsOptions & { readonly ridge?: number },
  rng: Rng,
): Promise<StatisticsResult<{ coefficients: Float64Array; intercept: number }>> {
  assertRecords(targets.length, options);
  assertPositive(ridge, 'ridge');
  if (features.length !== targets.length * columns) {
    throw new MpcError(
      'mpc/shape-mismatch',
      `${targets.length} rows of ${columns} features need ${targets.length * columns} numbers, got ${features.length}`,
    );
  }
  const { clampRange, maxRecords } = options;
  const size = columns + 1;
  // Upper triangle of XᵀX with a column of ones, then Xᵀy; everything in units of the range.
  const triangle = (size * (size + 1)) / 2;
  const own = new Float64Array(triangle + size);
  const row = new Float64Array(size);
  for (let r = 0; r < targets.length; r += 1) {
    for (let c = 0; c < columns; c += 1) row[c] = clamp(features[r * columns + c] as number, clampRange) / clampRange;
    row[columns] = 1;
    const target = clamp(targets[r] as number, clampRange) / clampRange;
    let at = 0;
    for (let i = 0; i < size; i += 1) {
      for (let j = i; j < size; j += 1) {
        own[at] = (own[at] as number) + (row[i] as number) * (row[j] as number);
        at += 1;
      }
      own[triangle + i] = (own[triangle + i] as number) + (row[i] as number) * target;
    }
  }
  const sum = await joinSecureSum(channel, own, sumOptions(options, maxRecords), rng);
  const values = opened(sum);
  const matrix = Array.from({ length: size }, () => new Float64Array(size + 1));
  let at = 0;
  for (let i = 0; i < size; i += 1) {
    for (let j = i; j < size; j += 1) {
      (matrix[i] as Float64Array)[j] = values[at] as number;
      (matrix[j] as Float64Array)[i] = values[at] as number;
      at += 1;
    }
    (matrix[i] as Float64Array)[i] = ((matrix[i] as Float64Array)[i] as number) + ridge;
    (matrix[i] as Float64Array)[size] = values[triangle + i] as number;
  }
  const solution = solve(matrix);
  return {
    value: { coefficients: solution.slice(0, columns), intercept: (solution[columns] as number) * clampRange },
    sum,
  };
}

/** Gaussian elimination with pivots; rows end in the right-hand side. */
function solve(rows: Float64Array[]): Float64Array {
  const size = rows.length;
  for (let i = 0; i < size; i += 1) {
    let pivot = i;
    for (let r = i + 1; r < size; r += 1) {
      if (Math.abs((rows[r] as Float64Array)[i] as number) > Math.abs((rows[pivot] as Float64Array)[i] as number))
        pivot = r;
    }
    [rows[i], rows[pivot]] = [rows[pivot] as Float64Array, rows[i] as Float64Array];
    const head = rows[i] as Float64Array;
    for (let r = 0; r < size; r += 1) {
      if (r === i) continue;
      const line = rows[r] as Float64Array;
      const factor = (line[i] as number) / (head[i] as number);
      for (let c = i; c <= size; c += 1) line[c] = (line[c] as number) - factor * (head[c] as number);
    }
  }
  return Float64Array.from(rows, (row, i) => (row[size] as number) / (row[i] as number));
}
