/**
 * Publishes once what the answers of a vote cost this data: the data-dependent divergence, with noise scaled to its smooth
 * sensitivity, and that scale with noise of its own, so that readers can bound the error.
 *
 * Deviation from [PSMRTE18] appendix B: noise is Laplace times log-normal [BS19] in place of Gaussian. Gaussian noise at a
 * data-dependent scale has a finite divergence at low orders alone, this has one at all of them, which a ledger can add up.
 *
 * @module
 */

import { assertPositive } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { composed, convertToEpsilon, type DpEvent, zeroConcentrated } from '../../../privacy/accounting/index.ts';
import { createGaussian, sampleDiscreteGaussian, sampleDiscreteLaplace } from '../../../privacy/mechanisms/index.ts';
import { computeAnswerDivergences, computeSmoothSensitivity, type VoteShape } from './vote-divergence.ts';

/** How a cost is published. All of it is public, and chosen before anything is known. */
export interface PublicationOptions {
  readonly delta: number;
  /** Rényi order of the statement; 20 by default. */
  readonly order?: number;
  /** √(2ρ) of the noise on the divergence; 0.14 by default. */
  readonly epsilonOfNoise?: number;
  /** Chance that the published bound holds, over the noise; 0.99 by default. */
  readonly confidence?: number;
}

/** What the answers cost this data, for everybody to read. */
export interface PublishedCost {
  readonly queries: number;
  readonly answered: number;
  readonly order: number;
  readonly delta: number;
  /** Answers' divergence at `order` with noise: right on average, may be negative. */
  readonly noisyDivergence: number;
  /** Of queries, answers and this publication: (epsilon, delta) for this data, with `confidence`. */
  readonly epsilon: number;
  readonly confidence: number;
  /** The same without looking at the votes: what holds for any data. */
  readonly dataIndependentEpsilon: number;
}

/** A publication that is ready to be charged. */
export interface Publication {
  readonly event: DpEvent;
  release(gaps: ArrayLike<number>, counts: { readonly queries: number }, rng: Rng): PublishedCost;
}

/** e^(σY) with σ = ½: a compromise between tails and charge. */
const LOG_NORMAL_STDDEV = 0.5;
/** Half of the charge of the noise is for its scale: ε = smoothness ÷ σ + e^(3σ²/2)·multiplier. */
const SHARE_OF_SCALE = 0.5;
/** σ ÷ sensitivity of the noise on the logarithm of the scale: ρ = 0.005. */
const SCALE_NOISE_MULTIPLIER = 10;
/** Steps of the released divergence, and the least scale of its noise. */
const GRID = 2 ** -20;
/** Fine steps that stand for the real line inside a draw. */
const DRAW_STEPS = 2 ** 24;

/**
 * Prepares a publication.
 * Guarantee: ρ-zCDP with ρ = epsilonOfNoise²/2 + 1/(2·10²) for one example of one teacher, whatever the votes.
 * Precondition: the number of queries and which of them were answered are public already.
 * Draws are on a grid of 2⁻²⁴ and multiplied in double precision; the release is rounded to 2⁻²⁰.
 * @throws {RangeError} when an option is out of range.
 * @see [BS19] for Laplace log-normal noise: ½ε²-CDP with ε = smoothness ÷ σ + e^(3σ²/2)·multiplier; [NRS07] for smooth
 * sensitivity
 */
export function createPublication(
  shape: VoteShape & { readonly checkStddev: number },
  { delta, order = 20, epsilonOfNoise = 0.14, confidence = 0.99 }: PublicationOptions,
): Publication {
  assertPositive(epsilonOfNoise, 'epsilonOfNoise');
  for (const [name, value] of Object.entries({ delta, confidence })) {
    if (!(value > 0 && value < 1)) throw new RangeError(`"${name}" must be in (0, 1), got ${value}`);
  }
  const { teachers, classes, answerStddev, checkStddev } = shape;
  const divergences = computeAnswerDivergences({ teachers, classes, answerStddev }, order);
  const { smoothness, multiplier } = computeScaling(epsilonOfNoise);
  const scaleNoise = createGaussian({ l2Sensitivity: smoothness, noiseMultiplier: SCALE_NOISE_MULTIPLIER });
  const event = composed([zeroConcentrated({ rho: epsilonOfNoise ** 2 / 2 }), scaleNoise.event()]);
  const rho = epsilonOfNoise ** 2 / 2 + 1 / (2 * SCALE_NOISE_MULTIPLIER ** 2);
  return {
    event,
    release(gaps, { queries }, rng) {
      const divergence = Float64Array.from(gaps, (gap) => divergences[gap] as number).reduce((sum, x) => sum + x, 0);
      // The floor keeps the scale of the noise above zero, and its logarithm finite.
      const sensitivity = computeSmoothSensitivity(gaps, { divergences, smoothness, floor: GRID });
      const noise = (sensitivity / multiplier) * sampleLaplaceLogNormal(rng);
      const noisyDivergence = Math.round((divergence + noise) / GRID) * GRID;
      const noisyScale = scaleNoise.release(Math.log(sensitivity), rng);
      // Half of the doubt goes to each of the two noises.
      const doubt = (1 - confidence) / 2;
      const scale = Math.exp(noisyScale + scaleNoise.noiseStddev * computeNormalQuantile(doubt));
      const upper = noisyDivergence + GRID + (scale / multiplier) * computeTailQuantile(doubt);
      const charged = (gaps.length * order) / (answerStddev * answerStddev);
      const checks = (queries * order) / (2 * checkStddev * checkStddev);
      const convert = (answers: number): number =>
        convertToEpsilon({ orders: [order], rdp: [answers + checks + order * rho] }, delta).value;
      return {
        queries,
        answered: gaps.length,
        order,
        delta,
        noisyDivergence,
        epsilon: convert(Math.min(charged, Math.max(0, upper))),
        confidence,
        dataIndependentEpsilon: convert(charged),
      };
    },
  };
}

/** How fast the sensitivity may grow, and how much noise it takes, for √(2ρ) = `epsilon`. */
export function computeScaling(epsilon: number): { smoothness: number; multiplier: number } {
  return {
    smoothness: SHARE_OF_SCALE * epsilon * LOG_NORMAL_STDDEV,
    multiplier: ((1 - SHARE_OF_SCALE) * epsilon) / Math.exp(1.5 * LOG_NORMAL_STDDEV ** 2),
  };
}

/** Draws X·e^(σY), X Laplace of scale 1, Y normal. */
function sampleLaplaceLogNormal(rng: Rng): number {
  const laplace = Number(sampleDiscreteLaplace({ scale: DRAW_STEPS }, rng)) / DRAW_STEPS;
  const normal = Number(sampleDiscreteGaussian({ variance: DRAW_STEPS ** 2 }, rng)) / DRAW_STEPS;
  return laplace * Math.exp(LOG_NORMAL_STDDEV * normal);
}

/** Returns P[X·e^(σY) > x] for x ≥ 0: the mean of e^(−x·e^(−σy))/2, by the trapezoid rule on the whole line. */
export function computeTail(x: number): number {
  const step = 1 / 64;
  let sum = 0;
  for (let y = -9; y <= 9; y += step) {
    sum += Math.exp(-(y * y) / 2 - x * Math.exp(-LOG_NORMAL_STDDEV * y));
  }
  return (step * sum) / (2 * Math.sqrt(2 * Math.PI));
}

/** The least x whose tail is at most `doubt`, from above. */
export function computeTailQuantile(doubt: number): number {
  return bisectDown(computeTail, doubt);
}

/** Bounds the normal quantile from above by P[Y > x] ≤ e^(−x²/2)/2. */
function computeNormalQuantile(doubt: number): number {
  return Math.sqrt(Math.max(0, -2 * Math.log(2 * doubt)));
}

function bisectDown(tail: (x: number) => number, doubt: number): number {
  let [low, high] = [0, 1];
  while (tail(high) > doubt) high *= 2;
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2;
    if (tail(middle) > doubt) low = middle;
    else high = middle;
  }
  return high;
}
