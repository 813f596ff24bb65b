/**
 * DP-SGD of one data holder [ACGMMTZ16]: a Poisson sample, every gradient clipped, the sum noised, divided by a public
 * constant, and handed to an optimizer. The federated form of the same step lives in `federation/` and `runtime/`.
 *
 * @module
 */

import { assertPositive } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { DpEvent } from '../../privacy/accounting/index.ts';
import {
  createGaussian,
  createPoissonSampler,
  type Gaussian,
  type PoissonSampler,
} from '../../privacy/mechanisms/index.ts';
import type { Dataset } from '../data/index.ts';
import { accumulateClippedSum } from './accumulation.ts';
import { computeClippedSumSensitivity, type Clipping } from './clipping.ts';
import type { ClippedSum, ClippedSumRequest } from './engine.ts';
import type { Optimizer } from './optimizers.ts';
import type { Plan } from './plan.ts';

/** What computes the sums: an engine on this thread or on several. */
export interface GradientSource {
  readonly plan: Plan;
  clippedSum(request: ClippedSumRequest): ClippedSum | Promise<ClippedSum>;
}

/** How private steps are taken. All of it is public. */
export interface DpSgdOptions {
  readonly engine: GradientSource;
  readonly optimizer: Optimizer;
  readonly samplingRate: number;
  /** Divides every noisy sum: a constant such as rate × size as first planned, never the size that was drawn. */
  readonly expectedBatchSize: number;
  readonly clipNorm?: number;
  readonly clipping?: Clipping;
  /** σ ÷ sensitivity of the clipped sum, its rounding included. */
  readonly noiseMultiplier: number;
  /** Parts that a step's sum is added up from, one after the other; noise comes once, on the whole. 1 by default. */
  readonly accumulationSteps?: number;
}

/** What of the options decides the cost. */
export interface DpSgdCost extends Pick<DpSgdOptions, 'samplingRate' | 'clipNorm' | 'clipping' | 'noiseMultiplier'> {
  readonly parameterCount: number;
}

/** Takes private steps. */
export interface DpSgd {
  /** The cost of one step: charge it for every step, whatever comes of it. */
  readonly event: DpEvent;
  /** Standard deviation of the noise on each coordinate of a sum. */
  readonly noiseStddev: number;
  /**
   * Takes one step: changes `parameters` in place.
   * @param rng - private coins, never used for another step with the same seed.
   * @returns how many gradients were not finite: for the data holder alone.
   */
  step(
    request: { parameters: Float32Array; dataset: Dataset; learningRateFactor?: number },
    rng: Rng,
  ): Promise<{ readonly nonFinite: number }>;
}

/** The mechanism of private steps by itself: for planning, before there is an engine. */
export function planDpSgd({
  parameterCount,
  samplingRate,
  clipNorm,
  clipping = { kind: 'flat', clipNorm: clipNorm ?? Number.NaN },
  noiseMultiplier,
}: DpSgdCost): { readonly event: DpEvent; readonly gaussian: Gaussian; readonly sampler: PoissonSampler } {
  const sampler = createPoissonSampler({ samplingRate });
  const gaussian = createGaussian({
    l2Sensitivity: computeClippedSumSensitivity({ clipping, parameterCount }),
    dimension: parameterCount,
    noiseMultiplier,
  });
  return { event: sampler.event(gaussian.event()), gaussian, sampler };
}

/**
 * Prepares private steps.
 * Guarantee: each step satisfies the guarantee of its `event` (a Poisson-sampled Gaussian) under add-or-remove-one for one
 * example, floating point included: the sensitivity is {@link computeClippedSumSensitivity}, the noise is added on a grid.
 * Not covered: the time a step takes, and `nonFinite`, which the data holder must keep.
 * @throws {RangeError} when a setting is out of range, or the clip norm is infinite.
 * @see [ACGMMTZ16] algorithm 1, with Poisson sampling
 */
export function createDpSgd({
  engine,
  optimizer,
  samplingRate,
  expectedBatchSize,
  clipNorm,
  clipping = { kind: 'flat', clipNorm: clipNorm ?? Number.NaN },
  noiseMultiplier,
  accumulationSteps: parts = 1,
}: DpSgdOptions): DpSgd {
  assertPositive(expectedBatchSize, 'expectedBatchSize');
  const { parameterCount } = engine.plan;
  const { event, gaussian, sampler } = planDpSgd({ parameterCount, samplingRate, clipping, noiseMultiplier });
  const sum = new Float64Array(parameterCount);
  let steps = 0;
  return {
    event,
    noiseStddev: gaussian.noiseStddev,
    async step({ parameters, dataset, learningRateFactor = 1 }, rng) {
      steps += 1;
      const coins = rng.fork(`dp-sgd/${steps}`);
      const indices = sampler.sample(dataset.size, coins.fork('sample'));
      const stepSeed = coins.fork('augmentation').uint64();
      const request = { parameters, dataset, indices, clipping, stepSeed, into: sum };
      const { nonFinite } = await accumulateClippedSum(engine, { ...request, parts });
      gaussian.releaseInto(sum, coins.fork('noise'));
      for (let j = 0; j < parameterCount; j += 1) sum[j] = (sum[j] as number) / expectedBatchSize;
      optimizer.step(parameters, sum, { learningRateFactor });
      return { nonFinite };
    },
  };
}
