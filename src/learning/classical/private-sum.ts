/**
 * The one way in which data reaches a classical model: a sum of one bounded vector for each row, taken in integers, plus
 * discrete Gaussian noise. The bound is enforced, not trusted, and no rounding or order of summation can exceed it.
 * [CKS20], [CSVW22]
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { createGaussian, type Mechanism } from '../../privacy/mechanisms/index.ts';

/** A sum under way. */
export interface SumRun {
  /** Adds the vector of one row; entries that are not finite count as zero. The vector is not kept. */
  add(vector: Float64Array): void;
  /** The noisy sum; once. */
  release(rng: Rng): Float64Array;
}

/** A private sum of vectors. */
export interface PrivateSum extends Mechanism<'private-sum'> {
  readonly dimension: number;
  /** Standard deviation of the noise on every entry, in units of the vectors. */
  readonly noiseStddev: number;
  start(): SumRun;
}

/** Integer steps of a vector of the greatest norm: squares of so many add up exactly in a double. */
export const STEPS = 2 ** 24;
/** Rows whose sum a double certainly holds exactly: 2^28 · 2^24 < 2^53. */
const MAX_ROWS = 2 ** 28;

/**
 * Rounds a vector to integers of L2 norm at most {@link STEPS}, into `steps`. A vector within the norm is rounded to
 * nearest; one beyond it is shrunk.
 */
export function quantizeInto(vector: Float64Array, { norm, steps }: { norm: number; steps: Int32Array }): void {
  // Rounding adds at most ½ to each entry: the margin keeps vectors of the greatest norm from being shrunk.
  const scale = (STEPS - Math.sqrt(vector.length)) / norm;
  let square = 0;
  for (let i = 0; i < vector.length; i += 1) {
    const value = vector[i] as number;
    const step = Number.isFinite(value) ? Math.round(Math.max(-STEPS, Math.min(STEPS, value * scale))) : 0;
    steps[i] = step;
    square += step * step;
  }
  // Sums of squares up to 2^53 are exact; a larger one is in any case above 2^48.
  if (square <= STEPS * STEPS) return;
  const factor = (STEPS / Math.sqrt(square)) * (1 - 2 ** -20);
  for (let i = 0; i < vector.length; i += 1) steps[i] = Math.trunc((steps[i] as number) * factor);
}

/**
 * Creates a private sum.
 * Guarantee: ρ-zCDP with ρ = 1/(2·noiseMultiplier²) under add-or-remove-one of the at most `maxRows` rows of one person
 * (one row, by default), four times that under replace-one; exact. The L2 norm of every vector is held to `norm`.
 * Precondition: what is added for a row depends on that row alone, and of one person at most `maxRows` rows are added.
 * @param options - `dimension` of the vectors, `norm` they are held to.
 * @throws {RangeError} when a parameter is out of range.
 * @see [CKS20] arXiv 2004.00010v4, theorem 14
 */
export function createPrivateSum({
  dimension,
  norm,
  noiseMultiplier,
  maxRows = 1,
}: {
  readonly dimension: number;
  readonly norm: number;
  readonly noiseMultiplier: number;
  readonly maxRows?: number;
}): PrivateSum {
  assertPositive(norm, 'norm');
  assertInteger(maxRows, 'maxRows', { min: 1, max: 2 ** 16 });
  const gaussian = createGaussian({
    l2Sensitivity: maxRows * STEPS,
    dimension,
    noiseMultiplier,
    // Whole steps, so that nothing is rounded again, unless the noise is so wide that its draws would not fit 32 bits.
    granularity: 2 ** Math.max(0, Math.ceil(Math.log2(noiseMultiplier * maxRows))),
  });
  const unit = norm / (STEPS - Math.sqrt(dimension));
  return {
    kind: 'private-sum',
    dimension,
    noiseStddev: gaussian.noiseStddev * unit,
    guarantee: {
      ...gaussian.guarantee,
      precondition: `vectors that depend on one row each, at most ${maxRows} of one person`,
      source: '[CKS20] theorem 14, [CSVW22]',
    },
    event: () => gaussian.event(),
    start() {
      const sum = new Float64Array(dimension);
      const steps = new Int32Array(dimension);
      let rows = 0;
      let released = false;
      return {
        add(vector) {
          if (vector.length !== dimension) {
            throw new RangeError(`"vector" must have ${dimension} entries, got ${vector.length}`);
          }
          rows += 1;
          if (rows > MAX_ROWS) throw new RangeError(`at most ${MAX_ROWS} rows are added exactly`);
          quantizeInto(vector, { norm, steps });
          for (let i = 0; i < dimension; i += 1) sum[i] = (sum[i] as number) + (steps[i] as number);
        },
        release(rng) {
          if (released) throw new RangeError('the sum was released: every release is charged by itself');
          released = true;
          gaussian.releaseInto(sum, rng);
          for (let i = 0; i < dimension; i += 1) sum[i] = (sum[i] as number) * unit;
          return sum;
        },
      };
    },
  };
}
