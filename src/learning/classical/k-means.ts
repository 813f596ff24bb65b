/**
 * k-means by Lloyd's iterations on noisy counts and sums, from centers that are spread out without looking at the data.
 * [SCLBJ16]
 *
 * @module
 */

import { sampleUint32Below, type Rng } from '../../foundations/random/index.ts';
import { selfComposed } from '../../privacy/accounting/index.ts';
import type { NumberColumn } from './columns.ts';
import { createEstimator, type Estimator, type FitOptions, multiplierOf, type NoisePlan } from './estimator.ts';
import type { Examples } from './examples.ts';
import { createPrivateSum, type PrivateSum } from './private-sum.ts';

/** What a coordinate of a center in [−1, 1] is taken to be, by its root mean square: less than that of even spread, 0.58. */
const CENTER_SPREAD = 0.45;

/**
 * The weight of the count beside the sum of d coordinates: what makes the noise of sum ÷ count least. Per coordinate it is
 * σ²(1 + s²/w²)/n² with σ² ∝ w² + d, so w² = s·√d.
 */
export function countWeight(dimension: number): number {
  return Math.sqrt(CENTER_SPREAD * Math.sqrt(dimension));
}

/**
 * Creates an estimator of k-means over numbers, each scaled by its bounds.
 *
 * Guarantee: (ε, δ) under the relation asked for, by one discrete Gaussian sum an iteration; exact. A row counts for its
 * nearest center alone.
 * @param options - `clusters`; `iterations`, 5 by default: more of them have more noise each.
 * @throws {RangeError} when a column has no bounds or is no number.
 * @see [SCLBJ16] for few iterations, counts against sums and the first centers, with Laplace noise there
 */
export function createKMeans(
  options: FitOptions & {
    readonly features: readonly NumberColumn[];
    readonly clusters: number;
    readonly iterations?: number;
  },
): Estimator<'k-means'> {
  const { features, clusters, iterations = 5, person } = options;
  for (const [value, name, max] of [
    [clusters, 'clusters', 1000],
    [iterations, 'iterations', 100],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw new RangeError(`"${name}" must be an integer in [1, ${max}], got ${value}`);
    }
  }
  for (const { kind, name } of features as readonly { kind: string; name: string }[]) {
    if (kind !== 'number') throw new RangeError(`column "${name}": k-means measures distances between numbers alone`);
  }
  const dimension = features.length;
  const weight = countWeight(dimension);
  return createEstimator({
    kind: 'k-means',
    options,
    target: null,
    source: '[CKS20] theorem 14, [SCLBJ16]',
    plan(scale): NoisePlan {
      const sum = createPrivateSum({
        dimension: clusters * (dimension + 1),
        norm: Math.sqrt(dimension + weight * weight),
        noiseMultiplier: multiplierOf(scale, 1 / iterations),
        maxRows: person?.maxRows ?? 1,
      });
      return {
        events: [selfComposed(sum.event(), iterations)],
        fit(examples, rng) {
          const centers = spreadCenters({ clusters, dimension }, rng.fork('k-means/centers'));
          for (let iteration = 1; iteration <= iterations; iteration += 1) {
            improve(centers, examples, { sum, weight, rng: rng.fork(`k-means/${iteration}`) });
          }
          return {
            settings: { clusters, iterations },
            tensors: { centers: { shape: [clusters, dimension], data: centers } },
          };
        },
      };
    },
  });
}

/** Finds the nearest center of a point; the first of several. */
export function nearestCenter(
  centers: Float64Array,
  point: Float64Array,
  { from, dimension }: { readonly from: number; readonly dimension: number },
): { readonly index: number; readonly squaredDistance: number } {
  let [index, squaredDistance] = [0, Infinity];
  for (let c = 0; c * dimension < centers.length; c += 1) {
    let square = 0;
    for (let j = 0; j < dimension; j += 1) {
      square += ((point[from + j] as number) - (centers[c * dimension + j] as number)) ** 2;
    }
    if (square < squaredDistance) [index, squaredDistance] = [c, square];
  }
  return { index, squaredDistance };
}

/** Moves each center to the noisy mean of the rows nearest to it; one that has fewer than its noise stays. */
function improve(
  centers: Float64Array,
  { size, width: dimension, values }: Examples,
  { sum, weight, rng }: { readonly sum: PrivateSum; readonly weight: number; readonly rng: Rng },
): void {
  const clusters = centers.length / dimension;
  const run = sum.start();
  const vector = new Float64Array(clusters * (dimension + 1));
  for (let i = 0; i < size; i += 1) {
    const { index } = nearestCenter(centers, values, { from: i * dimension, dimension });
    const start = index * (dimension + 1);
    vector[start] = weight;
    for (let j = 0; j < dimension; j += 1) vector[start + 1 + j] = values[i * dimension + j] as number;
    run.add(vector);
    vector.fill(0, start, start + dimension + 1);
  }
  const noisy = run.release(rng);
  for (let c = 0; c < clusters; c += 1) {
    const start = c * (dimension + 1);
    const count = (noisy[start] as number) / weight;
    if (count < Math.max(1, sum.noiseStddev / weight)) continue;
    for (let j = 0; j < dimension; j += 1) {
      centers[c * dimension + j] = Math.min(1, Math.max(-1, (noisy[start + 1 + j] as number) / count));
    }
  }
}

const ATTEMPTS = 100;
const HALVINGS = 16;

/**
 * Spreads centers over [−1, 1]^d without data: at least `a` from the border and 2a from each other, with the largest `a`
 * that random tries find. [SCLBJ16]
 */
export function spreadCenters(
  { clusters, dimension }: { readonly clusters: number; readonly dimension: number },
  rng: Rng,
): Float64Array {
  let [low, high] = [0, 1];
  let best = tryCenters({ clusters, dimension, distance: 0 }, rng) as Float64Array;
  for (let halving = 0; halving < HALVINGS; halving += 1) {
    const distance = (low + high) / 2;
    const found = tryCenters({ clusters, dimension, distance }, rng);
    if (found === undefined) high = distance;
    else [low, best] = [distance, found];
  }
  return best;
}

function tryCenters(
  { clusters, dimension, distance }: { clusters: number; dimension: number; distance: number },
  rng: Rng,
): Float64Array | undefined {
  const centers = new Float64Array(clusters * dimension);
  const point = new Float64Array(dimension);
  for (let c = 0; c < clusters; c += 1) {
    let tries = 0;
    for (; tries < ATTEMPTS; tries += 1) {
      for (let j = 0; j < dimension; j += 1) {
        point[j] = (1 - distance) * ((2 * sampleUint32Below(2 ** 24, rng)) / 2 ** 24 - 1);
      }
      const placed = centers.subarray(0, c * dimension);
      if (nearestCenter(placed, point, { from: 0, dimension }).squaredDistance >= 4 * distance * distance) break;
    }
    if (tries === ATTEMPTS) return undefined;
    centers.set(point, c * dimension);
  }
  return centers;
}
