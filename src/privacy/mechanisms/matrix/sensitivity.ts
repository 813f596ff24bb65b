/**
 * Sensitivity of matrix mechanisms when one record takes part several times, at least `minSeparation` steps apart.
 *
 * @module
 */

import { assertInteger } from '../../../foundations/numerics/index.ts';

/** How often and how closely one record may take part. */
export interface Participation {
  /** Least distance of two participations in steps, b; 1: every step. */
  readonly minSeparation: number;
  /** Most participations, k; as many as fit by default. */
  readonly maxParticipations?: number;
}

/** The participations that fit into `steps`. */
export function countParticipations(steps: number, { minSeparation, maxParticipations }: Participation): number {
  assertInteger(steps, 'steps', { min: 1 });
  assertInteger(minSeparation, 'minSeparation', { min: 1 });
  const fit = Math.ceil(steps / minSeparation);
  if (maxParticipations === undefined) return fit;
  assertInteger(maxParticipations, 'maxParticipations', { min: 1 });
  return Math.min(fit, maxParticipations);
}

/** Whether the theorem below holds for a first column. */
function isNonIncreasing(column: ArrayLike<number>): boolean {
  for (let i = 0; i < column.length; i += 1) {
    const x = column[i] as number;
    if (!(x >= 0) || (i > 0 && x > (column[i - 1] as number))) return false;
  }
  return true;
}

/**
 * Computes the sensitivity of a lower-triangular Toeplitz strategy with non-negative, non-increasing first column: the
 * norm of the sum of the columns 0, b, 2b, … — the worst pattern there is.
 * @throws {RangeError} when the column is negative or increases somewhere.
 * @see [KL24] arXiv 2405.13763, theorem 2
 */
export function computeToeplitzSensitivity(
  column: ArrayLike<number>,
  { steps, ...participation }: Participation & { readonly steps: number },
): number {
  if (!isNonIncreasing(column)) throw new RangeError('"column" must be non-negative and non-increasing');
  const count = countParticipations(steps, participation);
  let square = 0;
  for (let t = 0; t < steps; t += 1) {
    let sum = 0;
    for (let j = 0; j < count && j * participation.minSeparation <= t; j += 1) {
      sum += column[t - j * participation.minSeparation] ?? 0;
    }
    square += sum * sum;
  }
  return Math.sqrt(square);
}

/**
 * Computes the sensitivity of a strategy whose participations touch disjoint rows: bands ≤ minSeparation. It is
 * √k times the greatest column norm, whatever the entries.
 * @throws {RangeError} when the bands overlap.
 * @see [CGMRT23] arXiv 2306.08153 v2 (banded strategies)
 */
export function computeBandedSensitivity(
  columnNorms: ArrayLike<number>,
  { bands, ...participation }: Participation & { readonly bands: number },
): number {
  if (bands > participation.minSeparation) {
    throw new RangeError(`"bands" must be at most "minSeparation", got ${bands} and ${participation.minSeparation}`);
  }
  const count = countParticipations(columnNorms.length, participation);
  return Math.sqrt(count) * Math.max(...Array.from(columnNorms));
}

/**
 * Computes the sensitivity of any matrix (rows of equal length) by trying every participation pattern: the greatest
 * √Σ_{i,j ∈ pattern} |(CᵀC)_ij|, which vectors of norm one reach when CᵀC ≥ 0 and never exceed. For small matrices: the oracle of the fast forms.
 */
export function computeSensitivityByEnumeration(
  matrix: readonly ArrayLike<number>[],
  participation: Participation,
): number {
  const steps = (matrix[0] as ArrayLike<number>).length;
  assertInteger(steps, 'columns', { min: 1, max: 24 });
  const count = countParticipations(steps, participation);
  const gram = Array.from({ length: steps }, (_, i) =>
    Array.from({ length: steps }, (__, j) =>
      Math.abs(matrix.reduce((sum, row) => sum + (row[i] as number) * (row[j] as number), 0)),
    ),
  );
  let greatest = 0;
  const visit = (next: number, pattern: readonly number[], square: number): void => {
    greatest = Math.max(greatest, square);
    if (pattern.length === count) return;
    for (let i = next; i < steps; i += 1) {
      const row = gram[i] as readonly number[];
      const more = (row[i] as number) + 2 * pattern.reduce((sum, j) => sum + (row[j] as number), 0);
      visit(i + participation.minSeparation, [...pattern, i], square + more);
    }
  };
  visit(0, [], 0);
  return Math.sqrt(greatest);
}
