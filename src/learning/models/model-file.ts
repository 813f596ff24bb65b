/**
 * A trained model as a safetensors file: one tensor for each tensor of the plan, by name, with its declaration as
 * metadata.
 *
 * @module
 */

import { ModelError } from './errors.ts';
import type { Plan, PlanTensor } from './plan.ts';
import { decodeSafetensors, encodeSafetensors, tensorToFloat32, type SafetensorsTensor } from './safetensors.ts';

/** The flat vectors of a model. */
export interface ModelParameters {
  /** `plan.parameterCount` numbers. */
  readonly parameters: Float32Array;
  /** `plan.frozenCount` numbers; none by default. */
  readonly frozen?: Float32Array;
}

/** Encodes a model. @throws {RangeError} when a vector has another length than the plan says. */
export function encodeModelFile(
  plan: Plan,
  { parameters, frozen = new Float32Array(0) }: ModelParameters,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  if (parameters.length !== plan.parameterCount || frozen.length !== plan.frozenCount) {
    throw new RangeError(
      `"parameters" and "frozen" must have ${plan.parameterCount} and ${plan.frozenCount} entries, got ${parameters.length} and ${frozen.length}`,
    );
  }
  const tensors = new Map<string, SafetensorsTensor>();
  for (const { name, shape, offset, size, frozen: isFrozen } of [...plan.parameters, ...plan.frozenParameters]) {
    tensors.set(name, { shape, data: (isFrozen ? frozen : parameters).slice(offset, offset + size) });
  }
  return encodeSafetensors(tensors, metadata);
}

/**
 * Decodes the parameters of a model. Numbers may be stored in 16, 32 or 64 bits.
 * @throws {ModelError} when the file is refused, a tensor is missing, unknown, of another shape, or not finite.
 */
export function decodeModelFile(bytes: Uint8Array, plan: Plan): Required<ModelParameters> {
  const { tensors } = decodeSafetensors(bytes);
  const parameters = new Float32Array(plan.parameterCount);
  const frozen = new Float32Array(plan.frozenCount);
  const known = new Map<string, PlanTensor>(
    [...plan.parameters, ...plan.frozenParameters].map((one) => [one.name, one]),
  );
  for (const name of tensors.keys()) {
    if (!known.has(name)) throw mismatch(`holds the tensor "${name}", which the model does not have`);
  }
  for (const [name, { shape, offset, frozen: isFrozen }] of known) {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw mismatch(`lacks the tensor "${name}"`);
    if (tensor.shape.join() !== shape.join()) {
      throw mismatch(`has the tensor "${name}" of shape [${tensor.shape.join(', ')}], expected [${shape.join(', ')}]`);
    }
    const values = tensorToFloat32(tensor);
    if (!values.every((value) => Number.isFinite(value))) {
      throw new ModelError(
        'models/not-finite',
        `the tensor "${name}" of the model file has a number that is not finite`,
      );
    }
    (isFrozen ? frozen : parameters).set(values, offset);
  }
  return { parameters, frozen };
}

function mismatch(what: string): ModelError {
  return new ModelError('models/file-mismatch', `the model file ${what}`);
}
