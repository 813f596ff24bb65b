/**
 * The grid that real values are snapped to before noise: a power of two, so that scaling is exact, and roundings that
 * never let two neighbours drift apart by more than is charged. [BV19]
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';

const scratch = new DataView(new ArrayBuffer(8));

/** The least double above a finite positive value. */
export function nextUp(value: number): number {
  scratch.setFloat64(0, value);
  scratch.setBigInt64(0, scratch.getBigInt64(0) + 1n);
  return scratch.getFloat64(0);
}

/** The greatest double below a finite positive value. */
export function nextDown(value: number): number {
  scratch.setFloat64(0, value);
  scratch.setBigInt64(0, scratch.getBigInt64(0) - 1n);
  return scratch.getFloat64(0);
}

/** Snapped values are clamped to ±2^52 grid steps, which a double holds together with any noise of 32 bits. */
const MAX_STEPS = 2 ** 52;

/** The least power of two that is not below `value`. */
export function ceilPowerOfTwo(value: number): number {
  assertPositive(value, 'value');
  let power = 2 ** Math.max(-1022, Math.min(1023, Math.floor(Math.log2(value))));
  while (power < value) power *= 2;
  while (power / 2 >= value) power /= 2;
  return power;
}

/** @throws {RangeError} when `granularity` is not a normal power of two. */
export function assertGranularity(granularity: number): void {
  assertPositive(granularity, 'granularity');
  if (ceilPowerOfTwo(granularity) !== granularity || granularity < 2 ** -1000 || granularity > 2 ** 900) {
    throw new RangeError(`"granularity" must be a power of two in [2^-1000, 2^900], got ${granularity}`);
  }
}

/**
 * Rounds a value to whole grid steps: floor(value/granularity + ½) with exact arithmetic, clamped to ±2^52.
 * Both are 1-Lipschitz up to the rounding: two values a distance Δ apart end at most ⌈Δ/granularity⌉ steps apart.
 * @throws {RangeError} when the value is not a number.
 */
export function snapToGrid(value: number, granularity: number): number {
  if (Number.isNaN(value)) throw new RangeError('"value" must be a number, got NaN');
  const steps = value / granularity;
  if (steps >= MAX_STEPS) return MAX_STEPS;
  if (steps <= -MAX_STEPS) return -MAX_STEPS;
  const below = Math.floor(steps);
  // steps − below is exact: both are multiples of the last place of steps.
  return steps - below >= 0.5 ? below + 1 : below;
}

/**
 * The sensitivity in grid steps of a snapped vector: a coordinate that moves by δ moves by at most ⌈δ/g⌉ < δ/g + 1
 * steps. In one dimension that is the bound itself; in d dimensions Σ⌈δ_i/g⌉ ≤ ⌊Δ₁/g⌋ + d, and √Σ⌈δ_i/g⌉² ≤ Δ₂/g + √d.
 */
export function widenSensitivity(
  sensitivity: number,
  { granularity, dimension, norm }: { granularity: number; dimension: number; norm: 'l1' | 'l2' },
): number {
  assertPositive(sensitivity, 'sensitivity');
  assertInteger(dimension, 'dimension', { min: 1 });
  const steps = sensitivity / granularity;
  if (!(steps <= MAX_STEPS)) throw new RangeError('"granularity" is too fine for this sensitivity');
  if (dimension === 1) return Math.ceil(steps);
  return norm === 'l1' ? Math.floor(steps) + dimension : (steps + Math.sqrt(dimension)) * (1 + 2 ** -50);
}
