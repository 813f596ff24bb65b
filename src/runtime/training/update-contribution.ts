/**
 * What a participant computes in a round of local updates: it trains a copy of the offered model on its own data and
 * sends the difference, clipped as a whole, weighed, rounded, and noised where the task says so. Its control (SCAFFOLD)
 * and what top-k left out stay with it.
 *
 * @module
 */

import {
  computeControlDelta,
  keepLargestInto,
  localStepInto,
  packContribution,
  proximalOf,
} from '../../federation/aggregation/index.ts';
import { createContributionEncoder, type TaskPlan, type UpdatePlan } from '../../federation/rounds/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import { type Rng, sampleUint32Below } from '../../foundations/random/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import type { Engine } from '../../learning/models/index.ts';
import type { ContributionSeconds, Contributor } from './contribution.ts';
import type { PersonalLayers } from './personal.ts';

/** Creates the contributor of a data holder for rounds of updates. */
export function createUpdateContributor({
  id,
  plan,
  engine,
  dataset,
  personal,
}: {
  id: string;
  plan: TaskPlan & { readonly update: UpdatePlan };
  engine: Engine;
  dataset: Dataset;
  personal?: PersonalLayers | undefined;
}): Contributor {
  const { update: settings, dimension, clipNorm } = plan;
  const { local, strategy, weights, layout, keep, coinRate } = settings;
  const seconds: ContributionSeconds = { gradients: 0, noise: 0 };
  if ((personal !== undefined) !== settings.personal.length > 0) {
    throw new TypeError('"personal" must be the personal layers of this plan');
  }
  /** The own layers, as this participant has trained them so far; they never leave this function. */
  let own = personal?.start();
  const complete = (shared: Float32Array): Float32Array => personal?.complete(shared, own) ?? shared;
  const width = complete(new Float32Array(dimension)).length;
  const gradient = new Float64Array(width);
  const control = strategy.kind === 'scaffold' ? new Float64Array(dimension) : undefined;
  const residual = keep === undefined ? undefined : new Float64Array(dimension);
  let nonFinite = 0;

  /** Trains a copy of the model; returns how many steps it took. */
  function train(
    parameters: Float32Array,
    { anchor, correction }: { anchor: Float32Array; correction: Float64Array | undefined },
    rng: Rng,
  ): number {
    const order = Uint32Array.from({ length: dataset.size }, (_, i) => i);
    const options = { learningRate: local.learningRate, mu: proximalOf(strategy) };
    let steps = 0;
    for (let epoch = 0; epoch < local.epochs; epoch += 1) {
      for (let i = order.length - 1; i > 0; i -= 1) {
        const j = sampleUint32Below(i + 1, rng);
        [order[i], order[j]] = [order[j] as number, order[i] as number];
      }
      for (let from = 0; from < order.length; from += local.batchSize) {
        const indices = order.subarray(from, from + local.batchSize);
        engine.clippedSum({
          parameters,
          dataset,
          indices,
          clipNorm: Number.POSITIVE_INFINITY,
          stepSeed: rng.uint64(),
          into: gradient,
        });
        for (let i = 0; i < width; i += 1) gradient[i] = (gradient[i] as number) / indices.length;
        localStepInto(parameters, { gradient, anchor, ...(correction && { correction }) }, options);
        steps += 1;
      }
    }
    return steps;
  }

  /** A correction of the shared numbers, zero for the own ones. */
  function widen(correction: Float64Array): Float64Array {
    if (personal === undefined) return correction;
    return Float64Array.from(personal.complete(Float32Array.from(correction), personal.start().fill(0)));
  }

  /** The packed contribution; zeros when the local training ran away or the coin fell so. */
  function compute(offered: Float32Array, rng: Rng): Float64Array {
    const anchor = offered.slice(0, dimension);
    const serverControl =
      control === undefined ? undefined : Float64Array.from(offered.subarray(dimension, 2 * dimension));
    const bound = settings.adaptiveClip === undefined ? clipNorm : (offered.at(-1) as number);
    const nothing = new Float64Array(settings.length);
    // 2⁻³² of a coin is rounded down: less is sent than is charged.
    if (coinRate < 1 && rng.fork('coin').uint32() >= Math.floor(coinRate * 2 ** 32)) return nothing;
    const from = complete(anchor);
    const whole = from.slice();
    const correction =
      control === undefined ? undefined : control.map((own, i) => (serverControl?.[i] as number) - own);
    let steps: number;
    try {
      steps = train(whole, { anchor: from, correction: correction && widen(correction) }, rng.fork('training'));
    } catch (error) {
      if (!(error instanceof SottoError) || error.code !== 'models/not-finite') throw error;
      nonFinite += 1;
      return nothing;
    }
    own = personal?.keep(whole);
    const trained = personal?.share(whole) ?? whole;
    const difference = Float64Array.from(trained, (value, i) => value - (anchor[i] as number));
    const controlDelta =
      serverControl === undefined
        ? undefined
        : computeControlDelta(difference, { control: serverControl, steps, learningRate: local.learningRate });
    if (control !== undefined && controlDelta !== undefined) {
      for (let i = 0; i < dimension; i += 1) control[i] = (control[i] as number) + (controlDelta[i] as number);
    }
    if (residual !== undefined) keepLargestInto(difference, { keep: keep as number, residual });
    const weight =
      weights.kind === 'public'
        ? (weights.of[id] ?? 1)
        : weights.kind === 'private'
          ? Math.min(1, dataset.size / weights.maxExamples)
          : 1;
    return packContribution({ update: difference, weight, ...(controlDelta && { controlDelta }) }, layout, {
      clipNorm: bound,
    });
  }

  return {
    seconds,
    ownModel: (shared) => complete(shared.slice(0, dimension)),
    state: () => ({
      ...(own === undefined ? {} : { own: own.slice() }),
      ...(control === undefined ? {} : { control: control.slice() }),
      ...(residual === undefined ? {} : { residual: residual.slice() }),
    }),
    restore(state) {
      const parts = [
        [own, state.own],
        [control, state.control],
        [residual, state.residual],
      ] as const;
      if (parts.some(([mine, given]) => mine?.length !== given?.length)) {
        throw new RangeError('"state" is of another plan: its parts have other lengths');
      }
      for (const [mine, given] of parts) if (given !== undefined) mine?.set(given);
    },
    get nonFinite() {
      return nonFinite;
    },
    contribute(offered, rng, { attempt }) {
      const start = performance.now();
      const packed = compute(offered, rng);
      const trained = performance.now();
      const contribution = createContributionEncoder(plan, { attempt }).encode(packed, rng);
      packed.fill(0);
      seconds.gradients += (trained - start) / 1000;
      seconds.noise += (performance.now() - trained) / 1000;
      return contribution;
    },
  };
}
