/**
 * Poisson sampling inside groups that take turns: what amplifies a banded matrix mechanism. [CGMRT23]
 *
 * @module
 */

import { assertInteger, assertProbability } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { createPoissonSampler } from '../sampling/poisson-sampler.ts';

/** Records are split into `bands` groups for good; step t samples from group t mod bands. */
export interface BandedPoissonSampler {
  readonly kind: 'banded-poisson-sampler';
  readonly bands: number;
  /** The rate inside the group of the step. */
  readonly samplingRate: number;
  /** Draws the ascending indices of the records of one step, out of `size`. */
  sample(options: { readonly step: number; readonly size: number }, rng: Rng): Uint32Array;
}

/**
 * Creates the sampler. The group of a record is its index modulo `bands`: indices must stay with their records.
 * MatrixMechanism.sampledEvent issues the event of a mechanism run on its samples.
 * @throws {RangeError} when a parameter is out of range.
 * @see [CGMRT23] (sampling for banded strategies)
 */
export function createBandedPoissonSampler({
  bands,
  samplingRate,
}: {
  readonly bands: number;
  readonly samplingRate: number;
}): BandedPoissonSampler {
  assertInteger(bands, 'bands', { min: 1 });
  assertProbability(samplingRate, 'samplingRate');
  const poisson = createPoissonSampler({ samplingRate });
  return {
    kind: 'banded-poisson-sampler',
    bands,
    samplingRate,
    sample({ step, size }, rng) {
      assertInteger(step, 'step');
      const group = step % bands;
      const members = Math.max(0, Math.ceil((size - group) / bands));
      return poisson.sample(members, rng).map((member) => group + member * bands);
    },
  };
}
