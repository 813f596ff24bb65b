/**
 * A trained model of a run folder, ready to be asked: its plan, parameters, features and what its training promised.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { parse } from 'yaml';
import { z } from 'zod';

import { type Dataset, encodingWidth, type InputEncoding, inputEncodingSchema } from '../learning/data/index.ts';
import {
  compilePlan,
  createEngine,
  createFeatureExtractor,
  decodeModelFile,
  type FeaturesConfig,
  type LossDeclaration,
  model,
  modelSchema,
  type Plan,
} from '../learning/models/index.ts';
import { type DataPart, loadTaskData, readFileOf } from '../runtime/storage/index.ts';
import { digestParameters } from '../runtime/storage/tiles/index.ts';
import { UsageError } from './exit-codes.ts';

/** What training promised; null for a model that was trained without privacy. */
export interface TrainingPromise {
  readonly epsilon: number;
  readonly delta: number;
  readonly privacyUnit: string;
  readonly relation: string;
}

/** What every model of a run folder has. */
export interface TrainedModel {
  readonly name: string;
  readonly inputShape: readonly number[];
  readonly promise: TrainingPromise | null;
  /** How texts or rows become its numbers, where its run says so. */
  readonly encoding: InputEncoding | null;
  /** Where it begins with an embedding of tokens. */
  readonly tokens: { readonly vocabulary: number; readonly padding?: number } | null;
  /** SHA-256 of its parameters, as logs name a model. */
  readonly digest: string;
  /** What it was trained to make small, and the numbers it gives for an example. */
  readonly loss: LossDeclaration;
  readonly outputWidth: number;
  /** Outputs of its last layer (logits), `outputWidth` an example. */
  outputs(dataset: Dataset): Float32Array;
  /** Data of the task, or of a folder with the four files of an IDX data set. */
  load(part: DataPart, folder?: string): Dataset;
}

/** A classifier, which can be asked. */
export interface AnsweringModel extends TrainedModel {
  readonly kind: 'classifier';
  readonly classes: number;
  /** What each class stands for. */
  readonly classNames: readonly string[];
  /** Probabilities, `classes` an example. */
  probabilities(dataset: Dataset): Float32Array;
}

/** A model of one number. */
export interface RegressionModel extends TrainedModel {
  readonly kind: 'regression';
  /** One number an example. */
  predictions(dataset: Dataset): Float32Array;
}

const runSchema = z.object({
  task: z.string(),
  data: z.object({ folder: z.string().optional(), package: z.string().optional() }).optional(),
  features: z.unknown().optional(),
  model: modelSchema,
});
/** `encoding.json`: how raw things become what the model takes, and what its classes are called. */
const encodingFileSchema = z.strictObject({
  classes: z.array(z.string()).min(2).optional(),
  encoding: inputEncodingSchema,
});
const summarySchema = z.object({
  epsilon: z.number().nullable(),
  delta: z.number().nullable(),
  privacyUnit: z.string().nullable(),
  relation: z.string().nullable(),
  seeded: z.boolean().optional(),
});

function readJson(path: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(readFileOf(path, 'summary')));
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new UsageError(`${path} is not JSON`);
    throw cause;
  }
}

/** Reads the classifier of a run folder. @throws {UsageError} when the folder is none, or its model is no classifier. */
export function openAnsweringModel(folder: string): AnsweringModel {
  const opened = openTrainedModel(folder);
  if (opened.kind === 'classifier') return opened;
  throw new UsageError(`${folder} holds no classifier but a regression: sotto evaluate measures it`);
}

/** What a run folder says of its model: how it is built, and what it was trained on. */
function readRun(folder: string): {
  readonly task: string;
  readonly declared: z.infer<typeof modelSchema>;
  readonly inputShape: readonly number[];
  readonly extractor: ReturnType<typeof createFeatureExtractor> | undefined;
  readonly plan: Plan;
  readonly load: TrainedModel['load'];
} {
  const path = join(folder, 'task.resolved.yaml');
  if (!existsSync(path)) throw new UsageError(`${folder} is not a run folder: it has no task.resolved.yaml`);
  const read = runSchema.safeParse(parse(new TextDecoder().decode(readFileOf(path, 'task file'))));
  if (!read.success) throw new UsageError(`${path} does not describe a model: ${z.prettifyError(read.error)}`);
  const { task, data, features, model: declared } = read.data;
  const load = (part: DataPart, other?: string): Dataset => {
    const source = other === undefined ? data : { folder: resolve(other) };
    if (source === undefined) throw new UsageError(`${folder} names no data of its own: name a folder with --data`);
    return loadTaskData(source, { part, baseFolder: folder });
  };
  const inputShape = declared.input ?? load('test').inputShape;
  const extractor = features === undefined ? undefined : createFeatureExtractor(features as FeaturesConfig, inputShape);
  const plan = compilePlan(
    model(declared.layers, { input: extractor?.outputShape ?? inputShape, loss: declared.loss }),
  );
  return { task, declared, inputShape, extractor, plan, load };
}

/** How the model of a run folder is built. @throws {UsageError} when the folder is none. */
export function planOfRun(folder: string): Plan {
  return readRun(folder).plan;
}

/** Reads the model of a run folder. @throws {UsageError} when the folder is none, or its model tells neither classes nor one number. */
export function openTrainedModel(folder: string): AnsweringModel | RegressionModel {
  const { task, declared, inputShape, extractor, plan, load } = readRun(folder);
  const { loss, outputWidth } = plan;
  const isClassifier = loss === 'softmaxCrossEntropy' || loss === 'binaryCrossEntropy';
  if (loss !== 'softmaxCrossEntropy' && outputWidth !== 1) {
    throw new UsageError(
      `${folder} holds a model of ${outputWidth} numbers with loss ${JSON.stringify(loss)}: one is measured`,
    );
  }
  const { parameters, frozen } = decodeModelFile(readFileOf(join(folder, 'model.safetensors'), 'model'), plan);
  const engine = createEngine(plan, { frozen });
  const classes = loss === 'softmaxCrossEntropy' ? outputWidth : 2;
  const described = encodingOf(join(folder, 'encoding.json'));
  if (
    described !== null &&
    ((isClassifier && described.classes?.length !== classes) || encodingWidth(described.encoding) !== plan.inputWidth)
  ) {
    throw new UsageError(`${folder}/encoding.json does not describe what this model takes and tells`);
  }
  const [first] = declared.layers;
  const compute = (dataset: Dataset): Float32Array => {
    if (dataset.inputShape.join() !== inputShape.join()) {
      throw new UsageError(
        `the model takes examples of ${inputShape.join(' × ')}, the data has ${dataset.inputShape.join(' × ')}`,
      );
    }
    return engine.predict({ parameters, dataset: extractor?.extract(dataset) ?? dataset });
  };
  const trained: TrainedModel = {
    name: task,
    inputShape,
    promise: promiseOf(join(folder, 'summary.json')),
    encoding: described?.encoding ?? null,
    tokens:
      first?.kind === 'embeddingBag'
        ? { vocabulary: first.vocabulary, ...(first.padding === undefined ? {} : { padding: first.padding }) }
        : null,
    digest: digestParameters(parameters),
    loss,
    outputWidth,
    outputs: compute,
    load,
  };
  if (!isClassifier) return { kind: 'regression', ...trained, predictions: compute };
  return {
    kind: 'classifier',
    ...trained,
    classes,
    classNames: described?.classes ?? Array.from({ length: classes }, (_, i) => `${i}`),
    probabilities(dataset) {
      const logits = compute(dataset);
      return outputWidth === 1 ? sigmoidPairs(logits) : softmaxRows(logits, classes);
    },
  };
}

/** What a model that answers by itself promises. */
export function guaranteeOf({ promise }: Pick<TrainedModel, 'promise'>): string {
  return promise === null
    ? 'NONE: this model was trained without privacy (or with a seed); its answers may tell its training data'
    : `post-processing of a model with ε = ${promise.epsilon.toFixed(3)} at δ = ${promise.delta} for one ${promise.privacyUnit} (${promise.relation}): any number of answers costs nothing more`;
}

function encodingOf(path: string): z.output<typeof encodingFileSchema> | null {
  if (!existsSync(path)) return null;
  const read = encodingFileSchema.safeParse(readJson(path));
  if (!read.success) throw new UsageError(`${path} is no description of inputs: ${z.prettifyError(read.error)}`);
  return read.data;
}

function promiseOf(path: string): TrainingPromise | null {
  const read = summarySchema.safeParse(readJson(path));
  if (!read.success) throw new UsageError(`${path} does not say what the training promised`);
  const { epsilon, delta, privacyUnit, relation, seeded } = read.data;
  if (epsilon === null || delta === null || privacyUnit === null || relation === null || seeded === true) return null;
  return { epsilon, delta, privacyUnit, relation };
}

function softmaxRows(logits: Float32Array, classes: number): Float32Array {
  const out = new Float32Array(logits.length);
  for (let row = 0; row < logits.length; row += classes) {
    const scores = logits.subarray(row, row + classes);
    const top = Math.max(...scores);
    const powers = Array.from(scores, (score) => Math.exp(score - top));
    const total = powers.reduce((sum, power) => sum + power, 0);
    powers.forEach((power, j) => {
      out[row + j] = power / total;
    });
  }
  return out;
}

function sigmoidPairs(logits: Float32Array): Float32Array {
  const out = new Float32Array(2 * logits.length);
  logits.forEach((logit, i) => {
    const one = 1 / (1 + Math.exp(-logit));
    out[2 * i] = 1 - one;
    out[2 * i + 1] = one;
  });
  return out;
}
