/**
 * Planning distributed noise: from (ε, δ), cohort and dimension to the grid, the noise shares and the bits of the ring,
 * with the event that an accountant charges for one attempt. [KLS21]
 *
 * Two modes. `client`: what is hidden is a participant's whole vector, so the one clipped vector is rounded under a
 * condition on its length, and the rounded length is the sensitivity (zero-out). `example`: what is hidden is one example
 * of many in a participant's sum; a condition on the sum's length would bound nothing, so the charge is what rounding can
 * move between two neighbouring sums: √d steps for rounding to nearest, or, for dithered rounding, the conditional bound
 * with the probability of its failure added to δ.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../foundations/numerics/index.ts';
import { computeNoiseBound } from '../../foundations/vector/index.ts';
import {
  calibrateNoiseMultiplier,
  computeConditionalRoundingNorm,
  computeRoundedSumSensitivity,
  poissonSampled,
  selfComposed,
  type DpEvent,
} from '../../privacy/accounting/index.ts';
import { createDistributedDiscreteGaussian, createDistributedSkellam } from '../../privacy/mechanisms/index.ts';
import type { SecAggNoise } from './config.ts';
import { SecAggError } from './errors.ts';

/** What distributed noise has to achieve. */
export interface DistributedNoiseOptions {
  readonly mode: 'client' | 'example';
  readonly mechanism: SecAggNoise['mechanism'];
  /** L2 bound of one participant's vector (`client`) or of one example's part of a sum (`example`). */
  readonly clipNorm: number;
  /** `example`: L2 bound that a participant's sum is projected to; projecting is non-expansive, so it costs nothing. */
  readonly sumNormBound?: number;
  /** `example`: how a sum is rounded. To nearest by default. */
  readonly rounding?: 'nearest' | 'dithered';
  readonly dimension: number;
  /** Participants asked, all of whom may survive. */
  readonly participants: number;
  readonly minSurvivors: number;
  readonly maxCorrupt: number;
  /** The largest public weight that the round multiplies an input by. 1 by default. */
  readonly maxWeight?: number;
  /** Totals over `attempts` sums. */
  readonly epsilon: number;
  readonly delta: number;
  readonly attempts: number;
  /** Poisson rate at which examples are drawn (`example`), 1 by default. */
  readonly samplingRate?: number;
  readonly accountant?: 'rdp' | 'pld';
  /** Sensitivity that rounding may add, as a share of the clip: decides the grid. 1 % by default. */
  readonly roundingShare?: number;
  /** log2 of the probability that any coordinate wraps in any attempt (utility, not privacy). −40 by default. */
  readonly failureLog2?: number;
}

/** The public constants that all parties derive alike. */
export interface DistributedNoisePlan {
  readonly options: DistributedNoiseOptions;
  /** Dimension after padding to a power of two. */
  readonly paddedDimension: number;
  /** Grid steps a unit, a power of two. */
  readonly quantizationScale: number;
  /** L2 sensitivity in grid steps, rounding and weight included. */
  readonly l2Sensitivity: number;
  /** Length a rounded vector must not exceed in `client` mode, in grid steps. */
  readonly roundedNormBound: number;
  /** σ of the honest shares together ÷ sensitivity. */
  readonly noiseMultiplier: number;
  /** For the configuration of a round: variance of one share. */
  readonly noise: SecAggNoise;
  /** Bits of the ring. */
  readonly bitWidth: number;
  /** Charged once an attempt. */
  readonly event: DpEvent;
  /** Added to δ over all attempts: the failure of the dithered bound, 0 otherwise. */
  readonly deltaFailure: number;
}

/** Bias allowed by conditional rounding: the choice of [KLS21]. */
const ROUNDING_BIAS = Math.exp(-0.5);
/** δ that dithering takes of the target. */
const DITHER_SHARE = 0.01;

function paddedTo(dimension: number): number {
  let padded = 1;
  while (padded < dimension) padded *= 2;
  return padded;
}

/** Sensitivity in grid steps at a scale, float64 error of rotation included. */
function sensitivityAt(
  scale: number,
  { options, padded, beta }: { options: DistributedNoiseOptions; padded: number; beta: number },
): number {
  const { mode, clipNorm, rounding = 'nearest' } = options;
  if (mode === 'client') {
    return computeConditionalRoundingNorm(clipNorm * scale, { beta: ROUNDING_BIAS, dimension: padded });
  }
  // Two sums are each rotated with an error of (2 + log2 d) · 2^−52 of their length; scaling by a power of two has none.
  const slack = 2 * (4 + Math.log2(padded)) * 2 ** -52 * (options.sumNormBound ?? 0) * scale;
  return rounding === 'nearest'
    ? computeRoundedSumSensitivity({ clipNorm, scale, dimension: padded }) + slack
    : computeConditionalRoundingNorm(clipNorm * scale + slack, { beta, dimension: padded });
}

/**
 * Plans distributed noise.
 * Guarantee: `attempts` sums, each charged `event`, are within (epsilon, delta) under zero-out of a participant's vector
 * (`client`) or add-or-remove-one of an example (`example`), as long as at least `minSurvivors − maxCorrupt` survivors of
 * each sum keep their shares to themselves.
 * @throws {SecAggError} `secagg/unsafe-parameters` when no honest share is left, `secagg/ring-overflow` when 32 bits
 *   cannot hold the sum.
 */
export function planDistributedNoise(options: DistributedNoiseOptions): DistributedNoisePlan {
  const { mode, mechanism, clipNorm, dimension, participants, minSurvivors, maxCorrupt, attempts } = options;
  assertPositive(clipNorm, 'clipNorm');
  assertInteger(dimension, 'dimension', { min: 1, max: 2 ** 30 });
  assertInteger(participants, 'participants', { min: 2 });
  assertInteger(minSurvivors, 'minSurvivors', { min: 2, max: participants });
  assertInteger(maxCorrupt, 'maxCorrupt');
  assertInteger(attempts, 'attempts', { min: 1 });
  const { maxWeight = 1 } = options;
  assertInteger(maxWeight, 'maxWeight', { min: 1, max: 2 ** 31 - 1 });
  if (mode === 'example') assertPositive(options.sumNormBound ?? 0, 'sumNormBound');
  if (minSurvivors <= maxCorrupt) {
    throw new SecAggError('secagg/unsafe-parameters', '"minSurvivors" must be above "maxCorrupt": no noise is left');
  }
  const padded = paddedTo(dimension);
  const dithered = mode === 'example' && options.rounding === 'dithered';
  const deltaFailure = dithered ? options.delta * DITHER_SHARE : 0;
  const context = { options, padded, beta: deltaFailure / attempts };
  const roundingShare = options.roundingShare ?? 0.01;
  assertPositive(roundingShare, 'roundingShare');
  let quantizationScale = 2 ** Math.ceil(Math.log2(1 / clipNorm));
  while (sensitivityAt(quantizationScale, context) > clipNorm * quantizationScale * (1 + roundingShare)) {
    quantizationScale *= 2;
  }
  const roundedNormBound = Math.ceil(sensitivityAt(quantizationScale, context));
  // The weight multiplies the rounded integers.
  const l2Sensitivity = roundedNormBound * maxWeight;
  const make = (noiseMultiplier: number) => {
    const parameters = { l2Sensitivity, noiseMultiplier, honestShares: minSurvivors - maxCorrupt, dimension: padded };
    return mechanism === 'skellam'
      ? createDistributedSkellam(parameters)
      : createDistributedDiscreteGaussian(parameters);
  };
  const sampled = (event: DpEvent): DpEvent =>
    (options.samplingRate ?? 1) < 1 ? poissonSampled({ samplingRate: options.samplingRate as number, event }) : event;
  const noiseMultiplier = calibrateNoiseMultiplier({
    event: (candidate) => selfComposed(sampled(make(candidate).event()), attempts),
    epsilon: options.epsilon,
    delta: options.delta - deltaFailure,
    relation: mode === 'client' ? 'zero-out' : 'add-or-remove-one',
    accountant: options.accountant ?? 'rdp',
  });
  const shares = make(noiseMultiplier);
  return Object.freeze({
    options,
    paddedDimension: padded,
    quantizationScale,
    l2Sensitivity,
    roundedNormBound,
    noiseMultiplier,
    noise: { mechanism, shareVariance: shares.shareVariance, ...(maxWeight === 1 ? {} : { maxWeight }) },
    bitWidth: chooseBits(options, { padded, quantizationScale, shareVariance: shares.shareVariance }),
    event: sampled(shares.event()),
    deltaFailure,
  });
}

/**
 * Bits that hold a coordinate of the rotated sum and its noise, except with probability 2^failureLog2 over all attempts.
 * A coordinate of the rotation of a vector of length L is sub-Gaussian with proxy L² / d over the random signs.
 */
function chooseBits(
  {
    mode,
    mechanism,
    clipNorm,
    sumNormBound,
    participants,
    attempts,
    maxWeight = 1,
    failureLog2 = -40,
  }: DistributedNoiseOptions,
  {
    padded,
    quantizationScale,
    shareVariance,
  }: { readonly padded: number; readonly quantizationScale: number; readonly shareVariance: number },
): number {
  const weight = participants * maxWeight;
  const length = weight * (mode === 'client' ? clipNorm : (sumNormBound ?? 0)) * quantizationScale;
  const exponent = Math.log(2 * padded * attempts) + (1 - failureLog2) * Math.LN2;
  const rotated = Math.min(length, length * Math.sqrt((2 * exponent) / padded));
  const noise = computeNoiseBound({
    noiseVariance: participants * shareVariance,
    dimension: padded,
    rounds: attempts,
    failureLog2: failureLog2 - 1,
    noiseTail: mechanism === 'skellam' ? 'skellam' : 'sub-gaussian',
  });
  // Rounding moves each contribution by less than one step before its weight.
  const bound = (rotated + weight + noise) * (1 + 1e-9) + 1;
  const bitWidth = Math.ceil(Math.log2(bound + 1)) + 1;
  if (bitWidth > 32) {
    throw new SecAggError(
      'secagg/ring-overflow',
      `the noised sum needs ${bitWidth} bits, 32 are there: raise "roundingShare" or lower "participants"`,
      { details: { bitWidth } },
    );
  }
  return bitWidth;
}
