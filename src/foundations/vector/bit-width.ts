/**
 * How many bits a ring needs, so that a sum of contributions and noise wraps with a probability nobody has to care
 * about: a proven tail bound of the noise with a union bound over every coordinate of every round.
 *
 * @module
 */

import { assertInteger, assertNonNegative } from '../numerics/index.ts';

/** What the sum of one round is made of. */
export interface BitWidthOptions {
  /** Contributions in one sum: the whole cohort, never the neighbours alone. */
  readonly participants: number;
  /** Largest absolute value of one coordinate of one contribution, in grid steps, before noise. */
  readonly maxMagnitude: number;
  /** Variance of the noise of the whole sum, the largest possible (nobody dropped), in grid steps squared. */
  readonly noiseVariance: number;
  readonly dimension: number;
  readonly rounds: number;
  /** log2 of the allowed probability that any coordinate wraps in any round. −40 by default. */
  readonly failureLog2?: number;
  /**
   * Tail of the noise: `sub-gaussian` for sums of discrete Gaussians (moment generating function at most that of the
   * normal of the same variance, [CKS20] Corollary 17), `skellam` for Skellam noise, whose tail is heavier.
   */
  readonly noiseTail?: 'sub-gaussian' | 'skellam';
}

/** ln Pr[Skellam(variance) ≥ t], bounded above by Chernoff's method at the optimal λ = asinh(t / variance). */
function logSkellamTail(t: number, variance: number): number {
  const ratio = t / variance;
  return variance * (Math.hypot(1, ratio) - 1) - t * Math.asinh(ratio);
}

/**
 * Computes a bound that the noise of one coordinate exceeds with probability at most 2^failureLog2 / (dimension ·
 * rounds), in either direction.
 * @returns grid steps, rounded up.
 */
export function computeNoiseBound({
  noiseVariance,
  dimension,
  rounds,
  failureLog2 = -40,
  noiseTail = 'sub-gaussian',
}: Pick<BitWidthOptions, 'noiseVariance' | 'dimension' | 'rounds' | 'failureLog2' | 'noiseTail'>): number {
  if (noiseVariance === 0) return 0;
  // Two tails, `dimension` coordinates, `rounds` rounds share the failure probability.
  const exponent = Math.log(2) + Math.log(dimension) + Math.log(rounds) - failureLog2 * Math.LN2;
  const gaussian = Math.sqrt(2 * noiseVariance * exponent);
  if (noiseTail === 'sub-gaussian') return Math.ceil(gaussian * (1 + 1e-9)) + 1;
  let low = gaussian;
  let high = 2 * gaussian + 4 * exponent;
  while (logSkellamTail(high, noiseVariance) > -exponent) high *= 2;
  for (let i = 0; i < 200 && high - low > 0.5; i += 1) {
    const middle = (low + high) / 2;
    if (logSkellamTail(middle, noiseVariance) > -exponent) low = middle;
    else high = middle;
  }
  return Math.ceil(high * (1 + 1e-9)) + 1;
}

/**
 * Computes the bit width of a ring in which the sum of a round does not wrap.
 * Guarantee: over all `rounds` rounds and `dimension` coordinates the centred lift of the sum equals the true sum except
 * with probability 2^failureLog2 (contributions within ±maxMagnitude, noise as declared).
 * @throws {RangeError} when more than 64 bits would be needed, or an argument is out of range.
 */
export function chooseBitWidth(options: BitWidthOptions): number {
  const { participants, maxMagnitude, noiseVariance, dimension, rounds, failureLog2 = -40 } = options;
  assertInteger(participants, 'participants', { min: 1 });
  assertNonNegative(maxMagnitude, 'maxMagnitude');
  assertNonNegative(noiseVariance, 'noiseVariance');
  assertInteger(dimension, 'dimension', { min: 1 });
  assertInteger(rounds, 'rounds', { min: 1 });
  if (!(failureLog2 < 0)) throw new RangeError(`"failureLog2" must be < 0, got ${failureLog2}`);
  const bound = participants * Math.ceil(maxMagnitude) + computeNoiseBound(options);
  for (let bitWidth = 2; bitWidth <= 64; bitWidth += 1) {
    // The centred range is −2^(b−1) … 2^(b−1) − 1; the slack covers the float64 arithmetic of the bound itself.
    if (bound * (1 + 2 ** -50) < 2 ** (bitWidth - 1)) return bitWidth;
  }
  throw new RangeError(`no ring of 64 bits holds a sum of magnitude ${bound}: lower the grid or the clamp range`);
}
