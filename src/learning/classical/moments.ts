/**
 * Private second moments: the noisy sum of z zᵀ over rows, the upper triangle alone, with further sums beside it.
 *
 * @module
 */

import { ClassicalError } from './errors.ts';

/** Entries of a matrix of moments that is summed; beyond it a fit would take minutes and hundreds of megabytes. */
const MAX_WIDTH = 512;

/** @throws {ClassicalError} 'classical/too-large' when a row has more numbers than a matrix of moments is made of. */
export function assertMomentWidth(width: number): void {
  if (width <= MAX_WIDTH) return;
  throw new ClassicalError(
    'classical/too-large',
    `the features are ${width} numbers with every category's values, at most ${MAX_WIDTH} make a matrix: leave out columns or put values together`,
  );
}

/** Entries of the upper triangle. */
export function triangleSize(width: number): number {
  return (width * (width + 1)) / 2;
}

/**
 * Writes z zᵀ as a vector of the same Frobenius norm ‖z‖²: the diagonal as it is, what is above it times √2, since it
 * stands for both halves.
 */
export function outerProductInto(z: Float64Array, into: Float64Array): void {
  const width = z.length;
  let at = 0;
  for (let i = 0; i < width; i += 1) {
    const left = z[i] as number;
    into[at] = left * left;
    at += 1;
    const twice = Math.SQRT2 * left;
    for (let j = i + 1; j < width; j += 1) {
      into[at] = twice * (z[j] as number);
      at += 1;
    }
  }
}

/** The symmetric matrix that {@link outerProductInto} wrote. */
export function symmetricOf(triangle: Float64Array, width: number): Float64Array {
  const matrix = new Float64Array(width * width);
  let at = 0;
  for (let i = 0; i < width; i += 1) {
    for (let j = i; j < width; j += 1) {
      const entry = (triangle[at] as number) * (i === j ? 1 : Math.SQRT1_2);
      matrix[i * width + j] = matrix[j * width + i] = entry;
      at += 1;
    }
  }
  return matrix;
}
