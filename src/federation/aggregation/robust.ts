/**
 * Robust rules for contributions in the clear: Krum and multi-Krum [BMGS17], trimmed mean and median by coordinate
 * [YCRB18], and a bound on norms. None of them works on a masked sum, for they look at contributions one by one.
 *
 * @module
 */

import { assertNever } from '../../foundations/numerics/index.ts';
import { AggregationError } from './errors.ts';
import type { CombinationConfig } from './schema.ts';

/** A rule that needs the contributions one by one. */
export type RobustRule = Exclude<CombinationConfig, { kind: 'sum' }>;

type Vector = Int32Array | Float64Array;

/**
 * Combines contributions into one vector in place of their mean.
 * @param options - `clipSteps`: length of the clip norm in the vectors' units (norm bound).
 * @throws {@link AggregationError} `aggregation/too-few-contributions`.
 */
export function combineRobustly(
  contributions: readonly Vector[],
  rule: RobustRule,
  { clipSteps }: { readonly clipSteps: number },
): Float64Array {
  switch (rule.kind) {
    case 'krum':
      return meanOf(selectByKrum(contributions, { byzantine: rule.byzantine, keep: 1 }));
    case 'multiKrum':
      return meanOf(selectByKrum(contributions, rule));
    case 'trimmedMean':
      return trimmedMean(contributions, rule.trim);
    case 'median':
      return median(contributions);
    case 'normBound':
      return meanOf(contributions.map((vector) => boundNorm(vector, rule.bound * clipSteps)));
    default:
      return assertNever(rule, 'rule');
  }
}

function need(contributions: readonly Vector[], least: number, rule: string): void {
  if (contributions.length >= least) return;
  throw new AggregationError(
    'aggregation/too-few-contributions',
    `${rule} needs at least ${least} contributions, got ${contributions.length}`,
    { details: { least, got: contributions.length } },
  );
}

function meanOf(vectors: readonly Vector[]): Float64Array {
  need(vectors, 1, 'a mean');
  const mean = new Float64Array((vectors[0] as Vector).length);
  for (const vector of vectors) {
    for (let i = 0; i < mean.length; i += 1) mean[i] = (mean[i] as number) + (vector[i] as number) / vectors.length;
  }
  return mean;
}

/** Shortens a vector to a length; integers stay integers, for truncation never makes a vector longer. */
function boundNorm(vector: Vector, bound: number): Vector {
  let square = 0;
  for (const value of vector) square += value * value;
  if (square <= bound * bound) return vector;
  const factor = (bound / Math.sqrt(square)) * (1 - (vector.length + 8) * 2 ** -52);
  return vector instanceof Int32Array
    ? vector.map((value) => Math.trunc(value * factor))
    : vector.map((value) => value * factor);
}

/**
 * The contributions whose n − f − 2 nearest others are nearest, best first.
 * @see [BMGS17] §4 (Krum) and its extension multi-Krum
 */
export function selectByKrum(
  contributions: readonly Vector[],
  { byzantine, keep }: { readonly byzantine: number; readonly keep: number },
): readonly Vector[] {
  const n = contributions.length;
  // [BMGS17]: 2f + 2 < n.
  need(contributions, Math.max(2 * byzantine + 3, keep), 'Krum');
  const distances = contributions.map((a) => contributions.map((b) => squaredDistance(a, b)));
  const scores = distances.map((row, i) => {
    const others = row.filter((_, j) => j !== i).toSorted((a, b) => a - b);
    return others.slice(0, n - byzantine - 2).reduce((sum, value) => sum + value, 0);
  });
  const order = scores.map((score, i) => ({ score, i })).toSorted((a, b) => a.score - b.score || a.i - b.i);
  return order.slice(0, keep).map(({ i }) => contributions[i] as Vector);
}

function squaredDistance(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return sum;
}

/** Calls `combine` with the sorted values of each coordinate; the array is reused. */
function byCoordinate(vectors: readonly Vector[], combine: (sorted: Float64Array) => number): Float64Array {
  const out = new Float64Array((vectors[0] as Vector).length);
  const values = new Float64Array(vectors.length);
  for (let i = 0; i < out.length; i += 1) {
    for (let j = 0; j < vectors.length; j += 1) values[j] = (vectors[j] as Vector)[i] as number;
    values.sort();
    out[i] = combine(values);
  }
  return out;
}

function trimmedMean(vectors: readonly Vector[], trim: number): Float64Array {
  need(vectors, 2 * trim + 1, 'a trimmed mean');
  return byCoordinate(vectors, (sorted) => {
    let sum = 0;
    for (let j = trim; j < sorted.length - trim; j += 1) sum += sorted[j] as number;
    return sum / (sorted.length - 2 * trim);
  });
}

function median(vectors: readonly Vector[]): Float64Array {
  need(vectors, 1, 'a median');
  return byCoordinate(vectors, (sorted) => {
    const middle = sorted.length >> 1;
    const upper = sorted[middle] as number;
    return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
  });
}
