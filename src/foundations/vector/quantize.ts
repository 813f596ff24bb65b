/**
 * From real vectors to integers on a public grid: norms, clipping that provably meets its bound, and clamped rounding.
 *
 * @module
 */

import { assertPositive } from '../numerics/index.ts';

/** How reals become integers. */
export interface QuantizeOptions {
  /** Grid steps per unit; a value v becomes round(v · quantizationScale). */
  readonly quantizationScale: number;
  /** Every coordinate is clamped to ±clampRange (same unit as the values) before scaling. */
  readonly clampRange: number;
}

/** 1.5 · 2^52: adding and subtracting it rounds a float64 below 2^51 to the nearest integer, ties to even. */
const ROUNDING_SHIFT = 6_755_399_441_055_744;

function assertFiniteSum(sum: number, title: string): void {
  // A sum of absolute values is finite only when every term is (or the terms are near the end of the float range).
  if (!Number.isFinite(sum)) throw new RangeError(`"${title}" holds a number that is not finite`);
}

/**
 * Clamps each coordinate to ±clampRange, scales it and rounds to the nearest integer, ties to even.
 * Rounding moves each coordinate by at most half a grid step, a vector by at most √d / 2 steps in L2; with the sum of
 * two neighbouring vectors in mind, a sensitivity grows by at most √d steps.
 * @param out - the integers, as many as `values`; overwritten.
 * @throws {RangeError} when a value is NaN or infinite, or when clampRange · quantizationScale leaves int32.
 */
export function quantizeInto(
  values: Float64Array | Float32Array,
  { quantizationScale, clampRange }: QuantizeOptions,
  out: Int32Array,
): void {
  assertPositive(quantizationScale, 'quantizationScale');
  assertPositive(clampRange, 'clampRange');
  if (!(clampRange * quantizationScale <= 2 ** 31 - 1)) {
    throw new RangeError(
      `"clampRange" · "quantizationScale" must fit int32, got ${clampRange * quantizationScale}: lower one of them`,
    );
  }
  if (out.length !== values.length) {
    throw new RangeError(`"out" must have ${values.length} entries, got ${out.length}`);
  }
  let magnitude = 0;
  for (let i = 0; i < values.length; i += 1) magnitude += Math.abs(values[i] as number);
  assertFiniteSum(magnitude, 'values');
  for (let i = 0; i < values.length; i += 1) {
    let value = values[i] as number;
    if (value > clampRange) value = clampRange;
    else if (value < -clampRange) value = -clampRange;
    out[i] = value * quantizationScale + ROUNDING_SHIFT - ROUNDING_SHIFT;
  }
}

/**
 * Computes the Euclidean norm in float64.
 * @returns the norm with a relative error of at most (d + 2) · 2^−53; NaN or ∞ when an entry is.
 */
export function l2Norm(values: Float64Array | Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += (values[i] as number) * (values[i] as number);
  return Math.sqrt(sum);
}

/**
 * Scales a vector down to `clipNorm` when it is longer, in place.
 * The result's exact norm is ≤ clipNorm whatever the rounding did: the factor gives way by (d + 8) · 2^−52, more than
 * the error of the computed norm and of the products together. A Float32Array gives way by 2^−22 for its own rounding.
 * @returns the computed norm before clipping.
 * @throws {RangeError} when an entry is not finite: a NaN must never pass as a clipped contribution.
 */
export function clipInto(values: Float64Array | Float32Array, clipNorm: number): number {
  assertPositive(clipNorm, 'clipNorm');
  const norm = l2Norm(values);
  assertFiniteSum(norm, 'values');
  const margin = (values.length + 8) * 2 ** -52 + (values instanceof Float32Array ? 2 ** -22 : 0);
  const bound = clipNorm * (1 - margin);
  if (norm > bound) {
    const factor = bound / norm;
    for (let i = 0; i < values.length; i += 1) values[i] = (values[i] as number) * factor;
  }
  return norm;
}
