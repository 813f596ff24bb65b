/**
 * Eigenvalues and eigenvectors of small symmetric matrices by Jacobi's cyclic rotations [GV13]. Row-major, in doubles, for
 * sizes up to a few hundred.
 *
 * @module
 */

import { assertInteger } from './errors.ts';

/** Eigenvalues in descending order, each with its eigenvector of length one. */
export interface SymmetricEigen {
  readonly values: Float64Array;
  /** Row i is the eigenvector of value i; its entry of largest magnitude is positive. */
  readonly vectors: Float64Array;
}

function assertSquare(matrix: Float64Array, size: number): void {
  assertInteger(size, 'size', { min: 1 });
  if (matrix.length !== size * size) {
    throw new RangeError(`"matrix" must have ${size} × ${size} entries, got ${matrix.length}`);
  }
}

/** Sweeps over all pairs; Jacobi's method converges quadratically, after about ten for any size of interest. */
const MAX_SWEEPS = 60;

/**
 * Computes all eigenvalues and eigenvectors of a symmetric matrix; the lower triangle is read.
 * @throws {RangeError} when an entry is not finite, or the rotations do not converge.
 * @see [GV13] section 8.5
 */
export function computeSymmetricEigen(matrix: Float64Array, size: number): SymmetricEigen {
  assertSquare(matrix, size);
  if (!matrix.every((entry) => Number.isFinite(entry))) throw new RangeError('"matrix" must be finite');
  const a = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) a[i * size + j] = a[j * size + i] = matrix[i * size + j] as number;
  }
  // Rows are the vectors: a rotation then works on two contiguous rows.
  const vectors = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) vectors[i * size + i] = 1;
  const total = a.reduce((sum, entry) => sum + entry * entry, 0);
  const offDiagonal = (): number => {
    let sum = 0;
    for (let i = 0; i < size; i += 1) for (let j = 0; j < i; j += 1) sum += 2 * (a[i * size + j] as number) ** 2;
    return sum;
  };
  for (let sweep = 0; offDiagonal() > total * 2 ** -100; sweep += 1) {
    if (sweep === MAX_SWEEPS) throw new RangeError('"matrix": the rotations do not converge');
    for (let p = 0; p < size; p += 1) for (let q = p + 1; q < size; q += 1) rotate(a, vectors, { p, q, size });
  }
  return sortEigen(a, vectors, size);
}

/** Makes the entry (p, q) zero by a rotation of rows and columns p and q. */
function rotate(
  a: Float64Array,
  vectors: Float64Array,
  { p, q, size }: { readonly p: number; readonly q: number; readonly size: number },
): void {
  const apq = a[p * size + q] as number;
  if (apq === 0) return;
  const tau = ((a[q * size + q] as number) - (a[p * size + p] as number)) / (2 * apq);
  const t = Math.sign(tau || 1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  const mix = (values: Float64Array, i: number, j: number): void => {
    const x = values[i] as number;
    const y = values[j] as number;
    values[i] = c * x - s * y;
    values[j] = s * x + c * y;
  };
  for (let k = 0; k < size; k += 1) mix(a, k * size + p, k * size + q);
  for (let k = 0; k < size; k += 1) mix(a, p * size + k, q * size + k);
  a[p * size + q] = a[q * size + p] = 0;
  for (let k = 0; k < size; k += 1) mix(vectors, p * size + k, q * size + k);
}

function sortEigen(a: Float64Array, vectors: Float64Array, size: number): SymmetricEigen {
  const value = (i: number): number => a[i * size + i] as number;
  const order = Array.from({ length: size }, (_, i) => i).toSorted((i, j) => value(j) - value(i));
  const sorted = new Float64Array(size * size);
  order.forEach((from, to) => {
    const vector = vectors.subarray(from * size, (from + 1) * size);
    const largest = vector.reduce((best, entry) => (Math.abs(entry) > Math.abs(best) ? entry : best), 0);
    for (let k = 0; k < size; k += 1) sorted[to * size + k] = (vector[k] as number) * Math.sign(largest || 1);
  });
  return { values: Float64Array.from(order, value), vectors: sorted };
}
