/**
 * Exponential moving average of the parameters over the steps. What is averaged is already private, so averaging costs
 * nothing, and it takes out part of the noise. [DBHSB22] §3.2, with the warm-up of TensorFlow's moving averages.
 *
 * @module
 */

import { assertInteger, assertProbability } from '../../foundations/numerics/index.ts';

/** A running average of parameter vectors. Stateful. */
export interface WeightAverage {
  /** Takes in the parameters after a step. */
  update(parameters: Float32Array): void;
  /** The average so far; the zero vector before the first update. */
  value(): Float32Array;
  /** Copies the state, for a checkpoint. */
  state(): { readonly steps: number; readonly average: Float64Array };
  /** Replaces the state. @throws {RangeError} when it has another length. */
  load(state: { readonly steps: number; readonly average: Float64Array }): void;
}

/**
 * Creates an exponential moving average with weight min(decay, (1 + t) / (10 + t)) for what was there before step t, so
 * that early steps are forgotten soon. The first update is taken whole.
 * @param options - `decay` in [0, 1): 0 keeps the last parameters only.
 */
export function createWeightAverage({ decay }: { decay: number }, parameterCount: number): WeightAverage {
  assertProbability(decay, 'decay');
  if (decay === 1) throw new RangeError('"decay" must be below 1, or nothing is ever averaged');
  assertInteger(parameterCount, 'parameterCount', { min: 1 });
  let average = new Float64Array(parameterCount);
  let steps = 0;
  function assertLength(length: number, title: string): void {
    if (length !== parameterCount) {
      throw new RangeError(`"${title}" must have ${parameterCount} entries, got ${length}`);
    }
  }
  return {
    update(parameters) {
      assertLength(parameters.length, 'parameters');
      const keep = steps === 0 ? 0 : Math.min(decay, (1 + steps) / (10 + steps));
      for (let i = 0; i < parameterCount; i += 1) {
        const x = parameters[i] as number;
        average[i] = x + keep * ((average[i] as number) - x);
      }
      steps += 1;
    },
    value: () => Float32Array.from(average),
    state: () => ({ steps, average: average.slice() }),
    load(state) {
      assertLength(state.average.length, 'state.average');
      assertInteger(state.steps, 'state.steps');
      average = state.average.slice();
      steps = state.steps;
    },
  };
}
