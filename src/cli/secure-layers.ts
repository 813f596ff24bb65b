/**
 * Joins a trained model with the rooms that compute on secrets: its plan as layers on shares or on ciphertexts, and the
 * parameters in their layouts. Models are channels last, shares are channels first.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import {
  compilePlan,
  createFeatureExtractor,
  decodeSafetensors,
  type Plan,
  type PlanStep,
  tensorToFloat32,
} from '../learning/models/index.ts';
import { readFileOf } from '../runtime/storage/index.ts';
import { readTaskData } from '../runtime/training/index.ts';
import { parseTaskFile, type TaskFile } from '../runtime/task/index.ts';
import type { Dataset } from '../learning/data/index.ts';
import type { SecureLayer, SecureWeights } from '../secure/mpc/index.ts';
import { UsageError } from './exit-codes.ts';

/** A trained model: its plan and its tensors by name. */
export interface TrainedModel {
  readonly plan: Plan;
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

/** Reads the task of a run folder. */
export function readRunTask(folder: string): { task: TaskFile; folder: string } {
  const path = join(folder, 'task.resolved.yaml');
  if (!existsSync(path)) throw new UsageError(`${folder} is not a run folder: it has no task.resolved.yaml`);
  const task = parseTaskFile(new TextDecoder().decode(readFileOf(path, 'task file')), { path });
  return { task, folder };
}

/** The plan of a task's model for inputs of the given shape, features already made. */
export function planOf(task: TaskFile, inputShape: readonly number[]): Plan {
  return compilePlan({ ...task.model, input: inputShape });
}

/** Reads the model of a run folder. */
export function readModel(folder: string, plan: Plan): TrainedModel {
  const { tensors } = decodeSafetensors(readFileOf(join(folder, 'model.safetensors'), 'model'));
  return { plan, tensors: new Map([...tensors].map(([name, tensor]) => [name, tensorToFloat32(tensor)])) };
}

/**
 * Reads the first examples of a run's test data as its model sees them: where the task asks for features, which are a
 * public function of an example, whoever owns the data makes them before anything is shared or encrypted.
 */
export async function readTestData(
  task: TaskFile,
  folder: string,
  { count }: { readonly count: number },
): Promise<Dataset> {
  const all = await readTaskData(task, { part: 'test', baseFolder: dirname(join(folder, 'task.resolved.yaml')) });
  if (task.features === undefined) return all;
  const first = all.subset(Uint32Array.from({ length: Math.min(count, all.size) }, (_, i) => i));
  return createFeatureExtractor(task.features, all.inputShape).extract(first);
}

/** @throws {UsageError} when there are fewer examples than are wanted. */
export function assertEnough({ size }: Dataset, wanted: number): void {
  if (size < wanted) throw new UsageError(`the test data holds ${size} examples, ${wanted} are wanted`);
}

/** Inputs of the first `count` rows as reals, channels first. */
export function inputsOf(
  dataset: Dataset,
  { from, count }: { readonly from: number; readonly count: number },
): Float64Array {
  const { inputs, inputWidth, inputScale, inputOffset, inputShape } = dataset;
  const [height = 1, breadth = 1, channels = 1] = inputShape.length === 3 ? inputShape : [1, inputWidth, 1];
  const out = new Float64Array(count * inputWidth);
  for (let row = 0; row < count; row += 1) {
    for (let at = 0; at < inputWidth; at += 1) {
      const [place, channel] = [Math.floor(at / channels), at % channels];
      const value = (inputs[(from + row) * inputWidth + at] as number) * inputScale + inputOffset;
      out[row * inputWidth + channel * height * breadth + place] = value;
    }
  }
  return out;
}

interface Joined {
  readonly layers: SecureLayer[];
  /** Builds the weights of every layer. */
  readonly weights: (model: TrainedModel) => (SecureWeights | undefined)[];
}

/** Translates a plan; dropout and flatten are nothing at prediction time. @throws {UsageError} naming a layer that cannot be. */
export function secureLayersOf(plan: Plan): Joined {
  const layers: SecureLayer[] = [];
  const builders: ((model: TrainedModel) => SecureWeights | undefined)[] = [];
  const add = (layer: SecureLayer, build: (model: TrainedModel) => SecureWeights | undefined = () => undefined) => {
    layers.push(layer);
    builders.push(build);
  };
  // The order of a flattened image, as a permutation of inputs of the next dense layer.
  let image: readonly [number, number, number] | undefined =
    plan.input.length === 3 ? (plan.input as [number, number, number]) : undefined;
  for (const step of plan.steps) {
    const { declaration } = step;
    switch (declaration.kind) {
      case 'flatten':
      case 'dropout':
        break;
      case 'softmax':
        // Keeps the order of the scores: the label is the same without it.
        if (step !== plan.steps.at(-1)) throw unsupported(step, 'softmax before the last layer');
        break;
      case 'relu':
      case 'tanh':
        add({ kind: declaration.kind });
        break;
      case 'dense': {
        const [inputs, outputs] = [widthOf(step.input), widthOf(step.output)];
        const order = image;
        add({ kind: 'dense', inputs, outputs }, (model) => denseWeights(model, step, order));
        image = undefined;
        break;
      }
      case 'conv2d': {
        const [height, width, channels] = step.input as [number, number, number];
        if ((declaration.groups ?? 1) !== 1) throw unsupported(step, 'grouped convolution');
        const geometry = {
          kernel: pairOf(declaration.kernel),
          stride: pairOf(declaration.stride ?? 1),
          padding: pairOf(declaration.padding ?? 0),
        };
        add({ kind: 'convolution', channels, height, width, filters: declaration.out, ...geometry }, (model) =>
          convolutionWeights(model, step, geometry.kernel),
        );
        image = step.output as [number, number, number];
        break;
      }
      case 'maxPool':
      case 'averagePool': {
        const [height, width, channels] = step.input as [number, number, number];
        const size = pairOf(declaration.size);
        add({
          kind: declaration.kind,
          channels,
          height,
          width,
          size,
          stride: declaration.stride === undefined ? size : pairOf(declaration.stride),
        });
        image = step.output as [number, number, number];
        break;
      }
      default:
        throw unsupported(step, declaration.kind);
    }
  }
  return { layers, weights: (model) => builders.map((build) => build(model)) };
}

function unsupported({ name }: PlanStep, what: string): UsageError {
  return new UsageError(
    `layer ${name} (${what}) cannot be computed on secrets: dense, conv2d, relu, tanh, maxPool, averagePool, flatten and dropout can`,
  );
}

function widthOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

function pairOf(value: number | readonly [number, number]): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value;
}

function tensorOf(model: TrainedModel, step: PlanStep, role: string): Float32Array | undefined {
  const tensor = step.tensors.find(({ name }) => name.endsWith(`.${role}`));
  if (tensor === undefined) return undefined;
  const values = model.tensors.get(tensor.name);
  if (values?.length !== tensor.size)
    throw new UsageError(`the model file does not fit the task: ${tensor.name} is missing or of another size`);
  return values;
}

function denseWeights(
  model: TrainedModel,
  step: PlanStep,
  image: readonly [number, number, number] | undefined,
): SecureWeights {
  const outputs = widthOf(step.output);
  const weight = tensorOf(model, step, 'weight') as Float32Array;
  const bias = tensorOf(model, step, 'bias') ?? new Float32Array(outputs);
  if (image === undefined || image[2] === 1) return { weights: weight, bias };
  const [height, width, channels] = image;
  const weights = new Float32Array(weight.length);
  for (let place = 0; place < height * width; place += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      const from = (place * channels + channel) * outputs;
      weights.set(weight.subarray(from, from + outputs), (channel * height * width + place) * outputs);
    }
  }
  return { weights, bias };
}

function convolutionWeights(model: TrainedModel, step: PlanStep, kernel: readonly [number, number]): SecureWeights {
  const weight = tensorOf(model, step, 'weight') as Float32Array;
  const filters = step.output[2] as number;
  const channels = step.input[2] as number;
  const places = kernel[0] * kernel[1];
  const weights = new Float32Array(weight.length);
  for (let place = 0; place < places; place += 1) {
    for (let channel = 0; channel < channels; channel += 1) {
      for (let filter = 0; filter < filters; filter += 1) {
        weights[(filter * channels + channel) * places + place] = weight[
          (place * channels + channel) * filters + filter
        ] as number;
      }
    }
  }
  return { weights, bias: tensorOf(model, step, 'bias') ?? new Float32Array(filters) };
}
