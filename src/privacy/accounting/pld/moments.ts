/**
 * Exponential moments of composed grid losses: what choosing a tilt and bounding tails need.
 *
 * @module
 */

import type { LossPmf } from './pmf.ts';

/** A loss and how often it is drawn. */
export interface Part {
  readonly pmf: LossPmf;
  readonly count: number;
}

/** Points with masses; `exact` pmfs and coarse stand-ins alike. */
export interface Points {
  readonly losses: Float64Array;
  readonly masses: Float64Array;
  readonly count: number;
}

/** The points of a pmf; with `limit` at most that many, neighbours taken together at their mean. */
export function toPoints({ pmf, count }: Part, limit = Infinity): Points {
  const { masses, origin, first, step } = pmf;
  const group = Math.max(1, Math.ceil(masses.length / limit));
  const size = Math.ceil(masses.length / group);
  const losses = new Float64Array(size);
  const sums = new Float64Array(size);
  for (let k = 0; k < size; k += 1) {
    let mass = 0;
    let moment = 0;
    for (let i = k * group; i < Math.min(masses.length, (k + 1) * group); i += 1) {
      const m = masses[i] as number;
      mass += m;
      moment += m * i;
    }
    const mean = mass > 0 ? moment / mass : k * group;
    losses[k] = origin + (first + mean) * step;
    sums[k] = mass;
  }
  return { losses, masses: sums, count };
}

/** log Σ mass·e^{θ·loss} of the composition, and its derivative. */
export interface Cumulant {
  readonly value: number;
  readonly slope: number;
}

/** Computes the logarithm of the composition's exponential moment and its derivative in theta. */
export function computeCumulant(parts: readonly Points[], theta: number): Cumulant {
  let value = 0;
  let slope = 0;
  for (const { losses, masses, count } of parts) {
    const shift = theta >= 0 ? (losses.at(-1) as number) : (losses[0] as number);
    let sum = 0;
    let moment = 0;
    for (let i = 0; i < losses.length; i += 1) {
      const loss = losses[i] as number;
      const term = (masses[i] as number) * Math.exp(theta * (loss - shift));
      sum += term;
      moment += term * loss;
    }
    value += count * (Math.log(sum) + theta * shift);
    slope += count * (moment / sum);
  }
  return { value, slope };
}

/** No tilt beyond this is tried: the tilted loss then sits on its largest value. */
const STEEPEST = 1e7;
const FLATTEST = 1e-9;

/**
 * Finds the theta > 0 that minimises (K(θ₀ + θ) − K(θ₀) + level)/θ, the Chernoff bound on the quantile with tail
 * e^{−level} (side −1: of the lower tail).
 */
export function findChernoffTilt(
  parts: readonly Points[],
  { base, level, side }: { readonly base: number; readonly level: number; readonly side: 1 | -1 },
): number {
  const { value: start } = computeCumulant(parts, base);
  // θ·K'(θ₀ ± θ)·(±1) − (K(θ₀ ± θ) − K(θ₀)) rises with θ from 0 and passes `level` at the minimum.
  return findSignChange((theta) => {
    const { value, slope } = computeCumulant(parts, base + side * theta);
    return side * theta * slope - (value - start) >= level;
  });
}

/** Finds, to a few per cent, where a predicate on theta > 0 turns true. */
function findSignChange(passed: (theta: number) => boolean): number {
  let high = 1;
  while (!passed(high)) {
    high *= 4;
    if (high > STEEPEST) return STEEPEST;
  }
  let low = high / 4;
  while (low > FLATTEST && passed(low)) {
    high = low;
    low /= 4;
  }
  for (let i = 0; i < 6; i += 1) {
    const middle = Math.sqrt(low * high);
    if (passed(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * The best constant with (1 − e^−x)₊ ≤ c(θ)·e^{θx}, as a logarithm and its derivative ([CKS20] proposition 12): what makes
 * a tilt good for delta, which is the mean of (1 − e^{ε−S})₊, and keeps it finite when the largest loss has mass.
 */
function hockeyStickConstant(theta: number): Cumulant {
  return { value: theta * Math.log(theta) - (1 + theta) * Math.log1p(theta), slope: -Math.log1p(1 / theta) };
}

/** Finds the theta > 0 whose bound on epsilon at a delta, (K(θ) + log c(θ) − log δ)/θ, is least. */
export function findTiltForDelta(parts: readonly Points[], delta: number): number {
  const level = -Math.log(delta);
  return findSignChange((theta) => {
    const { value, slope } = computeCumulant(parts, theta);
    const constant = hockeyStickConstant(theta);
    return theta * (slope + constant.slope) - (value + constant.value) >= level;
  });
}

/** Finds the theta > 0 whose bound on delta at an epsilon, K(θ) + log c(θ) − θε, is least. */
export function findTiltForEpsilon(parts: readonly Points[], epsilon: number): number {
  return findSignChange((theta) => computeCumulant(parts, theta).slope + hockeyStickConstant(theta).slope >= epsilon);
}
