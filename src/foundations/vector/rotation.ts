/**
 * The randomised Hadamard rotation: random signs, then the Walsh–Hadamard transform. It spreads a vector's length evenly
 * over its coordinates, so that a ring of few bits holds every one of them; signs are public, lengths and sums are kept.
 * [KLS21] §4
 *
 * @module
 */

import { createKeystream } from '../kernels/index.ts';
import { assertInteger } from '../numerics/index.ts';

/**
 * Transforms a vector in place, natural (Sylvester) order, not normalised: y_i = Σ_j (−1)^popcount(i AND j) x_j. Applied
 * twice it multiplies by the length. Integer input gives exact results while they stay below 2^53.
 * @throws {RangeError} when the length is not a power of two.
 */
export function walshHadamardInto(values: Float64Array): void {
  const length = values.length;
  if (length === 0 || (length & (length - 1)) !== 0) {
    throw new RangeError(`the length of "values" must be a power of two, got ${length}`);
  }
  for (let half = 1; half < length; half *= 2) {
    for (let start = 0; start < length; start += 2 * half) {
      for (let i = start; i < start + half; i += 1) {
        const left = values[i] as number;
        const right = values[i + half] as number;
        values[i] = left + right;
        values[i + half] = left - right;
      }
    }
  }
}

/** A rotation of vectors of one dimension. */
export interface Rotation {
  readonly dimension: number;
  /** The next power of two: vectors are padded with zeros to it. */
  readonly paddedDimension: number;
  /** Rotates. @returns a new vector of `paddedDimension` entries and the same length in L2. */
  apply(values: Float64Array | Float32Array): Float64Array;
  /** Rotates back, in place. @returns a view of the first `dimension` entries. */
  invertInto(values: Float64Array): Float64Array;
}

/**
 * Creates the rotation of a public seed: bit i of its ChaCha20 stream is the sign of entry i (1 = negative).
 * The float64 rounding of `apply` moves a vector x by at most (2 + log2 paddedDimension) · 2^−52 · ‖x‖ in L2.
 * @param seed - 32 bytes, the same for all parties of a round.
 */
export function createRotation({
  dimension,
  seed,
}: {
  readonly dimension: number;
  readonly seed: Uint8Array;
}): Rotation {
  assertInteger(dimension, 'dimension', { min: 1, max: 2 ** 30 });
  let paddedDimension = 1;
  while (paddedDimension < dimension) paddedDimension *= 2;
  const signs = new Uint8Array(Math.ceil(dimension / 8));
  createKeystream(seed).fill(signs);
  const factor = 1 / Math.sqrt(paddedDimension);
  const flip = (values: Float64Array, scale: number): void => {
    for (let i = 0; i < dimension; i += 1) {
      const negative = (((signs[i >> 3] as number) >> (i & 7)) & 1) === 1;
      values[i] = (values[i] as number) * (negative ? -scale : scale);
    }
  };
  return {
    dimension,
    paddedDimension,
    apply(values) {
      if (values.length !== dimension) {
        throw new RangeError(`"values" must have ${dimension} entries, got ${values.length}`);
      }
      const out = new Float64Array(paddedDimension);
      out.set(values);
      flip(out, factor);
      walshHadamardInto(out);
      return out;
    },
    invertInto(values) {
      if (values.length !== paddedDimension) {
        throw new RangeError(`"values" must have ${paddedDimension} entries, got ${values.length}`);
      }
      walshHadamardInto(values);
      flip(values, factor);
      return values.subarray(0, dimension);
    },
  };
}
