/**
 * Steps without privacy: the baseline that `trust: off` asks for. The same sampling, the same optimizer, no clipping and no
 * noise.
 *
 * @module
 */

import { createPoissonSampler } from '../../privacy/mechanisms/index.ts';
import type { DpSgd, DpSgdOptions } from '../../learning/models/index.ts';

/** Creates steps that protect nobody. */
export function createPlainSteps({
  engine,
  optimizer,
  samplingRate,
  expectedBatchSize,
}: Pick<DpSgdOptions, 'engine' | 'optimizer' | 'samplingRate' | 'expectedBatchSize'>): Pick<DpSgd, 'step'> {
  const sampler = createPoissonSampler({ samplingRate });
  const into = new Float64Array(engine.plan.parameterCount);
  return {
    async step({ parameters, dataset, learningRateFactor = 1 }, rng) {
      const indices = sampler.sample(dataset.size, rng.fork('sample'));
      const stepSeed = rng.fork('augmentation').uint64();
      const { nonFinite } = await engine.clippedSum({
        parameters,
        dataset,
        indices,
        clipNorm: Infinity,
        stepSeed,
        into,
      });
      for (let j = 0; j < into.length; j += 1) into[j] = (into[j] as number) / expectedBatchSize;
      optimizer.step(parameters, into, { learningRateFactor });
      return { nonFinite };
    },
  };
}
