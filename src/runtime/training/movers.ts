/**
 * How the sum of an attempt moves a model: as a gradient, through an optimizer; or as the mean update of a cohort, through
 * a strategy.
 *
 * @module
 */

import {
  computeStalenessWeight,
  createServerOptimizer,
  moveClipNorm,
  unpackSum,
} from '../../federation/aggregation/index.ts';
import { createContributionEncoder, type TaskPlan, type UpdatePlan } from '../../federation/rounds/index.ts';
import { createOptimizer, type OptimizerConfig } from '../../learning/models/index.ts';
import { TaskError } from '../task/index.ts';

/** What a checkpoint keeps of a mover. */
export interface MoverState {
  readonly steps: number;
  readonly slots: Readonly<Record<string, Float64Array>>;
}

/** Of which attempt a sum is. */
export interface AppliedAttempt {
  readonly attempt: number;
  readonly contributors: readonly string[];
  /** Versions that the model has moved on since the attempt was offered it; 0 when left out. */
  readonly staleness?: number;
}

/** Moves a model round by round. */
export interface Mover {
  /** What the next round offers. */
  offered(parameters: Float32Array): Float32Array;
  /** @throws {RangeError} when the sum is late and the plan has one cohort after another. */
  step(parameters: Float32Array, sum: Float64Array, attempt: AppliedAttempt): void;
  state(): MoverState;
  /** @throws a typed error when it is the state of something else. */
  load(state: MoverState): void;
}

/** Takes the sum ÷ (scale · expected batch size) as a gradient. */
export function createGradientMover(plan: TaskPlan, config: OptimizerConfig | undefined): Mover {
  if (config === undefined) throw new TaskError('task/file', 'training.optimizer is missing');
  const optimizer = createOptimizer(config, plan.dimension);
  const gradient = new Float64Array(plan.dimension);
  return {
    offered: (parameters) => parameters,
    step(parameters, sum) {
      const divisor = plan.quantizationScale * plan.expectedBatchSize;
      for (let i = 0; i < sum.length; i += 1) gradient[i] = (sum[i] as number) / divisor;
      optimizer.step(parameters, gradient);
    },
    state: () => optimizer.state(),
    load: (state) => optimizer.load({ kind: config.kind, ...state }),
  };
}

/** Least mean weight a sum is divided by, whatever the noise made of it. */
const LEAST_WEIGHT = 0.01;

/** Takes the sum of updates ÷ their weights through the plan's strategy. */
export function createUpdateMover(plan: TaskPlan, update: UpdatePlan): Mover {
  const { strategy, weights, layout, adaptiveClip, buffered, coinRate, drawRate } = update;
  const server = createServerOptimizer(strategy, plan.dimension);
  let clipNorm = Math.fround(plan.clipNorm);
  let steps = 0;

  /** Members whose update is in a sum, by the coins and draws that are public: how they fell is nobody's to learn. */
  function expectedMembers({ length }: readonly string[]): number {
    return drawRate === undefined ? length * coinRate : plan.enrolled * drawRate;
  }

  /** What a sum is divided by: public, or noised in the same release. */
  function divisorOf(contributors: readonly string[], weight: number | undefined): number {
    const expected = expectedMembers(contributors);
    switch (weights.kind) {
      case 'equal':
        return expected;
      case 'public': {
        const all = contributors.reduce((sum, id) => sum + (weights.of[id] ?? 1), 0);
        return drawRate === undefined ? all * coinRate : expected;
      }
      case 'private':
        return Math.max(weight ?? 0, LEAST_WEIGHT * expected);
    }
  }

  return {
    offered(parameters) {
      if (plan.offered === plan.dimension) return parameters;
      const out = new Float32Array(plan.offered);
      out.set(parameters);
      if (server.control !== undefined) out.set(server.control, plan.dimension);
      if (adaptiveClip !== undefined) out[plan.offered - 1] = clipNorm;
      return out;
    },
    step(parameters, sum, { attempt, contributors, staleness = 0 }) {
      if (buffered === undefined && staleness !== 0) {
        throw new RangeError(`"staleness" must be 0 where one cohort follows another, got ${staleness}`);
      }
      const late = computeStalenessWeight(staleness, { exponent: buffered?.stalenessExponent ?? 0 });
      const values = createContributionEncoder({ ...plan, update }, { attempt }).decode(sum);
      const parts = unpackSum(values, layout, { clipNorm });
      const divisor = divisorOf(contributors, parts.weight);
      const mean = (total: Float64Array): Float64Array => total.map((value) => (late * value) / divisor);
      server.step(parameters, {
        update: mean(parts.update),
        ...(parts.controlDelta === undefined ? {} : { controlDelta: mean(parts.controlDelta) }),
        participation: expectedMembers(contributors) / plan.enrolled,
      });
      if (adaptiveClip !== undefined && parts.signal !== undefined) {
        const count = expectedMembers(contributors);
        // As participants read it off the offer, to the bit.
        clipNorm = Math.fround(moveClipNorm(clipNorm, { signal: parts.signal, contributors: count, ...adaptiveClip }));
      }
      steps += 1;
    },
    state: () => ({ steps, slots: { ...server.state().slots, clipNorm: Float64Array.of(clipNorm) } }),
    load({ steps: done, slots: { clipNorm: stored, ...slots } }) {
      server.load({ kind: strategy.kind, slots });
      clipNorm = stored?.[0] ?? clipNorm;
      steps = done;
    },
  };
}
