/**
 * The model while it trains: parameters, optimizer, and the checkpoint that holds both. No generator's state is ever
 * part of a checkpoint: a resumed run draws new coins and new noise.
 *
 * @module
 */

import type { TaskPlan } from '../../federation/rounds/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import {
  createOptimizer,
  decodeSafetensors,
  encodeSafetensors,
  type FileTensor,
  float32Tensor,
  initializeParameters,
  type Optimizer,
  type OptimizerConfig,
  type Plan,
  tensorToFloat32,
} from '../../learning/models/index.ts';
import { StorageError } from '../storage/index.ts';

/** A model in training. */
export interface ModelState {
  readonly parameters: Float32Array;
  /** Rounds whose sum has been applied. */
  readonly round: number;
  /** Attempts made so far, aborted ones included. */
  readonly attempts: number;
  /** Counts an attempt that is about to start. */
  beginAttempt(): number;
  /** Takes one step: the decoded sum ÷ (scale · expected batch size) is the gradient. */
  apply(sum: Float64Array): void;
  checkpoint(): Uint8Array;
  /** The model file: one tensor a parameter block. */
  export(metadata: Readonly<Record<string, string>>): Uint8Array;
}

/** Creates or restores the model of a task. */
export function createModelState({
  plan,
  layers,
  optimizer: config,
  rng,
  checkpoint,
  attempts: knownAttempts = 0,
}: {
  plan: TaskPlan;
  layers: Plan;
  optimizer: OptimizerConfig;
  /** Source of the public initial parameters. */
  rng: Rng;
  checkpoint?: Uint8Array | undefined;
  /** Attempts the ledger knows of; more than the checkpoint when a run was interrupted. */
  attempts?: number;
}): ModelState {
  const parameters = initializeParameters(layers, rng);
  const optimizer: Optimizer = createOptimizer(config, plan.dimension);
  let round = 0;
  let attempts = knownAttempts;
  if (checkpoint !== undefined) {
    const { tensors, metadata } = decodeSafetensors(checkpoint);
    const stored = tensors.get('parameters');
    if (stored?.shape[0] !== plan.dimension) {
      throw new StorageError('storage/not-a-run', 'the checkpoint does not fit the task: its parameters differ');
    }
    parameters.set(tensorToFloat32(stored));
    const slots: Record<string, Float64Array> = {};
    for (const [name, tensor] of tensors) {
      if (name.startsWith(SLOT)) slots[name.slice(SLOT.length)] = toFloat64(tensor);
    }
    optimizer.load({ kind: config.kind, steps: Number(metadata.get('steps')), slots });
    round = Number(metadata.get('round'));
    attempts = Math.max(attempts, Number(metadata.get('attempts')));
  }
  const gradient = new Float64Array(plan.dimension);
  return {
    parameters,
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
    apply(sum) {
      const divisor = plan.quantizationScale * plan.expectedBatchSize;
      for (let i = 0; i < sum.length; i += 1) gradient[i] = (sum[i] as number) / divisor;
      optimizer.step(parameters, gradient);
      round += 1;
    },
    checkpoint() {
      const { steps, slots } = optimizer.state();
      const tensors = new Map<string, FileTensor>([['parameters', float32Tensor(parameters, [parameters.length])]]);
      for (const [name, values] of Object.entries(slots)) tensors.set(`${SLOT}${name}`, fromFloat64(values));
      return encodeSafetensors(tensors, { round: `${round}`, attempts: `${attempts}`, steps: `${steps}` });
    },
    export(metadata) {
      const tensors = new Map<string, FileTensor>();
      for (const { name, shape, offset } of layers.parameters) {
        const length = shape.reduce((product, extent) => product * extent, 1);
        tensors.set(name, float32Tensor(parameters.subarray(offset, offset + length), shape));
      }
      return encodeSafetensors(tensors, metadata);
    },
  };
}

const SLOT = 'optimizer.';

function fromFloat64(values: Float64Array): FileTensor {
  const bytes = new Uint8Array(values.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setFloat64(8 * i, value, true);
  return { type: 'F64', shape: [values.length], bytes };
}

function toFloat64({ type, shape, bytes }: FileTensor): Float64Array {
  if (type !== 'F64') throw new StorageError('storage/not-a-run', `the checkpoint has optimizer state of type ${type}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: shape[0] ?? 0 }, (_, i) => view.getFloat64(8 * i, true));
}
