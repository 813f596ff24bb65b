/**
 * The state of a run of one party: parameters, optimizer, average, and the checkpoint that holds them. No generator's
 * state is ever part of a checkpoint: a resumed run draws new coins and new noise.
 *
 * @module
 */

import {
  createOptimizer,
  createWeightAverage,
  decodeSafetensors,
  encodeSafetensors,
  type Optimizer,
  type SafetensorsTensor,
  tensorToFloat32,
  type WeightAverage,
} from '../../learning/models/index.ts';
import { TaskError } from '../task/index.ts';
import type { TrainingPlan } from './plan-training.ts';

/** A model in training by one party. */
export interface TrainState {
  readonly parameters: Float32Array;
  readonly optimizer: Optimizer;
  /** Steps taken. */
  round: number;
  /** Takes the parameters after a step into the average. */
  stepped(): void;
  /** What is evaluated and exported: the average, or the parameters themselves. */
  current(): Float32Array;
  checkpoint(): Uint8Array;
}

const SLOT = 'optimizer.';

/** Creates or restores the state. @throws {TaskError} `task/checkpoint` when the checkpoint is of another plan. */
export function createTrainState(
  { task, layers, digest }: TrainingPlan,
  { start, checkpoint }: { start: Float32Array; checkpoint: Uint8Array | undefined },
): TrainState {
  const count = layers.parameterCount;
  const parameters = start.slice();
  const spans = layers.parameters.map(({ offset, size }) => ({ offset, length: size }));
  const optimizer = createOptimizer(task.training.optimizer, count, { spans });
  const { averaging } = task.training;
  const average: WeightAverage | undefined = averaging && createWeightAverage(averaging, count);
  const state: TrainState = {
    parameters,
    optimizer,
    round: 0,
    stepped() {
      state.round += 1;
      average?.update(parameters);
    },
    current: () => (average !== undefined && state.round > 0 ? average.value() : parameters),
    checkpoint() {
      const { steps, slots } = optimizer.state();
      const tensors = new Map<string, SafetensorsTensor>([
        ['parameters', { shape: [count], data: parameters.slice() }],
      ]);
      for (const [name, values] of Object.entries(slots)) {
        tensors.set(`${SLOT}${name}`, { shape: [values.length], data: values.slice() });
      }
      const averaged = average?.state();
      if (averaged !== undefined) tensors.set('average', { shape: [count], data: averaged.average.slice() });
      return encodeSafetensors(tensors, {
        plan: digest,
        round: `${state.round}`,
        steps: `${steps}`,
        averaged: `${averaged?.steps ?? 0}`,
      });
    },
  };
  if (checkpoint !== undefined) restore();
  return state;

  function restore(): void {
    const { tensors, metadata } = decodeSafetensors(checkpoint as Uint8Array);
    const stored = tensors.get('parameters');
    if (metadata.plan !== digest || stored?.shape[0] !== count) {
      throw new TaskError(
        'task/checkpoint',
        'the checkpoint belongs to another plan: the task, the model or the version changed',
      );
    }
    parameters.set(tensorToFloat32(stored));
    const slots: Record<string, Float64Array> = {};
    for (const [name, { data }] of tensors) {
      if (name.startsWith(SLOT) && data instanceof Float64Array) slots[name.slice(SLOT.length)] = data;
    }
    optimizer.load({ kind: optimizer.kind, steps: Number(metadata.steps), slots });
    const averaged = tensors.get('average')?.data;
    if (average !== undefined && averaged instanceof Float64Array) {
      average.load({ steps: Number(metadata.averaged), average: averaged });
    }
    state.round = Number(metadata.round);
  }
}
