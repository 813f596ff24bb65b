/**
 * Features from a user's own ONNX model, in front of a private head. The runtime (`onnxruntime-web` or
 * `onnxruntime-node`, optional) and the session arrive as arguments, so nothing is loaded or fetched here.
 *
 * The extractor must be public: trained on nothing that is protected. It must also treat each example by itself, or one
 * example would move the features of others and clipping would bound nothing; so examples are run one at a time.
 *
 * @module
 */

import { createDataset, type Dataset } from '../data/index.ts';
import { ModelError } from './errors.ts';

/** A tensor of the runtime. */
interface RuntimeTensor {
  readonly data: ArrayLike<number | bigint | string> | object;
  readonly dims: readonly number[];
}

/** What is used of an `InferenceSession`. */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, RuntimeTensor>>>;
}

/** What is used of the runtime's module. */
export interface OnnxRuntime {
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => unknown;
}

/** How a model is fed and read. */
export interface OnnxFeaturesOptions {
  readonly runtime: OnnxRuntime;
  readonly session: OnnxSession;
  /** Whether images go in with their channels first, as most models want them. True by default. */
  readonly channelsFirst?: boolean;
  /** Public constants for each channel of the input: (x − mean) / stddev. */
  readonly mean?: readonly number[];
  readonly stddev?: readonly number[];
  /** The first output by default. */
  readonly output?: string;
  /** L2 norm that longer features are scaled down to; a public constant. None by default. */
  readonly maxNorm?: number;
}

/** A fixed public map from examples to features. */
export interface OnnxFeatureExtractor {
  /**
   * Replaces a dataset's inputs by features; labels stay.
   * @throws {ModelError} when the session makes something else than floats, or features of several lengths.
   */
  extract(dataset: Dataset): Promise<Dataset>;
}

/** Creates the extractor. @throws {RangeError} when the session does not fit the options. */
export function createOnnxFeatureExtractor({
  runtime,
  session,
  channelsFirst = true,
  mean,
  stddev,
  output = session.outputNames[0],
  maxNorm = Infinity,
}: OnnxFeaturesOptions): OnnxFeatureExtractor {
  const [input, ...more] = session.inputNames;
  if (input === undefined || more.length > 0) {
    throw new RangeError(`"session" must have one input, it has ${session.inputNames.length}`);
  }
  if (output === undefined || !session.outputNames.includes(output)) {
    throw new RangeError(`"output" must be one of ${session.outputNames.join(', ')}, got ${output}`);
  }
  if (!(maxNorm > 0)) throw new RangeError(`"maxNorm" must be a number > 0, got ${maxNorm}`);

  async function featuresOf(example: Float32Array, dims: readonly number[]): Promise<Float32Array> {
    const made = await session.run({ [input as string]: new runtime.Tensor('float32', example, dims) });
    const data = made[output as string]?.data;
    if (!(data instanceof Float32Array)) {
      throw new ModelError('models/shape-mismatch', `the output "${output}" of the ONNX model holds no 32-bit floats`);
    }
    let squares = 0;
    for (const value of data) squares += value * value;
    const norm = Math.sqrt(squares);
    return norm > maxNorm ? data.map((value) => value * (maxNorm / norm)) : data.slice();
  }

  return {
    async extract(dataset) {
      const { inputShape, inputWidth, size, labels, labelWidth, classes } = dataset;
      const channels = inputShape.at(-1) as number;
      for (const [title, constants] of [
        ['mean', mean],
        ['stddev', stddev],
      ] as const) {
        if (constants !== undefined && constants.length !== channels) {
          throw new RangeError(`"${title}" must have ${channels} entries, got ${constants.length}`);
        }
      }
      const image = channelsFirst && inputShape.length === 3;
      const places = inputWidth / channels;
      const dims = image ? [1, channels, inputShape[0] as number, inputShape[1] as number] : [1, ...inputShape];
      let inputs = new Float32Array(0);
      let width = 0;
      for (let example = 0; example < size; example += 1) {
        const one = new Float32Array(inputWidth);
        for (let i = 0; i < inputWidth; i += 1) {
          const channel = i % channels;
          const value = (dataset.inputs[example * inputWidth + i] as number) * dataset.inputScale + dataset.inputOffset;
          const at = image ? channel * places + (i - channel) / channels : i;
          one[at] = (value - (mean?.[channel] ?? 0)) / (stddev?.[channel] ?? 1);
        }
        const features = await featuresOf(one, dims);
        if (example === 0) {
          width = features.length;
          inputs = new Float32Array(size * width);
        } else if (features.length !== width) {
          throw new ModelError(
            'models/shape-mismatch',
            `the ONNX model makes ${features.length} features for one example and ${width} for another`,
          );
        }
        inputs.set(features, example * width);
      }
      // Without examples the length of the features is not known; one will do.
      return createDataset({ inputs, inputShape: [Math.max(1, width)], labels, labelWidth, classes });
    },
  };
}
