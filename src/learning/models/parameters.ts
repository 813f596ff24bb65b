/**
 * Where training starts: parameters drawn from each tensor's public distribution.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import type { Plan, PlanTensor } from './plan.ts';

function fillTensor(target: Float32Array, { start, offset, size }: PlanTensor, rng: Rng): void {
  if (start.kind === 'constant') {
    target.fill(start.value, offset, offset + size);
    return;
  }
  const bytes = rng.bytes(4 * size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < size; i += 1) {
    const uniform = (view.getUint32(4 * i, true) + 0.5) / 2 ** 32;
    target[offset + i] = start.bound * (2 * uniform - 1);
  }
}

/**
 * Draws the parameters a model starts from.
 * @returns the flat vector of the trained parameters.
 */
export function initializeParameters(plan: Plan, rng: Rng): Float32Array {
  const values = new Float32Array(plan.parameterCount);
  for (const tensor of plan.parameters) fillTensor(values, tensor, rng);
  return values;
}

/** Draws the frozen parameters of a plan: for tests, and for random features; a backbone brings its own. */
export function initializeFrozenParameters(plan: Plan, rng: Rng): Float32Array {
  const values = new Float32Array(plan.frozenCount);
  for (const tensor of plan.frozenParameters) fillTensor(values, tensor, rng);
  return values;
}
