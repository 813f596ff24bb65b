/**
 * An exact choice among items with weights count·exp(−γ), rational γ: the heart of the exponential mechanism.
 *
 * @module
 */

import { encloseExpNeg, type Rational } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';

/** An item of weight count · exp(−gamma). */
export interface ExponentialWeight {
  readonly count: bigint;
  readonly gamma: Rational;
}

/**
 * Draws the index i with probability count_i·exp(−γ_i) / Σ count·exp(−γ), exactly: a uniform number is located among
 * enclosed partial sums, and both are extended by 64 bits until it lies in one item for certain. The running time does
 * not depend on the weights beyond that (an undecided first step has probability below items·2^−56).
 * @param weights - γ ≥ 0 with the least γ equal to zero, so that the total is not small; counts ≥ 0.
 */
export function sampleExponentialWeights(weights: readonly ExponentialWeight[], rng: Rng): number {
  if (!weights.some(({ count, gamma }) => count > 0n && gamma.numerator === 0n)) {
    throw new RangeError('one item with a positive count must have gamma 0');
  }
  let uniform = rng.uint64();
  for (let bits = 64; ; bits += 64) {
    const index = locate(weights, { uniform, bits });
    if (index !== undefined) return index;
    uniform = (uniform << 64n) | rng.uint64();
  }
}

function locate(
  weights: readonly ExponentialWeight[],
  { uniform, bits }: { uniform: bigint; bits: number },
): number | undefined {
  const precision = bits + 16;
  const enclosed = weights.map(({ count, gamma }) => {
    if (count === 0n) return { low: 0n, high: 0n };
    const { low, high } = encloseExpNeg(gamma, precision);
    return { low: low * count, high: high * count };
  });
  const lowTotal = enclosed.reduce((sum, { low }) => sum + low, 0n);
  const highTotal = enclosed.reduce((sum, { high }) => sum + high, 0n);
  // The uniform number lies in [u, u + 1)·2^−bits; item i owns [before_i, after_i)/total.
  let low = 0n;
  let high = 0n;
  for (const [index, item] of enclosed.entries()) {
    const before = high;
    low += item.low;
    high += item.high;
    const startsBelow = uniform * lowTotal >= before << BigInt(bits);
    const endsAbove = (uniform + 1n) * highTotal <= low << BigInt(bits);
    if (endsAbove) return startsBelow ? index : undefined;
  }
  return undefined;
}
