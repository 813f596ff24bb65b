/**
 * Reads ONNX inference graphs as models. A file of our own carries its declaration: the model is built from it, written
 * again, and must come out byte for byte, so that graph and declaration can never disagree. Any other file is read
 * operator by operator, as far as there are layers for them (`onnx-reader.ts`).
 *
 * @module
 */

import type { LossDeclaration, Model } from './declaration.ts';
import { ModelError } from './errors.ts';
import { DECLARATION_KEY, exportOnnx } from './onnx-export.ts';
import { decodeOnnx, unsupported, type OnnxModel } from './onnx-format.ts';
import { readOperators } from './onnx-reader.ts';
import { compilePlan, type Plan, type PlanTensor } from './plan.ts';
import { modelSchema } from './schema.ts';

/** A model with its parameters. */
export interface ImportedModel {
  readonly model: Model;
  readonly plan: Plan;
  /** `plan.parameterCount` numbers. */
  readonly parameters: Float32Array;
  /** `plan.frozenCount` numbers. */
  readonly frozen: Float32Array;
}

/**
 * Reads a model file.
 * @param bytes - the whole file.
 * @param options - `loss` of a model that does not state one; softmax cross-entropy by default.
 * @throws {ModelError} when the file is no ONNX model, holds what no layer of ours computes, numbers that are not finite,
 * or a declaration that its graph does not match.
 */
export function importOnnx(
  bytes: Uint8Array,
  { loss = 'softmaxCrossEntropy' }: { loss?: LossDeclaration } = {},
): ImportedModel {
  const file = decodeOnnx(bytes);
  for (const [name, { data }] of file.initializers) {
    if (data instanceof Float32Array && !data.every((value) => Number.isFinite(value))) {
      throw new ModelError(
        'models/not-finite',
        `the tensor "${name}" of the model file has a number that is not finite`,
      );
    }
  }
  return Object.hasOwn(file.metadata, DECLARATION_KEY) ? readOwn(file, bytes) : readForeign(file, loss);
}

function readOwn(file: OnnxModel, bytes: Uint8Array): ImportedModel {
  const { [DECLARATION_KEY]: declaration, ...metadata } = file.metadata;
  const mismatch = (cause?: unknown): ModelError =>
    new ModelError(
      'models/file-mismatch',
      `the graph of the ONNX model is not what its "${DECLARATION_KEY}" declares`,
      {
        cause,
      },
    );
  let imported: ImportedModel;
  let again: Uint8Array;
  try {
    const model = modelSchema.parse(JSON.parse(declaration ?? ''));
    if (model.input === undefined) throw mismatch();
    const plan = compilePlan({ ...model, input: model.input });
    imported = assemble(plan, (tensor) => ownTensor(file, plan, tensor));
    again = exportOnnx(plan, { ...imported, metadata });
  } catch (cause) {
    throw cause instanceof ModelError ? cause : mismatch(cause);
  }
  if (again.length !== bytes.length || again.some((byte, i) => byte !== bytes[i])) throw mismatch();
  return imported;
}

/** A tensor of one of our own files, in the order of the plan. */
function ownTensor(file: OnnxModel, { steps }: Plan, tensor: PlanTensor): Float32Array | undefined {
  const found = file.initializers.get(tensor.name)?.data;
  if (!(found instanceof Float32Array)) return undefined;
  const kind = steps.find(({ tensors }) => tensors.includes(tensor))?.declaration.kind;
  // The table of a bag has one more row, of zeros.
  if (kind === 'embeddingBag') return found.subarray(0, tensor.size);
  return kind === 'conv2d' && tensor.shape.length === 4 ? kernelToChannelsLast(found, tensor.shape) : found;
}

/** Kernels from [out, in, height, width] to [height, width, in, out], the given shape. */
function kernelToChannelsLast(data: Float32Array, shape: readonly number[]): Float32Array {
  const [height, width, seen, out] = shape as [number, number, number, number];
  const turned = new Float32Array(data.length);
  for (let place = 0; place < height * width; place += 1) {
    for (let i = 0; i < seen; i += 1) {
      for (let o = 0; o < out; o += 1) {
        turned[(place * seen + i) * out + o] = data[(o * seen + i) * height * width + place] as number;
      }
    }
  }
  return turned;
}

function readForeign(file: OnnxModel, loss: LossDeclaration): ImportedModel {
  const { input, layers, tensors } = readOperators(file);
  return assemble(compilePlan({ input, layers, loss }), ({ name }) => tensors.get(name));
}

/** Puts the tensors of a plan into its flat vectors. */
function assemble(plan: Plan, find: (tensor: PlanTensor) => Float32Array | undefined): ImportedModel {
  const parameters = new Float32Array(plan.parameterCount);
  const frozen = new Float32Array(plan.frozenCount);
  for (const tensor of [...plan.parameters, ...plan.frozenParameters]) {
    const data = find(tensor);
    if (data?.length !== tensor.size) {
      throw unsupported(
        `the tensor "${tensor.name}" should have ${tensor.size} values, the file has ${data?.length ?? 'none'}`,
      );
    }
    (tensor.frozen ? frozen : parameters).set(data, tensor.offset);
  }
  return { model: plan.model, plan, parameters, frozen };
}
