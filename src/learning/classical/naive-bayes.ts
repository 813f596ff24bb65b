/**
 * Naive Bayes: for each class how many rows it has, mean and variance of every number, and the shares of every category,
 * all from one noisy sum.
 *
 * @module
 */

import type { CategoryColumn, FeatureColumn } from './columns.ts';
import { createEstimator, type Estimator, type FitOptions, type NoisePlan, type Tensor } from './estimator.ts';
import { createPrivateSum } from './private-sum.ts';

/** What the rows of one class add up to: their count, then each feature's numbers. */
export interface NaiveBayesBlock {
  readonly size: number;
  readonly offsets: readonly number[];
  /** Writes what one row adds into its class's block, which holds zeros. */
  write(values: ArrayLike<number>, from: number, into: Float64Array, start: number): void;
}

/**
 * Lays out the block of a class: a 1 for the count, a 1 for each category, and for a number x in [−1, 1] the pair
 * (x, 1 − x²), whose norm is at most 1 since x² + (1 − x²)² = 1 − x²(1 − x²). So mean and variance of a number together
 * cost what its mean alone costs, and the norm of a row is at most √(1 + features).
 */
export function createNaiveBayesBlock(features: readonly FeatureColumn[]): NaiveBayesBlock {
  const offsets: number[] = [];
  let size = 1;
  for (const column of features) {
    offsets.push(size);
    size += column.kind === 'number' ? 2 : column.values.length;
  }
  return {
    size,
    offsets,
    write(values, from, into, start) {
      into[start] = 1;
      for (let j = 0; j < features.length; j += 1) {
        const value = values[from + j] as number;
        const at = start + (offsets[j] as number);
        if (features[j]?.kind === 'number') {
          into[at] = value;
          into[at + 1] = 1 - value * value;
        } else if (value >= 0) into[at + value] = 1;
      }
    },
  };
}

/**
 * Creates an estimator of naive Bayes: Gaussian for numbers, categorical for categories.
 *
 * Guarantee: (ε, δ) under the relation asked for, by one discrete Gaussian sum; exact. A row adds to the block of its own
 * class alone, and nothing when its class was not declared.
 * @param options - `target`: the column of classes.
 * @throws {RangeError} when a column has no bounds or values.
 * @see [VSBH13] for naive Bayes from noisy counts and moments; the pair of {@link createNaiveBayesBlock} is our own
 */
export function createNaiveBayes(options: FitOptions & { readonly target: CategoryColumn }): Estimator<'naive-bayes'> {
  const { features, target, person } = options;
  const block = createNaiveBayesBlock(features);
  const dimension = target.values.length * block.size;
  return createEstimator({
    kind: 'naive-bayes',
    options,
    target,
    source: '[CKS20] theorem 14, [VSBH13]',
    plan(noiseMultiplier): NoisePlan {
      const norm = Math.sqrt(1 + features.length);
      const sum = createPrivateSum({ dimension, norm, noiseMultiplier, maxRows: person?.maxRows ?? 1 });
      return {
        events: [sum.event()],
        fit({ size, width, values, targets }, rng) {
          const run = sum.start();
          const vector = new Float64Array(dimension);
          for (let i = 0; i < size; i += 1) {
            vector.fill(0);
            const label = targets[i] as number;
            if (label >= 0) block.write(values, i * width, vector, label * block.size);
            run.add(vector);
          }
          const noisy = run.release(rng);
          const { noiseStddev } = sum;
          return { settings: {}, tensors: estimate(noisy, { features, block, target, noiseStddev }) };
        },
      };
    },
  });
}

/** Least variance of a number, as a share of half its range: a column that is the same in every row has none. */
const LEAST_VARIANCE = 1e-6;
/** Variance of a number spread evenly over its bounds: what a class without rows is given. */
const EVEN_VARIANCE = 1 / 3;

/**
 * The model of noisy sums; post-processing. What the noise drowns is drawn to what says nothing: with weight of one noise
 * stddev, numbers to the middle of their bounds, and the cells of a category to a share that is the same in every class.
 */
function estimate(
  noisy: Float64Array,
  {
    features,
    block,
    target,
    noiseStddev,
  }: {
    readonly features: readonly FeatureColumn[];
    readonly block: NaiveBayesBlock;
    readonly target: CategoryColumn;
    readonly noiseStddev: number;
  },
): Readonly<Record<string, Tensor>> {
  const classes = target.values.length;
  const at = (label: number, entry: number): number => noisy[label * block.size + entry] as number;
  const counts = Array.from({ length: classes }, (_, label) => Math.max(1, at(label, 0)));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const [means, variances, logShares]: [number[], number[], number[]] = [[], [], []];
  for (let label = 0; label < classes; label += 1) {
    const count = counts[label] as number;
    for (const [j, column] of features.entries()) {
      const offset = block.offsets[j] as number;
      if (column.kind === 'number') {
        const weight = count + noiseStddev;
        const mean = clamp(at(label, offset) / weight, -1, 1);
        const square = clamp(1 - at(label, offset + 1) / count, 0, 1);
        const spread = Math.max(0, square - mean * mean);
        means.push(mean);
        variances.push(Math.max(LEAST_VARIANCE, (count * spread + noiseStddev * EVEN_VARIANCE) / weight));
        continue;
      }
      const pseudo = (1 + noiseStddev) * (count / total);
      const cells = column.values.map((_, value) => Math.max(0, at(label, offset + value)) + pseudo);
      const sum = cells.reduce((all, cell) => all + cell, 0);
      logShares.push(...cells.map((cell) => Math.log(cell / sum)));
    }
  }
  const shaped = (numbers: number[]): Tensor => ({
    shape: [classes, numbers.length / classes],
    data: Float64Array.from(numbers),
  });
  return {
    logPrior: { shape: [classes], data: Float64Array.from(counts, (count) => Math.log(count / total)) },
    ...(means.length === 0 ? {} : { means: shaped(means), variances: shaped(variances) }),
    ...(logShares.length === 0 ? {} : { logShares: shaped(logShares) }),
  };
}

function clamp(value: number, lower: number, upper: number): number {
  return Math.min(upper, Math.max(lower, value));
}
