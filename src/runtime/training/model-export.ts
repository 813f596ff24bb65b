/**
 * A trained model as files: safetensors with its declaration, and an ONNX inference graph where it is asked for. Either
 * can be read back whole.
 *
 * @module
 */

import {
  compilePlan,
  decodeModelFile,
  decodeSafetensors,
  encodeModelFile,
  exportOnnx,
  importOnnx,
  modelSchema,
  type ModelParameters,
  type Plan,
} from '../../learning/models/index.ts';
import type { RunFolder } from '../storage/index.ts';
import { TaskError } from '../task/index.ts';

/** Formats a model can be written in. */
export const MODEL_FORMATS = ['safetensors', 'onnx'] as const;
export type ModelFormat = (typeof MODEL_FORMATS)[number];

/** A model with everything a file says of it. */
export interface StoredModel extends Required<ModelParameters> {
  readonly plan: Plan;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Metadata key of the declaration in a safetensors file. */
export const DECLARATION_KEY = 'sotto.model';

/** Encodes a model. */
export function encodeModel({ plan, parameters, frozen, metadata }: StoredModel, format: ModelFormat): Uint8Array {
  if (format === 'onnx') return exportOnnx(plan, { parameters, frozen, metadata });
  return encodeModelFile(plan, { parameters, frozen }, { ...metadata, [DECLARATION_KEY]: JSON.stringify(plan.model) });
}

/**
 * Decodes a model file of either format, told apart by their first bytes.
 * @throws {ModelError} when the file is refused.
 * @throws {TaskError} `task/data` when a safetensors file does not say what model it is.
 */
export function decodeModel(bytes: Uint8Array, path: string): StoredModel {
  if (path.endsWith('.onnx')) {
    const { plan, parameters, frozen } = importOnnx(bytes);
    return { plan, parameters, frozen, metadata: {} };
  }
  const { [DECLARATION_KEY]: declaration, ...metadata } = decodeSafetensors(bytes).metadata;
  const declared = modelSchema.safeParse(parseJson(declaration));
  if (!declared.success || declared.data.input === undefined) {
    throw new TaskError(
      'task/data',
      `${path} does not say what model it holds (metadata ${DECLARATION_KEY}): name it in a task with model.start`,
    );
  }
  const plan = compilePlan({ ...declared.data, input: declared.data.input });
  return { plan, ...decodeModelFile(bytes, plan), metadata };
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

/** Writes a run's model in safetensors and in the formats asked for; returns the safetensors bytes. */
export function writeModel(
  folder: RunFolder,
  plan: Plan,
  { formats, ...model }: Omit<StoredModel, 'plan'> & { formats: readonly ModelFormat[] },
): Uint8Array {
  const bytes = encodeModel({ plan, ...model }, 'safetensors');
  folder.write('model.safetensors', bytes);
  if (formats.includes('onnx')) folder.write('model.onnx', encodeModel({ plan, ...model }, 'onnx'));
  return bytes;
}
