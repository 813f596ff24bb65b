/**
 * Principal components of noisy second moments: "Analyze Gauss" [DTTZ14].
 *
 * @module
 */

import { computeSymmetricEigen } from '../../foundations/numerics/index.ts';
import type { NumberColumn } from './columns.ts';
import { createEstimator, type Estimator, type FitOptions, type NoisePlan } from './estimator.ts';
import { assertMomentWidth, outerProductInto, symmetricOf, triangleSize } from './moments.ts';
import { createPrivateSum } from './private-sum.ts';

/**
 * Creates an estimator of principal components over numbers.
 *
 * A row becomes z of norm at most 1 around the middle of its columns' bounds, and adds (1, z, z zᵀ), of norm at most √3, to
 * one noisy sum: number of rows, means and second moments at once.
 *
 * Guarantee: (ε, δ) under the relation asked for, by one discrete Gaussian sum; exact.
 * @param options - `components` that are kept; `scaling`: `bounds` brings every column to [−1, 1], so that each can weigh
 * the same, `none` (the default) leaves their units as they are.
 * @throws {RangeError} when a column has no bounds or is no number.
 * @throws {ClassicalError} 'classical/too-large' when there are more than 512 columns.
 * @see [DTTZ14] algorithm 1
 */
export function createPca(
  options: FitOptions & {
    readonly features: readonly NumberColumn[];
    readonly components: number;
    readonly scaling?: 'bounds' | 'none';
  },
): Estimator<'pca'> {
  const { features, components, scaling = 'none', person } = options;
  const width = features.length;
  assertMomentWidth(width);
  if (!Number.isInteger(components) || components < 1 || components > width) {
    throw new RangeError(`"components" must be an integer in [1, ${width}], got ${components}`);
  }
  for (const { kind, name } of features as readonly { kind: string; name: string }[]) {
    if (kind !== 'number') throw new RangeError(`column "${name}": principal components are taken of numbers alone`);
  }
  const halves = pcaUnits(features, scaling);
  const norm = Math.sqrt(halves.reduce((sum, half) => sum + half * half, 0));
  const triangle = triangleSize(width);
  return createEstimator({
    kind: 'pca',
    options,
    target: null,
    source: '[CKS20] theorem 14, [DTTZ14]',
    plan(noiseMultiplier): NoisePlan {
      const dimension = triangle + width + 1;
      const sum = createPrivateSum({ dimension, norm: Math.sqrt(3), noiseMultiplier, maxRows: person?.maxRows ?? 1 });
      return {
        events: [sum.event()],
        fit({ size, values }, rng) {
          const run = sum.start();
          const z = new Float64Array(width);
          const vector = new Float64Array(dimension);
          for (let i = 0; i < size; i += 1) {
            for (let j = 0; j < width; j += 1)
              z[j] = ((values[i * width + j] as number) * (halves[j] as number)) / norm;
            outerProductInto(z, vector);
            vector.set(z, triangle);
            vector[dimension - 1] = 1;
            run.add(vector);
          }
          const noisy = run.release(rng);
          return {
            settings: { components, scaling },
            tensors: decompose(noisy, { width, components, norm, least: Math.max(1, sum.noiseStddev) }),
          };
        },
      };
    },
  });
}

/** Half the range of every column in the units that components are taken in. */
export function pcaUnits(
  features: readonly Pick<NumberColumn, 'lower' | 'upper'>[],
  scaling: 'bounds' | 'none',
): readonly number[] {
  return features.map(({ lower, upper }) => (scaling === 'bounds' ? 1 : (upper - lower) / 2));
}

/** Means, components and variances of released moments; post-processing. */
function decompose(
  noisy: Float64Array,
  { width, components, norm, least }: { width: number; components: number; norm: number; least: number },
) {
  const triangle = triangleSize(width);
  const count = Math.max(least, noisy[noisy.length - 1] as number);
  const mean = noisy.slice(triangle, triangle + width).map((sum) => Math.min(1, Math.max(-1, sum / count)));
  const covariance = symmetricOf(noisy, width);
  for (let i = 0; i < width; i += 1) {
    for (let j = 0; j < width; j += 1) {
      const at = i * width + j;
      covariance[at] = (covariance[at] as number) / count - (mean[i] as number) * (mean[j] as number);
    }
  }
  const { values, vectors } = computeSymmetricEigen(covariance, width);
  return {
    means: { shape: [width], data: mean.map((entry) => entry * norm) },
    components: { shape: [components, width], data: vectors.slice(0, components * width) },
    variances: {
      shape: [components],
      data: values.slice(0, components).map((value) => Math.max(0, value) * norm * norm),
    },
  };
}
