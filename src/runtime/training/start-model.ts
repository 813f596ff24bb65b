/**
 * Where a model starts: parameters drawn from a public seed, or tensors of a model file, as far as they fit.
 *
 * @module
 */

import { createSeededRng } from '../../foundations/random/index.ts';
import {
  decodeSafetensors,
  importOnnx,
  initializeFrozenParameters,
  initializeParameters,
  type Plan,
  tensorToFloat32,
} from '../../learning/models/index.ts';
import { TaskError } from '../task/index.ts';

/** Parameters that training starts from. */
export interface StartingPoint {
  readonly parameters: Float32Array;
  readonly frozen: Float32Array;
  /** Tensors of the file that were taken. */
  readonly taken: readonly string[];
  /** Trained tensors that the file does not have: they start new. */
  readonly fresh: readonly string[];
  /** Tensors of the file that the model does not have. */
  readonly unused: readonly string[];
}

interface FileTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Draws the parameters of a task without a model file: public, and the same for everybody. */
export function drawStart(plan: Plan, taskName: string): StartingPoint {
  const rng = createSeededRng(`initial parameters of ${taskName}`);
  return {
    parameters: initializeParameters(plan, rng),
    frozen: initializeFrozenParameters(plan, createSeededRng(`frozen parameters of ${taskName}`)),
    taken: [],
    fresh: plan.parameters.map(({ name }) => name),
    unused: [],
  };
}

/**
 * Starts from a model file, safetensors or ONNX: tensors of the same name and shape are taken from it. A trained tensor
 * that it lacks starts new (a head, an adapter); a frozen one must be there.
 * @throws {ModelError} when the file is refused.
 * @throws {TaskError} `task/data` when a tensor has another shape, a frozen one is missing, or none fits.
 */
export function startFromFile(
  plan: Plan,
  { bytes, path, taskName }: { bytes: Uint8Array; path: string; taskName: string },
): StartingPoint {
  const { parameters, frozen } = drawStart(plan, taskName);
  const file = readTensors(bytes, path);
  const taken: string[] = [];
  const fresh: string[] = [];
  for (const tensor of [...plan.parameters, ...plan.frozenParameters]) {
    const found = file.get(tensor.name);
    if (found === undefined) {
      if (tensor.frozen) {
        throw new TaskError('task/data', `${path} lacks the tensor "${tensor.name}", which the model freezes`);
      }
      fresh.push(tensor.name);
      continue;
    }
    if (found.shape.join() !== tensor.shape.join()) {
      throw new TaskError(
        'task/data',
        `${path} has the tensor "${tensor.name}" of shape [${found.shape.join(', ')}], the model wants ` +
          `[${tensor.shape.join(', ')}]: name the layer otherwise to start it new`,
      );
    }
    if (!found.values.every((value) => Number.isFinite(value))) {
      throw new TaskError('task/data', `the tensor "${tensor.name}" of ${path} has a number that is not finite`);
    }
    (tensor.frozen ? frozen : parameters).set(found.values, tensor.offset);
    taken.push(tensor.name);
  }
  if (taken.length === 0) {
    throw new TaskError(
      'task/data',
      `${path} has no tensor of the model: it has ${[...file.keys()].join(', ')}; name the layers alike`,
    );
  }
  return { parameters, frozen, taken, fresh, unused: [...file.keys()].filter((name) => !taken.includes(name)) };
}

function readTensors(bytes: Uint8Array, path: string): Map<string, FileTensor> {
  const tensors = new Map<string, FileTensor>();
  if (!path.endsWith('.onnx')) {
    for (const [name, tensor] of decodeSafetensors(bytes).tensors) {
      tensors.set(name, { shape: tensor.shape, values: tensorToFloat32(tensor) });
    }
    return tensors;
  }
  const { plan, parameters, frozen } = importOnnx(bytes);
  for (const { name, shape, offset, size, frozen: isFrozen } of [...plan.parameters, ...plan.frozenParameters]) {
    tensors.set(name, { shape, values: (isFrozen ? frozen : parameters).slice(offset, offset + size) });
  }
  return tensors;
}

/**
 * Starts the model of a task: from the file that it names, or drawn.
 * @param options - `readFile` reads the file of `start`.
 * @throws as {@link startFromFile}.
 */
export function startTask(
  plan: Plan,
  {
    taskName,
    start: path,
    readFile,
  }: { taskName: string; start: string | undefined; readFile: (path: string) => Uint8Array },
): StartingPoint {
  return path === undefined
    ? drawStart(plan, taskName)
    : startFromFile(plan, { bytes: readFile(path), path, taskName });
}
