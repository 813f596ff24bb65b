/**
 * Features of a training task: what the model sees in place of the examples. Scattering runs on several cores, its
 * normalization may be a private release of its own, and a user's ONNX model runs in a runtime that is loaded only then.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { DpEvent } from '../../privacy/accounting/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import {
  createFeatureExtractor,
  createOnnxFeatureExtractor,
  createPrivateNormalization,
  extractFeatures,
  type FeaturesConfig,
  type OnnxRuntime,
  type OnnxSession,
} from '../../learning/models/index.ts';
import { TaskError, type TrainingFile } from '../task/index.ts';

/** Channel statistics that were released: public from then on. */
export type Normalization = Extract<FeaturesConfig['normalization'], { kind: 'standardize' }>;

/** How a task's features are made. */
export interface TaskFeatures {
  /** Cost of the private normalization, to be charged before {@link TaskFeatures.normalize}; absent where there is none. */
  readonly event: DpEvent | undefined;
  /** Releases the normalization, once. */
  normalize(train: Dataset, rng: Rng): Normalization;
  /** Shape of what the model sees, where it follows from the task alone: not with a user's own model. */
  readonly shape: readonly number[] | undefined;
  /** Shape of what the model sees; `example` is a public one to try on, where there is no other way. */
  outputShape(example: Dataset): Promise<readonly number[]>;
  /** The features of a data set. */
  extract(dataset: Dataset, normalization: Normalization | undefined): Promise<Dataset>;
}

interface FeatureSources {
  readonly inputShape: readonly number[];
  readonly workers: number;
  readonly readFile: (path: string) => Uint8Array;
}

/**
 * Prepares the features of a task.
 * @throws {TaskError} `task/file` when its settings do not fit the examples.
 */
export function prepareFeatures(task: TrainingFile, sources: FeatureSources): TaskFeatures {
  try {
    return featuresOf(task, sources);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const shape = sources.inputShape.join(' × ');
    throw new TaskError('task/file', `features do not fit examples of ${shape}: ${cause.message}`, { cause });
  }
}

function featuresOf(task: TrainingFile, { inputShape, workers, readFile }: FeatureSources): TaskFeatures {
  const { features } = task;
  const none = (): never => {
    throw new TypeError('the task has no private normalization');
  };
  if (features === undefined) {
    return {
      event: undefined,
      normalize: none,
      shape: inputShape,
      outputShape: () => Promise.resolve(inputShape),
      extract: (dataset) => Promise.resolve(dataset),
    };
  }
  if (features.kind === 'onnx') {
    const { kind: _kind, file, ...options } = features;
    let loaded: Promise<{ runtime: OnnxRuntime; session: OnnxSession }> | undefined;
    const extract = async (dataset: Dataset): Promise<Dataset> => {
      loaded ??= openSession(readFile(file));
      const opened = await loaded;
      try {
        return await createOnnxFeatureExtractor({ ...opened, ...withoutUndefined(options) }).extract(dataset);
      } catch (cause) {
        if (cause instanceof SottoError) throw cause;
        const text = `the model of features.file does not take examples of ${inputShape.join(' × ')}: ${String(cause)}`;
        throw new TaskError('task/data', text, { cause });
      }
    };
    const outputShape = async (example: Dataset): Promise<readonly number[]> => (await extract(example)).inputShape;
    return { event: undefined, normalize: none, shape: undefined, outputShape, extract };
  }
  const { normalization: declared } = features;
  if (declared.kind !== 'private') {
    const config: FeaturesConfig = { ...features, normalization: declared };
    // A setting that does not fit is found before anything is made.
    const { outputShape } = createFeatureExtractor(config, inputShape);
    return {
      event: undefined,
      normalize: none,
      shape: outputShape,
      outputShape: () => Promise.resolve(outputShape),
      extract: (dataset) => extractFeatures(config, dataset, { workers }),
    };
  }
  const bare: FeaturesConfig = { ...features, center: 'none', normalization: { kind: 'none' } };
  const { outputShape } = createFeatureExtractor(bare, inputShape);
  const release = createPrivateNormalization({ inputShape, ...declared });
  return {
    event: release.event,
    shape: outputShape,
    outputShape: () => Promise.resolve(outputShape),
    normalize: (train, rng) => release.compute(train, rng),
    extract(dataset, normalization) {
      if (normalization === undefined) throw new TypeError('the normalization has not been released');
      return extractFeatures({ ...features, normalization }, dataset, { workers });
    },
  };
}

/** Optional peers that run ONNX models, in the order they are looked for. */
const RUNTIMES = ['onnxruntime-node', 'onnxruntime-web'];

async function openSession(bytes: Uint8Array): Promise<{ runtime: OnnxRuntime; session: OnnxSession }> {
  const failures: unknown[] = [];
  for (const name of RUNTIMES) {
    let runtime: OnnxRuntime & { InferenceSession: { create(model: Uint8Array): Promise<OnnxSession> } };
    try {
      runtime = (await import(name)) as typeof runtime;
    } catch (error) {
      failures.push(error);
      continue;
    }
    try {
      return { runtime, session: await runtime.InferenceSession.create(bytes) };
    } catch (cause) {
      throw new TaskError('task/data', `${name} cannot read the model of features.file: ${String(cause)}`, { cause });
    }
  }
  throw new TaskError(
    'task/data',
    `features of kind onnx need a runtime, and none could be loaded: npm install ${RUNTIMES.join(' or ')}`,
    { cause: new AggregateError(failures) },
  );
}

function withoutUndefined<Options extends object>(
  options: Options,
): {
  [Key in keyof Options]: Exclude<Options[Key], undefined>;
} {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}
