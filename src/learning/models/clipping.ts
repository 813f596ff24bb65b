/**
 * How gradients are clipped, and what the clipped sum's sensitivity is once float32 rounding is counted.
 *
 * @module
 */

import { assertInteger } from '../../foundations/numerics/index.ts';
import { BLOCK_EXAMPLES } from './blocks.ts';

/**
 * A way of clipping.
 * - `flat`: the whole gradient to `clipNorm`; `Infinity` leaves gradients as they are (no guarantee).
 * - `perLayer`, `perTensor`: each trained layer or tensor to a norm of its own, in the order of the plan.
 * - `automatic`: g · clipNorm / (‖g‖ + stability), which needs no tuning of the norm (AUTO-S [BWZK22]).
 */
export type Clipping =
  | { readonly kind: 'flat'; readonly clipNorm: number }
  | { readonly kind: 'perLayer' | 'perTensor'; readonly clipNorms: readonly number[] }
  | { readonly kind: 'automatic'; readonly clipNorm: number; readonly stability: number };

/** Clip norms outside of [2^-40, 2^60] would meet float32 underflow or overflow, which the proof leaves out. */
const MIN_CLIP = 2 ** -40;
const MAX_CLIP = 2 ** 60;
/**
 * Squared norm of an example's activations above which its gradient counts as not finite (the kernel `norms.ts` holds the
 * same number). A gradient times its factor may underflow by 2^-150, which an activation of at most 2^40 makes 2^-110: over
 * 64 examples and 2^30 parameters less than 2^-89, far below 2^-40 of the smallest clip norm, which is charged.
 */
export const ACTIVATION_LIMIT = 2 ** 80;
/** More examples in one sum than this, and the grid sums might not be exact. */
export const MAX_SAMPLE = 2 ** 20;
/** Grid steps in the largest power of two that is no larger than the clip norm. */
const GRID_BITS = 29;
/** The grid of an unclipped sum: exact while coordinates stay below 2^21. */
const PLAIN_GRID = 2 ** -30;

/** The clip norm of each group, Σ of squares = the squared bound of one example's contribution. */
export function clipNormsOf(clipping: Clipping): readonly number[] {
  return clipping.kind === 'flat' || clipping.kind === 'automatic' ? [clipping.clipNorm] : clipping.clipNorms;
}

/** Bound of one example's clipped gradient in exact arithmetic, rounded up. */
function totalClipNorm(clipping: Clipping): number {
  const norms = clipNormsOf(clipping);
  if (norms.length === 1) return norms[0] as number;
  return Math.sqrt(norms.reduce((sum, norm) => sum + norm * norm, 0)) * (1 + 2 ** -40);
}

/** @throws {RangeError} when a clip norm is out of range. */
export function assertClipping(clipping: Clipping): void {
  const norms = clipNormsOf(clipping);
  if (norms.length === 0) throw new RangeError('"clipNorms" must not be empty');
  for (const norm of norms) {
    const plain = clipping.kind === 'flat' && norm === Infinity;
    if (!plain && !(norm >= MIN_CLIP && norm <= MAX_CLIP)) {
      throw new RangeError(`"clipNorm" must be a number in [2^-40, 2^60], or Infinity for no clipping, got ${norm}`);
    }
  }
  // A smaller one would make the factor of a gradient of zero infinite, and their product no number.
  if (clipping.kind === 'automatic' && !(clipping.stability >= MIN_CLIP && clipping.stability <= MAX_CLIP)) {
    throw new RangeError(`"stability" must be a number in [2^-40, 2^60], got ${clipping.stability}`);
  }
}

/** Step of the grid on which blocks are added: a power of two, 2^-29 of the clip norm or less. */
export function gridStep(clipping: Clipping): number {
  const total = totalClipNorm(clipping);
  if (total === Infinity) return PLAIN_GRID;
  let step = 2 ** (Math.floor(Math.log2(total)) - GRID_BITS);
  while (step * 2 ** GRID_BITS > total) step /= 2;
  return step;
}

/** 1.5 · 2^52 grid steps: adding and subtracting it rounds a float64 number to the grid. */
export function gridMagic(clipping: Clipping): number {
  return 1.5 * 2 ** 52 * gridStep(clipping);
}

/**
 * Covers the error of squared norms: products and sums of four in float32 (γ_3, twice where the norms of δ and of the
 * activations are multiplied), sums of up to 2^26 of those in float64. Sums so small that underflow would show in them are
 * taken again in float64 (the kernel `norms.ts`), for δ of underflowed squares may stand beside activations up to 2^40.
 */
const NORM_SLACK = 1 + 2 ** -21;
/** Covers the rounding of the factor to float32 and of a float32 vector times the factor. */
const FACTOR_SLACK = 1 - 2 ** -22;

/** Factors below this would lose digits to underflow; an example that needs one contributes nothing. */
const MIN_FACTOR = 2 ** -100;

/**
 * The clip factor of a gradient, rounded down: factor · gradient, multiplied out in float32, has at most the clip norm.
 * @param squaredNorm - as the kernels compute it from the float32 gradient.
 */
export function computeClipFactor(squaredNorm: number, clipNorm: number, stability?: number): number {
  if (clipNorm === Infinity) return 1;
  const bound = squaredNorm * NORM_SLACK;
  if (stability === undefined && bound <= clipNorm * clipNorm) return 1;
  const factor = Math.fround((clipNorm / (Math.sqrt(bound) + (stability ?? 0))) * FACTOR_SLACK);
  return factor >= MIN_FACTOR ? factor : 0;
}

/** γ_n = n u / (1 - n u) with u = 2^-24: the relative error of a chain of n float32 operations [HIG02] §3.1. */
function gamma(n: number): number {
  return (n * 2 ** -24) / (1 - n * 2 ** -24);
}

/**
 * Bounds how far the computed clipped sum moves, in L2, when one example is added, removed or (see below) replaced.
 *
 * Guarantee: the L2 sensitivity of `engine.clippedSum` under add-or-remove-one, for numbers of examples as fixed places
 * (an example that is not there leaves its place empty), as a function of the float32 gradients the engine computes; the
 * clip norm plus the proven error of adding them:
 *
 * 1. An example's gradient is a function of the example and the parameters alone: every kernel computes a row by the
 *    same chain of operations wherever the row stands. Its clip factor is rounded down, so that the exact product of
 *    factor and gradient, v, has ‖v‖ ≤ C (norms with their error added, {@link computeClipFactor}).
 * 2. Blocks hold n ≤ 64 examples, and each coordinate of a block is one float32 chain of n products and additions: its
 *    error is at most γ_n Σ|v| [HIG02], hence at most γ_n · n · C in L2. Per-tensor groups add up the same way.
 * 3. One example more changes one block of at most 64 into one or more of together at most 65 (`splitIntoBlocks`); all
 *    other blocks keep their bits. So the float32 error moves by at most (64 γ_64 + 65 γ_65) C.
 * 4. Blocks are rounded to a grid of C · 2^-29 or finer and added exactly (float64 integers of grid steps), in any order
 *    and on any number of workers. The one block there was and the at most 33 that replace it (one for each level of
 *    the tree) are each rounded by at most half a step a coordinate.
 *
 * Not covered: side channels such as time, and the count of non-finite gradients, which is for the data holder alone.
 * Replacing an example is one removal and one addition: twice this number.
 * @returns a number slightly above the clip norm (about 1.0005 times).
 * @param request - `clipNorm`, or `clipping`; `plan`, or its `parameterCount`.
 * @throws {RangeError} when the clip norm is infinite or out of range.
 */
export function computeClippedSumSensitivity({
  clipNorm,
  clipping = { kind: 'flat', clipNorm: clipNorm ?? Number.NaN },
  plan,
  parameterCount = plan?.parameterCount ?? Number.NaN,
}: {
  clipNorm?: number;
  clipping?: Clipping;
  plan?: { readonly parameterCount: number };
  parameterCount?: number;
}): number {
  assertClipping(clipping);
  assertInteger(parameterCount, 'parameterCount', { min: 1 });
  const total = totalClipNorm(clipping);
  if (total === Infinity) throw new RangeError('"clipNorm" is infinite: an unclipped sum has no bounded sensitivity');
  const n = BLOCK_EXAMPLES;
  const chains = n * gamma(n) + (n + 1) * gamma(n + 1);
  const roundings = ((1 + MAX_SPLIT) / 2) * gridStep(clipping) * Math.sqrt(parameterCount);
  return (total * (1 + chains) + roundings) * (1 + 2 ** -40);
}

/** Blocks that one block of 64 and one example more can split into: one for each level of the tree below it, plus one. */
const MAX_SPLIT = 33;
