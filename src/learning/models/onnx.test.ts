import * as ort from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { createDataset, type Dataset } from '../data/index.ts';
import {
  averagePool,
  conv2d,
  dense,
  dropout,
  embeddingBag,
  flatten,
  freezePrefix,
  gelu,
  groupNorm,
  layerNorm,
  maxPool,
  model,
  relu,
  residual,
  softmax,
  tanh,
  temperedSigmoid,
  type LayerDeclaration,
  type Model,
} from './declaration.ts';
import { createEngine } from './engine.ts';
import { ModelError } from './errors.ts';
import { decodeModelFile, encodeModelFile } from './model-file.ts';
import { exportOnnx } from './onnx-export.ts';
import { createOnnxFeatureExtractor } from './onnx-features.ts';
import { decodeOnnx, encodeOnnx, type OnnxModel, type OnnxNode, type OnnxTensor } from './onnx-format.ts';
import { importOnnx } from './onnx-import.ts';
import { compilePlan, type Plan } from './plan.ts';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

/** Numbers in (−1, 1), a quarter of them zero. */
function numbers(count: number, seed: string): Float32Array {
  const rng = createSeededRng(seed);
  return Float32Array.from({ length: count }, () => (rng.uint32() % 4 === 0 ? 0 : rng.uint32() / 2 ** 31 - 1));
}

function dataOf(inputShape: readonly number[], inputs: Float32Array): Dataset {
  const size = inputs.length / inputShape.reduce((a, b) => a * b, 1);
  return createDataset({ inputs, inputShape, labels: new Uint8Array(size), classes: 2 });
}

async function runInOnnx(bytes: Uint8Array, inputs: Float32Array, dims: readonly number[]): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'], logSeverityLevel: 3 });
  const results = await session.run({ [session.inputNames[0] as string]: new ort.Tensor('float32', inputs, dims) });
  const { data } = results[session.outputNames[0] as string] as ort.Tensor;
  await session.release();
  return data as Float32Array;
}

function largestError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = a.length === b.length ? 0 : Infinity;
  for (let i = 0; i < a.length; i += 1) largest = Math.max(largest, Math.abs((a[i] as number) - (b[i] as number)));
  return largest;
}

const image = (...layers: LayerDeclaration[]): Model =>
  model([...layers, dense({ out: 4 })], { input: [9, 8, 4], loss: 'softmaxCrossEntropy' });
const row = (...layers: LayerDeclaration[]): Model =>
  model([...layers, dense({ out: 3 })], { input: [7], loss: 'softmaxCrossEntropy' });

const models: Record<string, Model> = {
  'dense, with and without bias': row(dense({ out: 5, bias: false }), dense({ out: 6 })),
  adapters: row(
    dense({ out: 5, lora: { rank: 2, alpha: 3 } }),
    relu(),
    dense({ out: 4, bias: false, lora: { rank: 1 } }),
  ),
  'convolution, stride, padding, groups': image(
    conv2d({ out: 6, kernel: [3, 2], stride: [2, 1], padding: [1, 0], groups: 2 }),
    relu(),
    conv2d({ out: 5, kernel: 2, bias: false }),
  ),
  pooling: image(maxPool({ size: [3, 2], stride: [2, 1] }), averagePool({ size: 2 })),
  'elementwise on images': image(
    conv2d({ out: 3, kernel: 3 }),
    tanh(),
    gelu(),
    temperedSigmoid({ scale: 1.5, temperature: 3, offset: 0.25 }),
  ),
  'elementwise on rows': row(dense({ out: 6 }), gelu(), temperedSigmoid(), softmax()),
  'softmax and layer norm over images': image(layerNorm({ epsilon: 0.01 }), softmax()),
  'group norm on images': image(groupNorm({ groups: 2 }), relu(), flatten()),
  'group norm on rows': row(dense({ out: 6 }), groupNorm({ groups: 3, epsilon: 0.1 })),
  'layer norm and dropout': row(dense({ out: 6 }), layerNorm(), dropout({ rate: 0.5 })),
  'residual connections, nested': image(
    conv2d({ out: 4, kernel: 3, padding: 1 }),
    residual([relu(), residual([conv2d({ out: 4, kernel: 3, padding: 1 }), tanh()]), conv2d({ out: 4, kernel: 1 })]),
    flatten(),
    residual([dense({ out: 288 })]),
  ),
  'a frozen prefix': freezePrefix(image(conv2d({ out: 3, kernel: 2, name: 'stem' }), relu()), 2),
};

/** Parameters that are nowhere zero, so that a tensor in the wrong place shows. */
function parametersOf(plan: Plan): { parameters: Float32Array; frozen: Float32Array } {
  const some = (count: number, seed: string) => numbers(count, seed).map((value) => value * 0.5 + 0.1);
  return { parameters: some(plan.parameterCount, 'parameters'), frozen: some(plan.frozenCount, 'frozen') };
}

describe('exportOnnx', () => {
  it.each(Object.entries(models))('computes in onnxruntime what the engine computes: %s', async (_, declared) => {
    const plan = compilePlan(declared);
    const { parameters, frozen } = parametersOf(plan);
    const inputs = numbers(5 * plan.inputWidth, 'inputs');
    const bytes = exportOnnx(plan, { parameters, frozen });
    const expected = createEngine(plan, { frozen }).predict({ parameters, dataset: dataOf(plan.input, inputs) });
    const actual = await runInOnnx(bytes, inputs, [5, ...plan.input]);
    const scale = Math.max(1, ...expected.map(Math.abs));
    expect(largestError(actual, expected)).toBeLessThan(1e-5 * scale);
  });

  it.each([
    ['sum', 6],
    ['mean', 6],
    ['mean', 5],
    ['sum', -1],
  ] as const)('leaves out what is no token, and allows empty bags: %s, %i for none', async (mode, padding) => {
    const plan = compilePlan(
      model([embeddingBag({ vocabulary: 6, dimension: 3, mode, padding }), dense({ out: 2 })], {
        input: [4],
        loss: 'softmaxCrossEntropy',
      }),
    );
    const { parameters } = parametersOf(plan);
    const none = padding;
    const inputs = Float32Array.of(0, 4, 4, none, none, none, none, none, 1, 2, 3, 4);
    const expected = createEngine(plan).predict({ parameters, dataset: dataOf([4], inputs) });
    const actual = await runInOnnx(exportOnnx(plan, { parameters }), inputs, [3, 4]);
    expect(largestError(actual, expected)).toBeLessThan(1e-5);
  });

  it('refuses vectors of another length and reserved metadata', () => {
    const plan = compilePlan(row());
    expect(() => exportOnnx(plan, { parameters: new Float32Array(3) })).toThrow(
      '"parameters" must have 24 entries, got 3',
    );
    const parameters = new Float32Array(24);
    expect(() => exportOnnx(plan, { parameters, metadata: { 'sotto.x': '' } })).toThrow('reserved');
  });
});

describe('importOnnx', () => {
  it.each([
    ...Object.entries(models),
    [
      'a bag of tokens',
      model([embeddingBag({ vocabulary: 6, dimension: 3, mode: 'sum' })], { input: [4], loss: 'squaredError' }),
    ],
  ] as [string, Model][])('gives back what was exported: %s', (_, declared) => {
    const plan = compilePlan(declared);
    const { parameters, frozen } = parametersOf(plan);
    const imported = importOnnx(exportOnnx(plan, { parameters, frozen, metadata: { note: 'x' } }));
    expect(imported.model).toEqual(JSON.parse(JSON.stringify(declared)));
    expect(imported.parameters).toEqual(parameters);
    expect(imported.frozen).toEqual(frozen);
  });

  it('refuses a file whose graph is not what it declares', () => {
    const plan = compilePlan(row(relu()));
    const file = decodeOnnx(exportOnnx(plan, parametersOf(plan)));
    const nodes = file.nodes.map((node) => (node.operation === 'Relu' ? { ...node, operation: 'Tanh' } : node));
    expect(() => importOnnx(encodeOnnx({ ...file, nodes }))).toThrow('is not what its "sotto.model" declares');
  });

  const tensor = (shape: number[], seed: string): OnnxTensor => ({
    shape,
    data: numbers(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ).map((value) => value * 0.3 + 0.05),
  });
  const node = (
    operation: string,
    inputs: string[],
    output: string,
    attributes: OnnxNode['attributes'] = {},
  ): OnnxNode => ({
    operation,
    inputs,
    outputs: [output],
    attributes,
  });
  const graph = (nodes: OnnxNode[], tensors: Record<string, OnnxTensor>, input: number[]): OnnxModel => ({
    opset: 17,
    nodes,
    initializers: new Map(Object.entries(tensors)),
    inputs: [{ name: 'x', shape: ['batch', ...input] }],
    outputs: [{ name: nodes.at(-1)?.outputs[0] as string, shape: ['batch', 3] }],
    metadata: {},
  });

  /** A graph as other tools write it: channels first, weights as [out, in], flattened with the channels outermost. */
  const foreign = graph(
    [
      node('Conv', ['x', 'c1', 'd1'], 'a', {
        kernel_shape: [3n, 3n],
        strides: [2n, 1n],
        pads: [1n, 0n, 1n, 0n],
        group: 2n,
      }),
      node('Relu', ['a'], 'b'),
      node('MaxPool', ['b'], 'p', { kernel_shape: [2n, 2n], strides: [1n, 2n] }),
      node('Conv', ['p', 'c2'], 'q', { kernel_shape: [1n, 1n] }),
      node('Add', ['p', 'q'], 'r'),
      node('Sigmoid', ['r'], 's'),
      node('Flatten', ['s'], 'f', { axis: 1n }),
      node('Gemm', ['f', 'w1', 'v1'], 'g', { transB: 1n }),
      node('Tanh', ['g'], 'h'),
      node('MatMul', ['h', 'w2'], 'i'),
      node('Add', ['v2', 'i'], 'y'),
    ],
    {
      c1: tensor([6, 1, 3, 3], 'c1'),
      d1: tensor([6], 'd1'),
      c2: tensor([6, 6, 1, 1], 'c2'),
      w1: tensor([5, 36], 'w1'),
      v1: tensor([5], 'v1'),
      w2: tensor([5, 3], 'w2'),
      v2: tensor([3], 'v2'),
    },
    [2, 7, 7],
  );

  it('reads graphs of other tools: channels first, weights turned, residual connections', async () => {
    const bytes = encodeOnnx(foreign);
    const { model: read, plan, parameters } = importOnnx(bytes);
    expect(read.input).toEqual([7, 7, 2]);
    expect(read.layers.map(({ kind }) => kind)).toEqual([
      'conv2d',
      'relu',
      'maxPool',
      'residual',
      'temperedSigmoid',
      'flatten',
      'dense',
      'tanh',
      'dense',
    ]);
    const inputs = numbers(4 * 98, 'images');
    const channelsFirst = Float32Array.from(inputs, (_, at) => {
      const [example, channel, place] = [Math.floor(at / 98), Math.floor((at % 98) / 49), at % 49];
      return inputs[example * 98 + place * 2 + channel] as number;
    });
    const expected = await runInOnnx(bytes, channelsFirst, [4, 2, 7, 7]);
    const actual = createEngine(plan).predict({ parameters, dataset: dataOf([7, 7, 2], inputs) });
    expect(largestError(actual, expected)).toBeLessThan(1e-5);
    // And out again.
    const again = await runInOnnx(exportOnnx(plan, { parameters }), inputs, [4, 7, 7, 2]);
    expect(largestError(again, expected)).toBeLessThan(1e-5);
  });

  const w = { w: tensor([7, 3], 'w') };
  const square = { k: tensor([2, 2, 3, 3], 'k') };
  it.each([
    ['mixes examples', graph([node('BatchNormalization', ['x'], 'y')], {}, [7])],
    ['no layer for the operator Einsum', graph([node('Einsum', ['x'], 'y')], {}, [7])],
    ['no layer for the operator toString', graph([node('toString', ['x'], 'y')], {}, [7])],
    ['scales its terms', graph([node('Gemm', ['x', 'w'], 'y', { alpha: 0.5 })], w, [7])],
    ['needs constant weights', graph([node('MatMul', ['x', 'x'], 'y')], {}, [7])],
    ['has 7 inputs for a value of shape [8]', graph([node('MatMul', ['x', 'w'], 'y')], w, [8])],
    ['is dilated', graph([node('Conv', ['x', 'k'], 'y', { dilations: [2n, 2n] })], square, [2, 8, 8])],
    ['pads its sides unevenly', graph([node('Conv', ['x', 'k'], 'y', { pads: [0n, 0n, 1n, 1n] })], square, [2, 8, 8])],
    ['pads automatically', graph([node('Conv', ['x', 'k'], 'y', { auto_pad: 'SAME_UPPER' })], square, [2, 8, 8])],
    ['rounds sizes up', graph([node('MaxPool', ['x'], 'y', { kernel_shape: [2n, 2n], ceil_mode: 1n })], {}, [2, 8, 8])],
    [
      'no residual connection',
      graph([node('Relu', ['x'], 'a'), node('Tanh', ['x'], 'b'), node('Add', ['a', 'b'], 'y')], {}, [7]),
    ],
    ['channels first', graph([node('Conv', ['x', 'k'], 'y')], square, [2, 8, 8])],
    [
      'no residual connection',
      graph(
        [node('Flatten', ['x'], 'f'), node('MatMul', ['f', 'q'], 'a'), node('Add', ['f', 'a'], 'y')],
        { q: tensor([8, 8], 'q') },
        [2, 2, 2],
      ),
    ],
    ['has a bias of [3, 1]', graph([node('Gemm', ['x', 'w', 'b'], 'y')], { ...w, b: tensor([3, 1], 'b') }, [7])],
    ['must multiply by a matrix', graph([node('Gemm', ['x', 'b'], 'y')], { b: tensor([7, 3, 1], 'b') }, [7])],
    [
      '"layers.0.padding.0"',
      graph(
        [
          node('Conv', ['x', 'k'], 'c', { pads: [-1n, -1n, -1n, -1n] }),
          node('Flatten', ['c'], 'f'),
          node('MatMul', ['f', 'v'], 'y'),
        ],
        { k: tensor([3, 2, 2, 2], 'k'), v: tensor([75, 3], 'v') },
        [2, 8, 8],
      ),
    ],
    [
      'for a value of shape [NaN]',
      graph(
        [
          node('MaxPool', ['x'], 'c', { kernel_shape: [2n, 2n], strides: [2n] }),
          node('Flatten', ['c'], 'f'),
          node('MatMul', ['f', 'w'], 'y'),
        ],
        w,
        [2, 8, 8],
      ),
    ],
    ['of a known shape', { ...foreign, inputs: [{ name: 'x', shape: ['batch', 'n'] }] }],
  ] as [string, OnnxModel][])('refuses what %s', (message, file) => {
    const read = () => importOnnx(encodeOnnx(file));
    expect(read).toThrow(ModelError);
    expect(read).toThrow(message);
  });

  it('refuses truncated and damaged files with a typed error', () => {
    const plan = compilePlan(row(relu()));
    const bytes = exportOnnx(plan, parametersOf(plan));
    for (let length = 0; length < bytes.length; length += 7) {
      expect(() => importOnnx(bytes.subarray(0, length))).toThrow(ModelError);
    }
    const outcome = (damaged: Uint8Array): unknown => {
      try {
        return importOnnx(damaged).plan;
      } catch (error) {
        return error instanceof ModelError ? 'refused' : error;
      }
    };
    const outcomes = Array.from(bytes, (byte, at) => outcome(bytes.with(at, byte ^ 0x55)));
    expect(outcomes.filter((result) => result instanceof Error)).toEqual([]);
    expect(outcomes.filter((result) => result === 'refused').length).toBeGreaterThan(bytes.length / 4);
    const nan = { shape: [7, 3], data: new Float32Array(21).fill(Number.NaN) };
    expect(() => importOnnx(encodeOnnx(graph([node('MatMul', ['x', 'w'], 'y')], { w: nan }, [7])))).toThrow(
      'not finite',
    );
  });
});

describe('model files', () => {
  const plan = compilePlan(models['a frozen prefix'] as Model);
  const vectors = parametersOf(plan);

  it('keep trained and frozen parameters by name', () => {
    expect(decodeModelFile(encodeModelFile(plan, vectors, { note: 'x' }), plan)).toEqual(vectors);
  });

  it('are refused when they are of another model', () => {
    const other = compilePlan(image(conv2d({ out: 3, kernel: 2, name: 'stem' })));
    const bytes = encodeModelFile(other, parametersOf(other));
    const narrow = compilePlan(freezePrefix(image(conv2d({ out: 2, kernel: 2, name: 'stem' })), 1));
    expect(() => decodeModelFile(bytes, narrow)).toThrow('has the tensor "');
    expect(() => decodeModelFile(bytes, compilePlan(row()))).toThrow('which the model does not have');
    const broken = { ...vectors, parameters: vectors.parameters.with(3, Number.NaN) };
    expect(() => decodeModelFile(encodeModelFile(plan, broken), plan)).toThrow('not finite');
    expect(() => encodeModelFile(plan, { parameters: vectors.parameters })).toThrow('"parameters" and "frozen"');
  });
});

describe('createOnnxFeatureExtractor', () => {
  const plan = compilePlan(row(dense({ out: 5 }), tanh()));
  const { parameters } = parametersOf(plan);
  const inputs = numbers(3 * 7, 'features');
  const dataset = dataOf([7], inputs);

  it('replaces inputs by what a session makes of each example alone', async () => {
    const session = await ort.InferenceSession.create(exportOnnx(plan, { parameters }), {
      executionProviders: ['wasm'],
    });
    const sizes: number[] = [];
    const watched = {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      run(feeds: Readonly<Record<string, unknown>>) {
        sizes.push((feeds.input as ort.Tensor).dims[0] as number);
        return session.run(feeds as Record<string, ort.Tensor>);
      },
    };
    const features = await createOnnxFeatureExtractor({ runtime: ort, session: watched }).extract(dataset);
    expect(sizes).toEqual([1, 1, 1]);
    expect(features).toMatchObject({ size: 3, inputShape: [3], classes: 2, labels: dataset.labels });
    expect(largestError(features.inputs, createEngine(plan).predict({ parameters, dataset }))).toBeLessThan(1e-5);
    const short = await createOnnxFeatureExtractor({ runtime: ort, session: watched, maxNorm: 0.01 }).extract(dataset);
    for (let example = 0; example < 3; example += 1) {
      expect(Math.hypot(...short.inputs.subarray(3 * example, 3 * example + 3))).toBeLessThanOrEqual(0.01 * (1 + 1e-6));
    }
  });

  it('feeds images with their channels first and standardised', async () => {
    const seen: { dims: readonly number[]; data: number[] }[] = [];
    class Tensor {
      readonly data: Float32Array;
      readonly dims: readonly number[];
      constructor(_: 'float32', data: Float32Array, dims: readonly number[]) {
        this.data = data;
        this.dims = dims;
        seen.push({ dims, data: [...data] });
      }
    }
    const session = {
      inputNames: ['x'],
      outputNames: ['y'],
      run: (feeds: Readonly<Record<string, unknown>>) => Promise.resolve({ y: feeds.x as Tensor }),
    };
    const images = createDataset({
      inputs: Uint8Array.of(1, 2, 3, 4),
      inputShape: [1, 2, 2],
      labels: new Uint8Array(1),
      inputScale: 2,
    });
    const options = { runtime: { Tensor }, session, mean: [2, 0], stddev: [1, 4] };
    await createOnnxFeatureExtractor(options).extract(images);
    expect(seen).toEqual([{ dims: [1, 2, 1, 2], data: [0, 4, 1, 2] }]);
    await expect(createOnnxFeatureExtractor({ ...options, mean: [0] }).extract(images)).rejects.toThrow(
      '"mean" must have 2 entries',
    );
    expect(() => createOnnxFeatureExtractor({ ...options, output: 'z' })).toThrow('"output" must be one of y, got z');
  });
});
