/**
 * DP-FTRL of one data holder [DMRST22]: the noise of successive steps is correlated by a matrix mechanism, so that it
 * largely cancels in the sums of gradients that training lives on. Examples are dealt into groups that take turns; a banded
 * mechanism whose bands fit into the groups is amplified by Poisson sampling inside the group [CGMRT23], any other is
 * charged for its fixed participations.
 *
 * @module
 */

import { assertInteger, assertPositive, assertProbability } from '../../foundations/numerics/index.ts';
import type { DpEvent } from '../../privacy/accounting/index.ts';
import {
  calibrateBufferedToeplitz,
  createBandedPoissonSampler,
  createBandedStrategy,
  createBufferedStrategy,
  createMatrixMechanism,
  createToeplitzStrategy,
  type BandedPoissonSampler,
  type MatrixMechanism,
  type MatrixStrategy,
} from '../../privacy/mechanisms/index.ts';
import { computeClippedSumSensitivity } from './clipping.ts';
import type { DpSgd, DpSgdOptions } from './dp-sgd.ts';

/** How the noise of the steps hangs together. */
export type NoiseCorrelation =
  | { readonly strategy: 'banded'; readonly bands: number }
  | { readonly strategy: 'buffered'; readonly buffers: number }
  | { readonly strategy: 'toeplitz' };

/** What of a run decides its cost. */
export interface DpFtrlCost {
  readonly correlation: NoiseCorrelation;
  /** Steps of the run. */
  readonly steps: number;
  /** Groups that take turns: an example takes part in every so-many-th step at most. */
  readonly groups: number;
  /** Poisson probability inside the group whose turn it is; 1 takes all of it. */
  readonly samplingRate: number;
  readonly clipNorm: number;
  /** σ ÷ sensitivity of one clipped sum, on the rows of the strategy. */
  readonly noiseMultiplier: number;
  readonly parameterCount: number;
}

/**
 * Creates the mechanism of a run by itself: for planning, before there is an engine.
 * Guarantee: that of {@link createMatrixMechanism} for the whole run; an example's group is its place modulo `groups`, which
 * depends on nobody else.
 * @throws {RangeError} when a parameter is out of range, or a banded strategy has more bands than there are groups: an
 * example would meet its own noise, and no amplification is proven.
 */
export function planDpFtrl({
  correlation,
  steps,
  groups,
  samplingRate,
  clipNorm,
  noiseMultiplier,
  parameterCount,
}: DpFtrlCost): {
  readonly event: DpEvent;
  readonly mechanism: MatrixMechanism;
  readonly sampler: BandedPoissonSampler;
} {
  assertInteger(groups, 'groups', { min: 1, max: steps });
  assertProbability(samplingRate, 'samplingRate');
  if (correlation.strategy === 'banded' && correlation.bands > groups) {
    throw new RangeError(`"bands" must be at most "groups", got ${correlation.bands} and ${groups}`);
  }
  const mechanism = createMatrixMechanism({
    strategy: strategyOf(correlation, { steps, groups }),
    participation: { minSeparation: groups },
    dimension: parameterCount,
    clipNorm: computeClippedSumSensitivity({ clipNorm, parameterCount }),
    noiseMultiplier,
  });
  const sampler = createBandedPoissonSampler({ bands: groups, samplingRate });
  const event = correlation.strategy === 'banded' ? mechanism.sampledEvent(sampler) : mechanism.event();
  return { event, mechanism, sampler };
}

/** Strategies that were made already: finding buffers takes a search. */
const known = new Map<string, MatrixStrategy>();

function strategyOf(
  correlation: NoiseCorrelation,
  { steps, groups }: { steps: number; groups: number },
): MatrixStrategy {
  const key = JSON.stringify([correlation, steps, groups]);
  const found = known.get(key) ?? createStrategy();
  known.set(key, found);
  return found;

  function createStrategy(): MatrixStrategy {
    switch (correlation.strategy) {
      case 'banded':
        return createBandedStrategy({ steps, bands: correlation.bands });
      case 'toeplitz':
        return createToeplitzStrategy({ steps });
      case 'buffered': {
        const { buffers } = correlation;
        return createBufferedStrategy({
          steps,
          ...calibrateBufferedToeplitz({ steps, minSeparation: groups, buffers }),
        });
      }
    }
  }
}

/**
 * Prepares the steps of one run. Its `event` is the cost of all of them together: charge it once, before the first. The run
 * keeps exact sums in memory, so it cannot be written down and taken up again.
 * @throws {RangeError} as {@link planDpFtrl} does; from a step, when all are done.
 */
export function createDpFtrl({
  engine,
  optimizer,
  expectedBatchSize,
  ...cost
}: Pick<DpSgdOptions, 'engine' | 'optimizer' | 'expectedBatchSize'> & Omit<DpFtrlCost, 'parameterCount'>): DpSgd {
  assertPositive(expectedBatchSize, 'expectedBatchSize');
  const { parameterCount } = engine.plan;
  const { event, mechanism, sampler } = planDpFtrl({ ...cost, parameterCount });
  const run = mechanism.start();
  const sum = new Float64Array(parameterCount);
  return {
    event,
    noiseStddev: mechanism.noiseStddev,
    async step({ parameters, dataset, learningRateFactor = 1 }, rng) {
      const { step } = run;
      if (step === cost.steps) throw new RangeError(`all ${step} steps of this run are done`);
      const coins = rng.fork(`dp-ftrl/${step + 1}`);
      const indices = sampler.sample({ step, size: dataset.size }, coins.fork('sample'));
      const stepSeed = coins.fork('augmentation').uint64();
      const { clipNorm } = cost;
      const { nonFinite } = await engine.clippedSum({ parameters, dataset, indices, clipNorm, stepSeed, into: sum });
      run.releaseInto(sum, coins.fork('noise'));
      for (let j = 0; j < parameterCount; j += 1) sum[j] = (sum[j] as number) / expectedBatchSize;
      optimizer.step(parameters, sum, { learningRateFactor });
      return { nonFinite };
    },
  };
}
