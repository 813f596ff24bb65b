/**
 * `sotto model`: what a model file holds, and the same model in another format.
 *
 * @module
 */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { Command } from 'commander';

import { decodeModelFile, decodeSafetensors } from '../learning/models/index.ts';
import { readFileOf, StorageError, writeFileAtomic } from '../runtime/storage/index.ts';
import {
  decodeModel,
  DECLARATION_KEY,
  encodeModel,
  MODEL_FORMATS,
  type ModelFormat,
  type StoredModel,
} from '../runtime/training/index.ts';
import { planOfRun } from './answering.ts';
import { UsageError } from './exit-codes.ts';

interface Options {
  readonly json?: boolean;
}

/** Creates the command with its subcommands. */
export function createModelCommand(): Command {
  const command = new Command('model').description('Read trained models and write them in other formats.');
  command
    .command('show <model>')
    .description('what a model file, or the model of a run folder, holds')
    .option('--json', 'print JSON')
    .action((path: string, options: Options) => show(path, options));
  command
    .command('export <model> <file>')
    .description('write a model file, or the model of a run folder, as FILE.onnx or FILE.safetensors')
    .option('--json', 'print JSON')
    .action((path: string, file: string, options: Options) => exportModel(path, file, options));
  return command;
}

/** A model file, or the model of a run folder: of a federation's the task beside it says what it is. */
function load(path: string): StoredModel {
  if (!existsSync(path) || !statSync(path).isDirectory()) return decodeModel(readFileOf(path, 'model'), path);
  const file = join(path, 'model.safetensors');
  const bytes = readFileOf(file, 'model');
  const { metadata } = decodeSafetensors(bytes);
  if (DECLARATION_KEY in metadata || !existsSync(join(path, 'task.resolved.yaml'))) return decodeModel(bytes, file);
  const plan = planOfRun(path);
  return { plan, ...decodeModelFile(bytes, plan), metadata };
}

function show(path: string, { json = false }: Options): void {
  const { plan, metadata } = load(path);
  const layers = plan.steps.map(({ name, input, output, tensors }) => ({
    name,
    input,
    output,
    tensors: tensors.map((tensor) => ({ name: tensor.name, shape: tensor.shape, frozen: tensor.frozen })),
  }));
  if (json) {
    const { parameterCount: trained, frozenCount: frozen, loss } = plan;
    console.log(JSON.stringify({ trained, frozen, loss, metadata, layers }, undefined, 2));
    return;
  }
  for (const { name, input, output, tensors } of layers) {
    const held = tensors.map((one) => `${one.name} [${one.shape.join(', ')}]${one.frozen ? ' frozen' : ''}`).join(', ');
    console.log(`${name.padEnd(16)} ${input.join(' × ')} → ${output.join(' × ')}  ${held}`.trimEnd());
  }
  console.log(`${plan.parameterCount} trained parameters, ${plan.frozenCount} frozen`);
  for (const [key, value] of Object.entries(metadata)) console.log(`${key}: ${value}`);
}

function exportModel(path: string, file: string, { json = false }: Options): void {
  const format = MODEL_FORMATS.find((each) => file.endsWith(`.${each}`));
  if (format === undefined) {
    throw new UsageError(`${file} must end in ${MODEL_FORMATS.map((each: ModelFormat) => `.${each}`).join(' or ')}`);
  }
  const model = load(path);
  const bytes = encodeModel(model, format);
  if (existsSync(file)) {
    throw new StorageError('storage/exists', `${file} exists: nothing was overwritten. Choose another name`);
  }
  writeFileAtomic(file, bytes);
  if (json) console.log(JSON.stringify({ file, format, sizeBytes: bytes.length }));
  else console.log(`${file}: ${format}, ${bytes.length} bytes`);
}
