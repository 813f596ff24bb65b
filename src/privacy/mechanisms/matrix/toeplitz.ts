/**
 * Strategies for correlated noise: lower-triangular Toeplitz matrices C given by their first column, and what they cost
 * and give. Noise C⁻¹z added to the gradients is as private as releasing C·gradients + z. [DMRST22] [CGMRT23]
 *
 * @module
 */

import { assertInteger } from '../../../foundations/numerics/index.ts';

/** Buffered linear Toeplitz: c_0 = 1, c_i = Σ_j outputScales_j · decays_j^(i−1); one buffer of state for each term. */
export interface BufferedLinearToeplitz {
  readonly outputScales: readonly number[];
  readonly decays: readonly number[];
}

/** Computes the first column of the optimal strategy for prefix sums, the square root of the all-ones matrix. [FHU22] */
export function computeOptimalToeplitz(steps: number): Float64Array {
  assertInteger(steps, 'steps', { min: 1 });
  const column = new Float64Array(steps);
  column[0] = 1;
  // (2i choose i)/4^i = Π (2k − 1)/(2k).
  for (let i = 1; i < steps; i += 1) column[i] = ((column[i - 1] as number) * (2 * i - 1)) / (2 * i);
  return column;
}

/** Computes the first column of a buffered linear Toeplitz strategy. [DMPST24] */
export function computeBufferedToeplitz({ outputScales, decays }: BufferedLinearToeplitz, steps: number): Float64Array {
  assertInteger(steps, 'steps', { min: 1 });
  const column = new Float64Array(steps);
  column[0] = 1;
  const powers = Float64Array.from(outputScales);
  for (let i = 1; i < steps; i += 1) {
    column[i] = powers.reduce((sum, power) => sum + power, 0);
    powers.forEach((power, j) => (powers[j] = power * (decays[j] as number)));
  }
  return column;
}

/** Computes the first column of C⁻¹ from that of C (zeros beyond its end), which starts with a number that is not zero. */
export function invertToeplitz(column: ArrayLike<number>, steps: number): Float64Array {
  const lead = column[0] as number;
  if (!(Number.isFinite(lead) && lead !== 0))
    throw new RangeError('"column" must start with a number that is not zero');
  const inverse = new Float64Array(steps);
  inverse[0] = 1 / lead;
  for (let i = 1; i < steps; i += 1) {
    let sum = 0;
    for (let j = 1; j <= Math.min(i, column.length - 1); j += 1) {
      sum += (column[j] as number) * (inverse[i - j] as number);
    }
    inverse[i] = -sum / lead;
  }
  return inverse;
}

/** Variances of the noise on prefix sums after each step, for unit noise: squared row norms of A·C⁻¹, A all ones. */
export function computePrefixVariances(
  column: ArrayLike<number>,
  { steps, columnNorms }: { readonly steps: number; readonly columnNorms?: Float64Array | undefined },
): Float64Array {
  const inverse = invertToeplitz(column, steps);
  const variances = new Float64Array(steps);
  if (columnNorms === undefined) {
    let prefix = 0;
    let sum = 0;
    for (let t = 0; t < steps; t += 1) {
      prefix += inverse[t] as number;
      sum += prefix * prefix;
      variances[t] = sum;
    }
    return variances;
  }
  // Row t of A·diag(norms)·T⁻¹ is the sum of the scaled rows of T⁻¹ up to t.
  const row = new Float64Array(steps);
  for (let t = 0; t < steps; t += 1) {
    for (let j = 0; j <= t; j += 1)
      row[j] = (row[j] as number) + (columnNorms[t] as number) * (inverse[t - j] as number);
    variances[t] = row.reduce((sum, x) => sum + x * x, 0);
  }
  return variances;
}

/** The norms of the columns of the lower-triangular Toeplitz matrix: shorter towards the end, where columns are cut. */
export function computeColumnNorms(column: ArrayLike<number>, steps: number): Float64Array {
  const norms = new Float64Array(steps);
  let sum = 0;
  for (let length = 1; length <= steps; length += 1) {
    sum += (column[length - 1] ?? 0) ** 2;
    norms[steps - length] = Math.sqrt(sum);
  }
  return norms;
}
