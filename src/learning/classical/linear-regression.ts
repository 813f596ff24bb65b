/**
 * Linear regression from noisy sufficient statistics, made solvable by what they themselves say, after AdaSSP [W18].
 *
 * @module
 */

import { computeSymmetricEigen } from '../../foundations/numerics/index.ts';
import { createDesign, type NumberColumn } from './columns.ts';
import { createEstimator, type Estimator, type FitOptions, type NoisePlan } from './estimator.ts';
import { assertMomentWidth, outerProductInto, symmetricOf, triangleSize } from './moments.ts';
import { createPrivateSum } from './private-sum.ts';

/**
 * Creates an estimator of linear regression: numbers as they are, categories as one-hot, with an intercept.
 *
 * A row becomes z of norm at most 1 (scaled by what its columns' bounds allow) and y in [−1, 1]; it adds (z zᵀ, z·y), of
 * norm at most √2, to one noisy sum. Eigenvalues of the released matrix that the noise drowns count as large as the noise.
 *
 * Deviation from [W18] algorithm 2: its smallest eigenvalue is not released by itself at a third of the budget but read
 * from the released matrix, and matrix and vector come in one release; and in place of a ridge, which shrinks along every
 * eigenvector, only eigenvalues below the noise are raised, which leaves alone what is known well: of 97 numbers of the Adult
 * table at ε = 0.1, R² 0.29 in place of 0.21.
 *
 * Guarantee: (ε, δ) under the relation asked for, by one discrete Gaussian sum; exact.
 * @param options - `target`: the number to be predicted, with bounds.
 * @throws {RangeError} when a column has no bounds or values.
 * @throws {ClassicalError} 'classical/too-large' when there are more than 512 numbers in a row.
 */
export function createLinearRegression(
  options: FitOptions & { readonly target: NumberColumn },
): Estimator<'linear-regression'> {
  const { features, target, person } = options;
  const { width, squaredNorm, expandInto } = createDesign(features);
  assertMomentWidth(width);
  const triangle = triangleSize(width);
  const factor = 1 / Math.sqrt(squaredNorm);
  return createEstimator({
    kind: 'linear-regression',
    options,
    target,
    source: '[CKS20] theorem 14, [W18]',
    plan(noiseMultiplier): NoisePlan {
      const maxRows = person?.maxRows ?? 1;
      const sum = createPrivateSum({ dimension: triangle + width, norm: Math.SQRT2, noiseMultiplier, maxRows });
      return {
        events: [sum.event()],
        fit({ size, width: features, values, targets }, rng) {
          const run = sum.start();
          const z = new Float64Array(width);
          const vector = new Float64Array(triangle + width);
          for (let i = 0; i < size; i += 1) {
            expandInto(values, i * features, z);
            for (let j = 0; j < width; j += 1) z[j] = (z[j] as number) * factor;
            outerProductInto(z, vector);
            for (let j = 0; j < width; j += 1) vector[triangle + j] = (z[j] as number) * (targets[i] as number);
            run.add(vector);
          }
          const noisy = run.release(rng);
          const weights = solveFloored(noisy, { width, noiseStddev: sum.noiseStddev });
          // In units of the scaled features: the factor belongs to the weights from here on.
          const data = weights.map((weight) => weight * factor);
          return { settings: {}, tensors: { weights: { shape: [width], data } } };
        },
      };
    },
  });
}

/**
 * Weights of released moments; post-processing. Along each eigenvector of the released matrix the answer is the released
 * cross moment over the eigenvalue, which counts as no less than the noise.
 */
function solveFloored(
  noisy: Float64Array,
  { width, noiseStddev }: { readonly width: number; readonly noiseStddev: number },
): Float64Array {
  const { values, vectors } = computeSymmetricEigen(symmetricOf(noisy, width), width);
  // The noise is symmetric, of variance σ² on the diagonal and σ²/2 beside it: its norm is about √2·σ·√width.
  const floor = Math.max(Math.SQRT2 * noiseStddev * Math.sqrt(width), 1e-9 * Math.max(1, values[0] as number));
  const start = triangleSize(width);
  const weights = new Float64Array(width);
  for (let k = 0; k < width; k += 1) {
    const vector = vectors.subarray(k * width, (k + 1) * width);
    const moment = vector.reduce((sum, entry, j) => sum + entry * (noisy[start + j] as number), 0);
    const along = moment / Math.max(floor, values[k] as number);
    for (let j = 0; j < width; j += 1) weights[j] = (weights[j] as number) + along * (vector[j] as number);
  }
  return weights;
}
