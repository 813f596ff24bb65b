/**
 * Layers that stay with each participant: norms that follow its own data, heads of its own. The vector of a task is what
 * is shared; a participant puts its own layers back in before it trains, and takes them out before it sends. Whoever has
 * none of its own, a coordinator that evaluates, sees the public start of these layers.
 *
 * @module
 */

import { createSeededRng } from '../../foundations/random/index.ts';
import { initializeParameters, type Plan, type PlanTensor } from '../../learning/models/index.ts';
import { TaskError } from '../task/index.ts';

/** Which numbers of a model are shared. */
export interface PersonalLayers {
  /** Numbers that are shared. */
  readonly sharedCount: number;
  /** Tensors that are shared, with their offsets in the shared vector. */
  readonly shared: readonly PlanTensor[];
  /** The personal numbers as everybody starts with them. */
  start(): Float32Array;
  /** The shared numbers of a whole vector. */
  share(whole: Float32Array): Float32Array;
  /** The personal numbers of a whole vector. */
  keep(whole: Float32Array): Float32Array;
  /** Whole vector; the public start in place of `own` when there are none. */
  complete(shared: Float32Array, own?: Float32Array): Float32Array;
}

/** The source of a task's initial parameters: public, and the same for everybody. */
export function drawInitialParameters(layers: Plan, taskName: string): Float32Array {
  return initializeParameters(layers, createSeededRng(`initial parameters of ${taskName}`));
}

/**
 * Takes a model apart.
 * @param options - `names` of the layers that are personal.
 * @throws {@link TaskError} `task/file` for a layer that is not there, and when nothing would be shared.
 */
export function createPersonalLayers(
  layers: Plan,
  { names, taskName }: { readonly names: readonly string[]; readonly taskName: string },
): PersonalLayers {
  const own = new Set<PlanTensor>();
  for (const name of names) {
    const tensors = layers.steps.find((step) => step.name === name)?.tensors.filter(({ frozen }) => !frozen) ?? [];
    if (tensors.length === 0) {
      const known = layers.trainedLayers.join(', ');
      throw new TaskError('task/file', `training.personal: no trained layer is called "${name}"; there are ${known}`);
    }
    for (const tensor of tensors) own.add(tensor);
  }
  const mine = layers.parameters.filter((tensor) => own.has(tensor));
  const theirs = layers.parameters.filter((tensor) => !own.has(tensor));
  const count = (tensors: readonly PlanTensor[]): number => tensors.reduce((sum, { size }) => sum + size, 0);
  const sharedCount = count(theirs);
  if (sharedCount === 0) throw new TaskError('task/file', 'training.personal: all layers are personal, none is shared');
  const pick = (whole: Float32Array, tensors: readonly PlanTensor[]): Float32Array => {
    const out = new Float32Array(count(tensors));
    let at = 0;
    for (const { offset, size } of tensors) {
      out.set(whole.subarray(offset, offset + size), at);
      at += size;
    }
    return out;
  };
  let next = 0;
  const shared = theirs.map((tensor) => {
    const placed = { ...tensor, offset: next };
    next += tensor.size;
    return placed;
  });
  const start = (): Float32Array => pick(drawInitialParameters(layers, taskName), mine);
  return {
    sharedCount,
    shared,
    start,
    share: (whole) => pick(whole, theirs),
    keep: (whole) => pick(whole, mine),
    complete(given, kept = start()) {
      if (given.length !== sharedCount) throw new RangeError(`"shared" must have ${sharedCount} entries`);
      const whole = new Float32Array(layers.parameterCount);
      for (const [tensors, values] of [
        [theirs, given],
        [mine, kept],
      ] as const) {
        let at = 0;
        for (const { offset, size } of tensors) {
          whole.set(values.subarray(at, at + size), offset);
          at += size;
        }
      }
      return whole;
    },
  };
}
