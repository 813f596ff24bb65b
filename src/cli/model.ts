/**
 * `sotto model`: what a model file holds, and the same model in another format.
 *
 * @module
 */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { Command } from 'commander';

import { readFileOf, StorageError, writeFileAtomic } from '../runtime/storage/index.ts';
import {
  decodeModel,
  encodeModel,
  MODEL_FORMATS,
  type ModelFormat,
  type StoredModel,
} from '../runtime/training/index.ts';
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

function load(path: string): StoredModel {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'model.safetensors') : path;
  return decodeModel(readFileOf(file, 'model'), file);
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
