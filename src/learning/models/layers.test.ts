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
  type LossDeclaration,
  type Model,
} from './declaration.ts';
import { createEngine } from './engine.ts';
import { initializeFrozenParameters, initializeParameters } from './parameters.ts';
import { compilePlan, type Plan } from './plan.ts';

const EXAMPLES = 9;

/** Models that between them hold every layer and loss, each with a shape of input. */
const cases: Readonly<Record<string, Model>> = {
  'dense without bias': net([dense({ out: 7, bias: false }), tanh(), dense({ out: 4 })], [11]),
  relu: net([dense({ out: 9 }), relu(), dense({ out: 4 })], [11]),
  'tempered sigmoid': net(
    [dense({ out: 9 }), temperedSigmoid({ scale: 1.5, temperature: 3, offset: 0.5 }), dense({ out: 4 })],
    [11],
  ),
  gelu: net([dense({ out: 9 }), gelu(), dense({ out: 4 })], [11]),
  softmax: net([dense({ out: 6 }), softmax(), dense({ out: 4 })], [11]),
  'activations in a row': net(
    [dense({ out: 9 }), tanh(), relu(), tanh(), gelu(), gelu(), temperedSigmoid(), dense({ out: 4 })],
    [11],
  ),
  'an activation first': net([tanh(), dense({ out: 4 })], [11]),
  'layer norm': net([dense({ out: 9 }), layerNorm(), tanh(), dense({ out: 4 })], [11]),
  'layer norm first': net([layerNorm(), dense({ out: 4 })], [11]),
  'a convolution with padding and stride': net(
    [conv2d({ out: 5, kernel: 3, stride: 2, padding: 1 }), tanh(), dense({ out: 4 })],
    [7, 6, 3],
  ),
  'a convolution in groups': net([conv2d({ out: 6, kernel: [3, 2], groups: 3 }), tanh(), dense({ out: 4 })], [5, 6, 3]),
  'a depthwise convolution between others': net(
    [
      conv2d({ out: 4, kernel: 1 }),
      tanh(),
      conv2d({ out: 8, kernel: 3, padding: 1, groups: 4, bias: false }),
      tanh(),
      conv2d({ out: 3, kernel: 2 }),
      dense({ out: 4 }),
    ],
    [5, 5, 2],
  ),
  'max pooling with overlap': net(
    [
      conv2d({ out: 6, kernel: 3 }),
      maxPool({ size: 3, stride: 2 }),
      tanh(),
      conv2d({ out: 5, kernel: 2 }),
      relu(),
      dense({ out: 4 }),
    ],
    [9, 9, 1],
  ),
  'average pooling of uneven windows': net(
    [conv2d({ out: 5, kernel: 3 }), averagePool({ size: [2, 3], stride: [1, 2] }), tanh(), dense({ out: 4 })],
    [8, 8, 2],
  ),
  'group norm': net([conv2d({ out: 6, kernel: 3 }), groupNorm({ groups: 2 }), relu(), dense({ out: 4 })], [6, 6, 2]),
  'a dense layer on an image': net([dense({ out: 16 }), tanh(), dense({ out: 4 })], [4, 4, 1]),
  'a residual connection': net(
    [dense({ out: 8 }), tanh(), residual([dense({ out: 8 }), tanh(), dense({ out: 8 })]), relu(), dense({ out: 4 })],
    [11],
  ),
  'residual connections in each other': net(
    [
      dense({ out: 8 }),
      residual([tanh(), residual([dense({ out: 8 }), gelu()]), dense({ out: 8 })]),
      dense({ out: 4 }),
    ],
    [11],
  ),
  'a residual connection of convolutions': net(
    [
      conv2d({ out: 4, kernel: 3 }),
      residual([groupNorm({ groups: 2 }), relu(), conv2d({ out: 4, kernel: 3, padding: 1 })]),
      averagePool({ size: 2 }),
      dense({ out: 4 }),
    ],
    [6, 6, 1],
  ),
  'a low-rank adapter': net(
    [dense({ out: 9, lora: { rank: 2, alpha: 3 } }), tanh(), dense({ out: 4, lora: { rank: 1 } })],
    [11],
  ),
  'a frozen prefix': freezePrefix(
    net([conv2d({ out: 4, kernel: 3 }), relu(), conv2d({ out: 4, kernel: 2 }), tanh(), dense({ out: 4 })], [6, 6, 1]),
    2,
  ),
  'a frozen layer between': net(
    [dense({ out: 9 }), tanh(), dense({ out: 9, frozen: true }), tanh(), dense({ out: 4 })],
    [11],
  ),
  'a flattened image': net([flatten(), dense({ out: 5 }), tanh(), flatten(), relu(), dense({ out: 4 })], [3, 3, 2]),
  'a bag, summed': net([embeddingBag({ vocabulary: 13, dimension: 5, mode: 'sum' }), tanh(), dense({ out: 4 })], [11]),
  'a bag, averaged': net(
    [embeddingBag({ vocabulary: 13, dimension: 4, mode: 'mean' }), layerNorm(), dense({ out: 4 })],
    [11],
  ),
  'binary cross-entropy': net([dense({ out: 6 }), tanh(), dense({ out: 3 })], [11], 'binaryCrossEntropy'),
  'squared error': net([dense({ out: 6 }), tanh(), dense({ out: 3 })], [11], 'squaredError'),
  "Huber's loss": net([dense({ out: 6 }), tanh(), dense({ out: 3 })], [11], { kind: 'huber', threshold: 0.5 }),
};

function net(layers: LayerDeclaration[], input: number[], loss: LossDeclaration = 'softmaxCrossEntropy'): Model {
  return model(layers, { input, loss });
}

function prepare(declared: Model): { plan: Plan; dataset: Dataset; parameters: Float32Array; frozen: Float32Array } {
  const plan = compilePlan(declared);
  const rng = createSeededRng(JSON.stringify(declared));
  const uniform = (): number => rng.uint32() / 2 ** 31 - 1;
  const bag = declared.layers[0]?.kind === 'embeddingBag';
  const inputs = Float32Array.from({ length: EXAMPLES * plan.inputWidth }, () =>
    // Bags repeat tokens and, with 13 for none, differ in length.
    bag ? rng.uint32() % 14 : 1.5 * uniform(),
  );
  const classes = declared.loss === 'softmaxCrossEntropy';
  const labels = classes
    ? Uint8Array.from({ length: EXAMPLES }, () => rng.uint32() % 4)
    : Float32Array.from({ length: 3 * EXAMPLES }, () => (uniform() + 1) / 2);
  const dataset = createDataset({ inputs, inputShape: plan.input, labels, labelWidth: classes ? 1 : 3 });
  // Away from the start, where adapters and biases are zero.
  const parameters = initializeParameters(plan, rng).map((value) => value + 0.3 * uniform());
  return { plan, dataset, parameters, frozen: initializeFrozenParameters(plan, rng) };
}

const all = Array.from({ length: EXAMPLES }, (_, i) => i);
const norm = (values: ArrayLike<number>): number => Math.hypot(...Array.from(values));

describe.each(Object.entries(cases))('%s', (_, declared) => {
  const { plan, dataset, parameters, frozen } = prepare(declared);
  const engine = createEngine(plan, { frozen });
  const plain = (indices: readonly number[]): Float64Array =>
    engine.clippedSum({ parameters, dataset, indices, clipNorm: Infinity }).sum;

  it('has the gradient that differences of the loss show', () => {
    const rng = createSeededRng('directions');
    const gradient = plain(all);
    const step = 2 ** -13;
    const errors = Array.from({ length: 7 }, () => {
      const direction = Float32Array.from(parameters, () => (rng.uint32() & 1 ? step : -step));
      const lossAt = (sign: number): number =>
        EXAMPLES *
        engine.evaluate({ parameters: parameters.map((p, i) => p + sign * (direction[i] as number)), dataset }).loss;
      const slope = (lossAt(1) - lossAt(-1)) / 2;
      const predicted = gradient.reduce((sum, g, i) => sum + g * (direction[i] as number), 0);
      return Math.abs(slope - predicted) / (step * norm(gradient));
    }).toSorted((a, b) => a - b);
    // The middle one: a step across the kink of a relu or maximum shows in a few directions.
    expect(errors[3]).toBeLessThan(0.005);
    expect(errors[6]).toBeLessThan(0.05);
  });

  it('adds up: the batch gradient is the sum of the gradients of its examples', () => {
    const whole = plain(all);
    const parts = all.map((i) => plain([i]));
    const scale = Math.max(...whole.map(Math.abs));
    for (let j = 0; j < whole.length; j += 1) {
      const sum = parts.reduce((total, part) => total + (part[j] as number), 0);
      expect(Math.abs((whole[j] as number) - sum)).toBeLessThan(1e-5 * scale);
    }
  });

  it('has norms that are those of the gradients', () => {
    const norms = engine.gradientNorms({ parameters, dataset, indices: all });
    for (const i of all) expect(norms[i]).toBeCloseTo(norm(plain([i])), 4);
    // With two equal views every layer forms the example's gradient; with one, dense layers and bags take ghost norms.
    const formed = createEngine(plan, { frozen, augmentation: { views: 2 } });
    const others = formed.gradientNorms({ parameters, dataset, indices: all });
    for (const i of all) expect(Math.abs((others[i] as number) / (norms[i] as number) - 1)).toBeLessThan(1e-5);
  });

  it('clips each example and nothing else', () => {
    const norms = engine.gradientNorms({ parameters, dataset, indices: all });
    const clipNorm = norms.toSorted()[Math.floor(EXAMPLES / 2)] as number;
    const { sum, nonFinite } = engine.clippedSum({ parameters, dataset, indices: all, clipNorm });
    const expected = new Float64Array(sum.length);
    for (const i of all) {
      const factor = Math.min(1, clipNorm / (norms[i] as number));
      for (const [j, g] of plain([i]).entries()) expected[j] = (expected[j] as number) + factor * g;
    }
    expect(nonFinite).toBe(0);
    expect(norm(sum.map((value, j) => value - (expected[j] as number)))).toBeLessThan(1e-5 * clipNorm);
  });

  it('gives the same bits in any order and with several views', () => {
    const request = { parameters, dataset, clipNorm: 0.7 };
    const sum = engine.clippedSum({ ...request, indices: all }).sum;
    expect(engine.clippedSum({ ...request, indices: all.toReversed() }).sum).toEqual(sum);
    const views = createEngine(plan, { frozen, augmentation: { views: 3 } }).clippedSum({
      ...request,
      indices: all,
    }).sum;
    expect(norm(views.map((value, j) => value - (sum[j] as number)))).toBeLessThan(1e-5);
  });
});

describe('dropout', () => {
  const plan = compilePlan(net([dense({ out: 400, bias: true }), dropout({ rate: 0.3 }), dense({ out: 2 })], [3]));
  const dataset = createDataset({
    inputs: Float32Array.of(1, 2, 3, 1, 2, 3),
    inputShape: [3],
    labels: Uint8Array.of(0, 0),
  });
  const parameters = initializeParameters(plan, createSeededRng('dropout'));
  const engine = createEngine(plan);
  const gradientOf = (index: number, stepSeed: bigint): Float64Array =>
    engine.clippedSum({ parameters, dataset, indices: [index], clipNorm: Infinity, stepSeed }).sum;
  const droppedIn = (gradient: Float64Array): boolean[] =>
    Array.from(
      gradient.subarray(1600, 2400).filter((__, j) => j % 2 === 0),
      (g) => g === 0,
    );

  it('drops the same numbers on the way back as on the way forward', () => {
    const gradient = gradientOf(0, 7n);
    const dropped = droppedIn(gradient);
    const biasGradient = gradient.subarray(1200, 1600);
    for (const [j, gone] of dropped.entries()) expect(biasGradient[j] === 0).toBe(gone);
  });

  it('drops about the share it is told to', () => {
    const counts = Array.from({ length: 20 }, (__, i) => droppedIn(gradientOf(0, BigInt(i))).filter(Boolean).length);
    const total = counts.reduce((sum, count) => sum + count, 0);
    // 8000 draws at 0.3: six standard deviations are 246.
    expect(Math.abs(total - 2400)).toBeLessThan(246);
  });

  it('depends on the step and the example alone', () => {
    expect(gradientOf(0, 7n)).toEqual(gradientOf(0, 7n));
    expect(droppedIn(gradientOf(0, 7n))).not.toEqual(droppedIn(gradientOf(0, 8n)));
    expect(droppedIn(gradientOf(0, 7n))).not.toEqual(droppedIn(gradientOf(1, 7n)));
    const both = engine.clippedSum({ parameters, dataset, indices: [0, 1], clipNorm: Infinity, stepSeed: 7n }).sum;
    const apart = gradientOf(0, 7n).map((g, j) => g + (gradientOf(1, 7n)[j] as number));
    expect(norm(both.map((g, j) => g - (apart[j] as number)))).toBeLessThan(1e-5 * norm(both));
  });

  it('drops everything at a rate next to one', () => {
    const sure = compilePlan(net([dense({ out: 400 }), dropout({ rate: 1 - 2 ** -40 }), dense({ out: 2 })], [3]));
    const request = { parameters, dataset, indices: [0], clipNorm: Infinity, stepSeed: 1n };
    const { sum } = createEngine(sure).clippedSum(request);
    expect(sum.subarray(0, 2400)).toEqual(new Float64Array(2400));
  });

  it('asks for coins, and drops nothing in evaluation', () => {
    expect(() => engine.clippedSum({ parameters, dataset, indices: [0], clipNorm: 1 })).toThrow('"stepSeed" is needed');
    const bare = compilePlan(net([dense({ out: 400 }), dense({ out: 2 })], [3]));
    expect(engine.predict({ parameters, dataset })).toEqual(createEngine(bare).predict({ parameters, dataset }));
  });
});
