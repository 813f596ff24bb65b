/**
 * The coordinator's half of the strategies: the mean update of a cohort moves the model. FedAvg and FedProx add it,
 * FedAvgM gathers it in a momentum, FedAdam, FedYogi and FedAdagrad scale it coordinate by coordinate (Algorithm 2 of
 * [RCZ21], without bias correction), SCAFFOLD moves a control vector beside the model. [KKMR20]
 *
 * @module
 */

import { assertNever } from '../../foundations/numerics/index.ts';
import { AggregationError } from './errors.ts';
import type { StrategyConfig } from './schema.ts';

/** A strategy's memory between rounds. */
export interface StrategyState {
  readonly kind: StrategyConfig['kind'];
  readonly slots: Readonly<Record<string, Float64Array>>;
}

/** What a cohort's sum says, decoded. */
export interface MeanUpdate {
  /** Mean of the updates (participant − model); one number a shared parameter. */
  readonly update: Float64Array;
  /** Mean of the changes of the participants' controls: SCAFFOLD alone. */
  readonly controlDelta?: Float64Array;
  /** Members of the cohort ÷ everybody: how much of all controls has changed. */
  readonly participation: number;
}

/** Moves the model. */
export interface ServerOptimizer {
  /** Changes `parameters` in place. */
  step(parameters: Float32Array | Float64Array, mean: MeanUpdate): void;
  /** SCAFFOLD's control vector, which offers carry beside the model. */
  readonly control: Float64Array | undefined;
  state(): StrategyState;
  /** @throws {@link AggregationError} `aggregation/state` when it is the state of something else. */
  load(state: StrategyState): void;
}

/** Creates the optimizer of a strategy, for vectors of `dimension` numbers. */
export function createServerOptimizer(config: StrategyConfig, dimension: number): ServerOptimizer {
  const slots: Record<string, Float64Array> = {};
  const slot = (name: string, start = 0): Float64Array => (slots[name] = new Float64Array(dimension).fill(start));
  const apply = makeStep(config, slot);
  return {
    step(parameters, mean) {
      if (parameters.length !== dimension || mean.update.length !== dimension) {
        throw new RangeError(`"parameters" and "update" must have ${dimension} entries`);
      }
      apply(parameters, mean);
    },
    control: slots.control,
    state: () => ({
      kind: config.kind,
      slots: Object.fromEntries(Object.entries(slots).map(([name, values]) => [name, values.slice()])),
    }),
    load(state) {
      const known = Object.keys(slots);
      const fits =
        state.kind === config.kind &&
        Object.keys(state.slots).length === known.length &&
        known.every((name) => state.slots[name]?.length === dimension);
      if (!fits) {
        throw new AggregationError('aggregation/state', `the stored state is not one of ${config.kind} for this model`);
      }
      for (const name of known) slots[name]?.set(state.slots[name] as Float64Array);
    },
  };
}

type Step = (parameters: Float32Array | Float64Array, mean: MeanUpdate) => void;

function makeStep(config: StrategyConfig, slot: (name: string, start?: number) => Float64Array): Step {
  const rate = config.serverLearningRate;
  switch (config.kind) {
    case 'fedAvg':
    case 'fedProx':
      return (parameters, { update }) => addInto(parameters, update, rate);
    case 'fedAvgM': {
      // [HQB19]: v ← βv + Δ; x ← x + ηv.
      const velocity = slot('velocity');
      return (parameters, { update }) => {
        for (let i = 0; i < velocity.length; i += 1) {
          velocity[i] = config.momentum * (velocity[i] as number) + (update[i] as number);
        }
        addInto(parameters, velocity, rate);
      };
    }
    case 'fedAdam':
    case 'fedYogi':
    case 'fedAdagrad': {
      const first = slot('first');
      // [RCZ21] algorithm 2: v starts at no less than τ².
      const second = slot('second', config.tau * config.tau);
      const next = secondMoment(config);
      return (parameters, { update }) => {
        for (let i = 0; i < first.length; i += 1) {
          const delta = update[i] as number;
          const m = config.beta1 * (first[i] as number) + (1 - config.beta1) * delta;
          const v = next(second[i] as number, delta * delta);
          first[i] = m;
          second[i] = v;
          parameters[i] = (parameters[i] as number) + (rate * m) / (Math.sqrt(v) + config.tau);
        }
      };
    }
    case 'scaffold': {
      const control = slot('control');
      return (parameters, { update, controlDelta, participation }) => {
        addInto(parameters, update, rate);
        if (controlDelta !== undefined) addInto(control, controlDelta, participation);
      };
    }
    default:
      return assertNever(config, 'strategy');
  }
}

function secondMoment(
  config: Extract<StrategyConfig, { kind: 'fedAdam' | 'fedYogi' | 'fedAdagrad' }>,
): (v: number, square: number) => number {
  if (config.kind === 'fedAdagrad') return (v, square) => v + square;
  const { beta2 } = config;
  if (config.kind === 'fedAdam') return (v, square) => beta2 * v + (1 - beta2) * square;
  return (v, square) => v - (1 - beta2) * square * Math.sign(v - square);
}

function addInto(target: Float32Array | Float64Array, addend: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i += 1) {
    target[i] = (target[i] as number) + factor * (addend[i] as number);
  }
}
