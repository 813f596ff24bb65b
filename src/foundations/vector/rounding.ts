/**
 * Stochastic rounding to the integers: up with the probability of the fraction, so that the mean is kept; plain, or
 * repeated until the rounded vector is short enough to be charged as such. [KLS21] §4.1
 *
 * @module
 */

import { assertInteger, assertPositive } from '../numerics/index.ts';
import type { Rng } from '../random/index.ts';

const BATCH = 16_384;

/**
 * Rounds each value up with probability equal to its fractional part (to 2^−32), else down.
 * @param values - below 2^31 in magnitude, in grid steps.
 * @param out - the integers, as many as `values`; overwritten.
 * @throws {RangeError} when a value is not a number in range.
 */
export function ditherInto(values: Float64Array, out: Int32Array, rng: Rng): void {
  if (out.length !== values.length) throw new RangeError(`"out" must have ${values.length} entries, got ${out.length}`);
  const coins = new Uint32Array(Math.min(BATCH, values.length));
  for (let start = 0; start < values.length; start += BATCH) {
    const count = Math.min(BATCH, values.length - start);
    rng.fill(new Uint8Array(coins.buffer, 0, 4 * count));
    for (let i = 0; i < count; i += 1) {
      const value = values[start + i] as number;
      if (!(Math.abs(value) < 2 ** 31 - 1)) throw new RangeError(`entry ${start + i} of "values" leaves int32`);
      const floor = Math.floor(value);
      out[start + i] = floor + ((coins[i] as number) < (value - floor) * 4_294_967_296 ? 1 : 0);
    }
  }
}

/** Squared L2 norm, exact below 2^53 and rounded up beyond. */
function squaredNormAbove(values: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += (values[i] as number) * (values[i] as number);
  return sum < 2 ** 53 ? sum : sum * (1 + (values.length + 2) * 2 ** -52);
}

/**
 * Rounds stochastically until the rounded vector's L2 norm is at most `normBound`. Whatever happens the result meets the
 * bound: after `maxTries` it rounds towards zero, which never makes a vector longer.
 * @returns how often it was rounded; more than `maxTries` says that it was rounded towards zero.
 * @throws {RangeError} when `values` is itself longer than `normBound`, so that no rounding could be promised.
 */
export function roundConditionallyInto(
  values: Float64Array,
  { normBound, maxTries = 1000 }: { readonly normBound: number; readonly maxTries?: number },
  out: Int32Array,
  rng: Rng,
): number {
  assertPositive(normBound, 'normBound');
  assertInteger(maxTries, 'maxTries', { min: 1 });
  const limit = normBound * normBound * (1 - 2 ** -50);
  for (let tries = 1; tries <= maxTries; tries += 1) {
    ditherInto(values, out, rng);
    if (squaredNormAbove(out) <= limit) return tries;
  }
  for (let i = 0; i < values.length; i += 1) out[i] = Math.trunc(values[i] as number);
  if (squaredNormAbove(out) > limit) {
    out.fill(0);
    throw new RangeError(`"values" is longer than "normBound" ${normBound}: clip it first`);
  }
  return maxTries + 1;
}
