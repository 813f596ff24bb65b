/**
 * A run folder as `sotto train` leaves one, for models that the examples train through the library: `sotto predict` and
 * `sotto serve-model` ask them like any other.
 *
 * @module
 */

import { type InputEncoding, encodingWidth } from 'sotto/data';
import { encodeModelFile, type Plan } from 'sotto/models';
import { createRunFolder } from 'sotto/storage';
import { stringify } from 'yaml';

import { LINEAR_MODEL } from './linear.ts';

/** Writes the folder of a linear model. @param fields - `promise` is null for a model trained without privacy. */
export function writeLinearRun(
  folder: string,
  {
    task,
    encoding,
    classes,
    plan,
    parameters,
    promise,
  }: {
    task: string;
    encoding: InputEncoding;
    classes: readonly string[];
    plan: Plan;
    parameters: Float32Array;
    promise: { epsilon: number; delta: number; privacyUnit: 'example'; relation: 'add-or-remove-one' } | null;
  },
): void {
  const run = createRunFolder(folder);
  try {
    run.write(
      'task.resolved.yaml',
      stringify({ task, model: { input: [encodingWidth(encoding)], ...LINEAR_MODEL }, encoding: 'encoding.json' }),
    );
    run.write('encoding.json', `${JSON.stringify({ classes, encoding })}\n`);
    const none = { epsilon: null, delta: null, privacyUnit: null, relation: null };
    run.write('summary.json', `${JSON.stringify({ task, ...(promise ?? none) }, undefined, 2)}\n`);
    run.write('model.safetensors', encodeModelFile(plan, { parameters }));
  } finally {
    run.close();
  }
}
