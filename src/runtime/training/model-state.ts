/**
 * The model while it trains: parameters, optimizer, and the checkpoint that holds both. No generator's state is ever
 * part of a checkpoint: a resumed run draws new coins and new noise.
 *
 * @module
 */

import { toHex } from '../../foundations/crypto/index.ts';
import type { TaskPlan } from '../../federation/rounds/index.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type OptimizerConfig,
  type Plan,
  type SafetensorsTensor,
  tensorToFloat32,
} from '../../learning/models/index.ts';
import { TaskError } from '../task/index.ts';
import { type AppliedAttempt, createGradientMover, createUpdateMover } from './movers.ts';
import { drawInitialParameters, type PersonalLayers } from './personal.ts';

/** A model in training. */
export interface ModelState {
  readonly parameters: Float32Array;
  /** Rounds whose sum has been applied. */
  readonly round: number;
  /** Attempts made so far, aborted ones included. */
  readonly attempts: number;
  /** Counts an attempt that is about to start. */
  beginAttempt(): number;
  /** What a round offers: the parameters, SCAFFOLD's control, an adaptive clip norm. Length `plan.offered`. */
  offered(): Float32Array;
  /** Takes one step with the sum of an attempt, noise included: a gradient, or the update of a cohort. */
  apply(sum: Float64Array, attempt: AppliedAttempt): void;
  checkpoint(): Uint8Array;
  /** The model file: one tensor a parameter block. */
  export(metadata: Readonly<Record<string, string>>): Uint8Array;
}

/** Creates or restores the model of a task. */
export function createModelState({
  plan,
  layers,
  personal,
  optimizer: config,
  checkpoint,
  attempts: knownAttempts = 0,
}: {
  plan: TaskPlan;
  layers: Plan;
  /** What is shared, where participants keep layers to themselves. */
  personal?: PersonalLayers | undefined;
  /** Absent for rounds of updates, where the plan's strategy moves the model. */
  optimizer: OptimizerConfig | undefined;
  checkpoint?: Uint8Array | undefined;
  /** Attempts the ledger knows of; more than the checkpoint when a run was interrupted. */
  attempts?: number;
}): ModelState {
  if ((personal?.sharedCount ?? layers.parameterCount) !== plan.dimension) {
    throw new TypeError('"personal" must be the personal layers of this plan');
  }
  const initial = drawInitialParameters(layers, plan.taskName);
  const parameters = personal?.share(initial) ?? initial;
  const mover = plan.update === undefined ? createGradientMover(plan, config) : createUpdateMover(plan, plan.update);
  let round = 0;
  let attempts = knownAttempts;
  if (checkpoint !== undefined) {
    const { tensors, metadata } = decodeSafetensors(checkpoint);
    if (metadata.plan !== toHex(plan.digest)) {
      throw new TaskError(
        'task/checkpoint',
        'the checkpoint belongs to another plan: the task, the data or the version changed',
      );
    }
    const stored = tensors.get('parameters');
    if (stored?.shape[0] !== plan.dimension) {
      throw new TaskError('task/checkpoint', 'the checkpoint does not fit the task: its parameters differ');
    }
    parameters.set(tensorToFloat32(stored));
    const slots: Record<string, Float64Array> = {};
    for (const [name, tensor] of tensors) {
      if (name.startsWith(SLOT)) slots[name.slice(SLOT.length)] = float64Of(tensor);
    }
    mover.load({ steps: Number(metadata.steps), slots });
    round = Number(metadata.round);
    attempts = Math.max(attempts, Number(metadata.attempts));
  }
  return {
    parameters,
    offered: () => mover.offered(parameters),
    get round() {
      return round;
    },
    get attempts() {
      return attempts;
    },
    beginAttempt() {
      attempts += 1;
      return attempts;
    },
    apply(sum, attempt) {
      mover.step(parameters, sum, attempt);
      round += 1;
    },
    checkpoint() {
      const { steps, slots } = mover.state();
      const tensors = new Map<string, SafetensorsTensor>([
        ['parameters', { shape: [parameters.length], data: parameters.slice() }],
      ]);
      for (const [name, values] of Object.entries(slots)) {
        tensors.set(`${SLOT}${name}`, { shape: [values.length], data: values.slice() });
      }
      return encodeSafetensors(tensors, {
        round: `${round}`,
        attempts: `${attempts}`,
        steps: `${steps}`,
        plan: toHex(plan.digest),
      });
    },
    export(metadata) {
      const tensors = new Map<string, SafetensorsTensor>();
      for (const { name, shape, offset } of personal?.shared ?? layers.parameters) {
        const length = shape.reduce((product, extent) => product * extent, 1);
        tensors.set(name, { shape, data: parameters.slice(offset, offset + length) });
      }
      return encodeSafetensors(tensors, metadata);
    },
  };
}

const SLOT = 'optimizer.';

function float64Of({ type, data }: Required<SafetensorsTensor>): Float64Array {
  if (data instanceof Float64Array) return data;
  throw new TaskError('task/checkpoint', `the checkpoint has optimizer state of type ${type}`);
}
