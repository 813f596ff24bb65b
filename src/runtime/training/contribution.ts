/**
 * What a participant computes in a round: a Poisson sample of its examples, each gradient clipped, their sum on the
 * grid, and, where the task says so, its share of the noise. Neither the sample nor its size leaves this file.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import { quantizeInto } from '../../foundations/vector/index.ts';
import type { TaskPlan } from '../../federation/rounds/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import type { Engine } from '../../learning/models/index.ts';
import { createDistributedDiscreteGaussian, createPoissonSampler } from '../../privacy/mechanisms/index.ts';
import type { PersonalLayers } from './personal.ts';
import { createUpdateContributor } from './update-contribution.ts';

/** Seconds of this thread's time, by part. */
export interface ContributionSeconds {
  gradients: number;
  noise: number;
}

/**
 * What a data holder learned for itself, and needs again after a restart. It was made without noise: it stays where the
 * examples are.
 */
export interface ContributorState {
  /** The layers that it keeps to itself. */
  readonly own?: Float32Array;
  /** Its control (SCAFFOLD). */
  readonly control?: Float64Array;
  /** What top-k left out so far. */
  readonly residual?: Float64Array;
}

/** Computes contributions of one data holder. */
export interface Contributor {
  /**
   * Computes one contribution.
   * @param parameters - what was offered, length `plan.offered`.
   * @param rng - private coins of this attempt; never used twice.
   * @returns `plan.entries` grid integers; with `noise.addedBy` `participants` or `each` the own noise is in them.
   */
  contribute(parameters: Float32Array, rng: Rng, address: { readonly attempt: number }): Int32Array;
  /**
   * The participant's own model: the shared parameters with the layers that it keeps to itself. For the data holder
   * alone: these layers were trained without noise.
   */
  ownModel(parameters: Float32Array): Float32Array;
  /** What a restart must not lose; copies. Empty where every round begins from nothing but the model. */
  state(): ContributorState;
  /** Goes on from an earlier state. @throws RangeError when it is not of this plan. */
  restore(state: ContributorState): void;
  readonly seconds: ContributionSeconds;
  /** Examples so far whose gradient was not finite and was zeroed. For the data holder alone. */
  readonly nonFinite: number;
}

/** Creates the contributor of a data holder. */
export function createContributor({
  id,
  plan,
  engine,
  dataset,
  personal,
}: {
  /** As the coordinator knows the participant: public weights are looked up under it. */
  id: string;
  plan: TaskPlan;
  engine: Engine;
  dataset: Dataset;
  /** Where the participant keeps layers to itself. */
  personal?: PersonalLayers | undefined;
}): Contributor {
  const { update } = plan;
  if (update !== undefined)
    return createUpdateContributor({ id, plan: { ...plan, update }, engine, dataset, personal });
  const sampler = createPoissonSampler({ samplingRate: plan.samplingRate });
  const noise =
    plan.noise?.addedBy === 'participants' || plan.noise?.addedBy === 'each'
      ? createDistributedDiscreteGaussian({ ...plan.noise, dimension: plan.dimension })
      : undefined;
  const seconds: ContributionSeconds = { gradients: 0, noise: 0 };
  let nonFinite = 0;
  return {
    seconds,
    ownModel: (parameters) => parameters,
    state: () => ({}),
    restore({ own, control, residual }) {
      if (own ?? control ?? residual) throw new RangeError('"state" is of another plan: this one keeps none');
    },
    get nonFinite() {
      return nonFinite;
    },
    contribute(parameters, rng) {
      const start = performance.now();
      const indices = sampler.sample(dataset.size, rng.fork('sample'));
      const clipped = engine.clippedSum({
        parameters,
        dataset,
        indices,
        clipNorm: plan.clipNorm,
        stepSeed: rng.fork('step').uint64(),
      });
      nonFinite += clipped.nonFinite;
      const contribution = new Int32Array(plan.dimension);
      quantizeInto(clipped.sum, plan, contribution);
      const sampled = performance.now();
      noise?.addShareInto(contribution, rng.fork('noise'));
      seconds.gradients += (sampled - start) / 1000;
      seconds.noise += (performance.now() - sampled) / 1000;
      return contribution;
    },
  };
}
