import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';

import { createSeededRng, shuffleInto } from '../../foundations/random/index.ts';
import { createDataset, type Dataset } from '../data/index.ts';
import { splitIntoBlocks } from './blocks.ts';
import { computeClippedSumSensitivity } from './clipping.ts';
import { conv2d, dense, embeddingBag, maxPool, model, relu, tanh, type Model } from './declaration.ts';
import { createEngine, type Engine } from './engine.ts';
import type { ExampleGradientLayer, FreeLayer, GhostLayer, Layer } from './layers/layer.ts';
import { initializeParameters } from './parameters.ts';
import { compilePlan } from './plan.ts';

const EXAMPLES = 400;

const mlp = model([dense({ out: 6 }), tanh(), dense({ out: 3 })], { input: [5], loss: 'softmaxCrossEntropy' });
const cnn = model([conv2d({ out: 3, kernel: 2 }), relu(), maxPool({ size: 2, stride: 1 }), dense({ out: 3 })], {
  input: [5, 1, 1].map((extent, i) => (i < 2 ? 4 : extent)),
  loss: 'softmaxCrossEntropy',
});
const bag = model([embeddingBag({ vocabulary: 40, dimension: 3, mode: 'sum' }), dense({ out: 3 })], {
  input: [6],
  loss: 'softmaxCrossEntropy',
});

interface Fixture {
  readonly engine: Engine;
  readonly dataset: Dataset;
  readonly parameters: Float32Array;
}

function fixture(declared: Model, { scale = 3 }: { scale?: number } = {}): Fixture {
  const plan = compilePlan(declared);
  const rng = createSeededRng('engine');
  const tokens = declared === bag;
  const dataset = createDataset({
    inputs: Float32Array.from({ length: EXAMPLES * plan.inputWidth }, () =>
      tokens ? rng.uint32() % 41 : scale * (rng.uint32() / 2 ** 31 - 1),
    ),
    inputShape: plan.input,
    labels: Uint8Array.from({ length: EXAMPLES }, () => rng.uint32() % 3),
  });
  return { engine: createEngine(plan), dataset, parameters: initializeParameters(plan, rng) };
}

const distance = (a: Float64Array, b: Float64Array): number => Math.hypot(...a.map((x, i) => x - (b[i] as number)));
const sample = fc.uniqueArray(fc.integer({ min: 0, max: EXAMPLES - 1 }), { minLength: 1, maxLength: 200 });
const runs = { numRuns: process.env.SLOW === '1' ? 400 : 20, seed: 4 };

describe.each([
  ['a multilayer perceptron', mlp],
  ['a convolutional net', cnn],
  ['a bag of tokens', bag],
] as const)('clipped sums of %s', (_, declared) => {
  const { engine, dataset, parameters } = fixture(declared);
  const { parameterCount } = engine.plan;
  const sumOf = (indices: readonly number[], clipNorm: number): Float64Array =>
    engine.clippedSum({ parameters, dataset, indices, clipNorm }).sum;

  it('move by at most the charged sensitivity when one example comes or goes', () => {
    fc.assert(
      fc.property(sample, fc.double({ min: 1e-3, max: 10, noNaN: true }), (indices, clipNorm) => {
        const moved = distance(sumOf(indices, clipNorm), sumOf(indices.slice(1), clipNorm));
        expect(moved).toBeLessThanOrEqual(computeClippedSumSensitivity({ clipNorm, parameterCount }));
      }),
      runs,
    );
  });

  it('change one block alone when one example goes, and add up exactly', () => {
    fc.assert(
      fc.property(sample, (indices) => {
        const sorted = Uint32Array.from(indices).sort();
        const whole = sumOf(indices, 0.5);
        const parts = new Float64Array(whole.length);
        for (const { from, count } of splitIntoBlocks(sorted)) {
          const part = sumOf([...sorted.subarray(from, from + count)], 0.5);
          for (const [j, value] of part.entries()) parts[j] = (parts[j] as number) + value;
        }
        expect(whole).toEqual(parts);
      }),
      runs,
    );
  });

  it('have the same bits whatever the order of the sample', () => {
    const rng = createSeededRng('orders');
    const indices = Array.from({ length: 150 }, (__, i) => 2 * i);
    const sum = sumOf(indices, 1);
    for (let trial = 0; trial < 5; trial += 1) {
      shuffleInto(indices, rng);
      expect(sumOf(indices, 1)).toEqual(sum);
    }
  });

  it('are zeros for an empty sample', () => {
    const { sum, nonFinite } = engine.clippedSum({ parameters, dataset, indices: [], clipNorm: 1 });
    expect(sum).toEqual(new Float64Array(parameterCount));
    expect(nonFinite).toBe(0);
  });
});

describe('the bound of one example', () => {
  const norm = (values: Float64Array): number => Math.hypot(...values);

  it('holds where the squares of the output gradients underflow in float32', () => {
    const plan = compilePlan(model([dense({ out: 16, bias: false })], { input: [1], loss: 'squaredError' }));
    const dataset = createDataset({
      inputs: Float32Array.of(2 ** 39),
      inputShape: [1],
      labels: new Float32Array(16).fill(2 ** -76),
      labelWidth: 16,
    });
    // The gradient is 16 times -2^-36; the squares of the 2^-75 it is made of are below the least float.
    const clipNorm = 2 ** -40;
    const { sum } = createEngine(plan).clippedSum({
      parameters: new Float32Array(16),
      dataset,
      indices: [0],
      clipNorm,
    });
    expect(norm(sum)).toBeLessThanOrEqual(computeClippedSumSensitivity({ clipNorm, plan }));
    expect(norm(sum)).toBeGreaterThan(0.999 * clipNorm);
  });

  it.each(['sum', 'mean'] as const)('holds for a long bag of one word: %s', (mode) => {
    const length = 2 ** 16 + 3;
    const plan = compilePlan(
      model([embeddingBag({ vocabulary: 3, dimension: 5, mode }), dense({ out: 2, frozen: true })], {
        input: [length],
        loss: 'softmaxCrossEntropy',
      }),
    );
    const inputs = new Uint8Array(2 * length).fill(1);
    inputs.fill(2, 5, 9);
    const dataset = createDataset({ inputs, inputShape: [length], labels: Uint8Array.of(0, 1) });
    const frozen = Float32Array.from({ length: plan.frozenCount }, (_, i) => (i % 3) - 0.7);
    const request = { parameters: new Float32Array(plan.parameterCount), dataset };
    const engine = createEngine(plan, { frozen });
    for (const indices of [[0], [1]]) {
      const plain = norm(engine.clippedSum({ ...request, indices, clipNorm: Infinity }).sum);
      expect(engine.gradientNorms({ ...request, indices })[0]).toBeCloseTo(plain, 3);
      const { sum } = engine.clippedSum({ ...request, indices, clipNorm: plain / 10 });
      expect(norm(sum) / (plain / 10)).toBeCloseTo(1, 5);
      expect(norm(sum)).toBeLessThanOrEqual(plain / 10);
    }
  });
});

describe('a number that stands for no token', () => {
  const declared = (padding: number) =>
    compilePlan(
      model([embeddingBag({ vocabulary: 7, dimension: 3, mode: 'mean', padding }), dense({ out: 2 })], {
        input: [5],
        loss: 'softmaxCrossEntropy',
      }),
    );

  it.each([-1, 0, 3, 7, 9])('is left out wherever it lies: %i', (padding) => {
    const bags = [[1, 1, 2, 4, 5], [2, undefined, undefined, 6, undefined], Array<undefined>(5).fill(undefined)];
    const dataOf = (none: number) =>
      createDataset({
        inputs: Float32Array.from(bags.flat(), (token) => token ?? none),
        inputShape: [5],
        labels: Uint8Array.of(0, 1, 1),
      });
    const parameters = initializeParameters(declared(7), createSeededRng('padding'));
    const sumOf = (none: number): Float64Array =>
      createEngine(declared(none)).clippedSum({ parameters, dataset: dataOf(none), indices: [0, 1, 2], clipNorm: 0.2 })
        .sum;
    expect(sumOf(padding)).toEqual(sumOf(100));
  });
});

describe('gradients that are not finite', () => {
  it.each([
    ['NaN', Number.NaN, mlp],
    ['an infinity', Infinity, mlp],
    ['a number whose square overflows', 1e30, mlp],
    ['NaN', Number.NaN, cnn],
    ['an infinity', -Infinity, cnn],
  ] as const)('count as zero and are counted: %s', (_, poison, declared) => {
    const { engine, dataset, parameters } = fixture(declared);
    const inputs = Float32Array.from(dataset.inputs);
    inputs[7 * dataset.inputWidth + 1] = poison;
    const poisoned = createDataset({ ...dataset, inputs });
    const indices = Array.from({ length: 30 }, (__, i) => i);
    const { sum, nonFinite } = engine.clippedSum({ parameters, dataset: poisoned, indices, clipNorm: 1 });
    const without = engine.clippedSum({ parameters, dataset, indices: indices.filter((i) => i !== 7), clipNorm: 1 });
    expect(nonFinite).toBe(1);
    expect(sum).toEqual(without.sum);
    const plain = engine.clippedSum({ parameters, dataset: poisoned, indices, clipNorm: Infinity });
    expect(plain.sum.every(Number.isFinite)).toBe(true);
  });

  it('of zero give the factor one', () => {
    const { engine, dataset } = fixture(mlp);
    const parameters = new Float64Array(engine.plan.parameterCount);
    const sure = Float32Array.from(parameters);
    // A bias that makes every label certain: softmax gradients underflow to nothing.
    const labels = new Uint8Array(EXAMPLES);
    sure[sure.length - 3] = 1000;
    const certain = createDataset({ ...dataset, labels });
    const { sum, nonFinite } = engine.clippedSum({ parameters: sure, dataset: certain, indices: [1, 2], clipNorm: 1 });
    expect(Math.hypot(...sum)).toBeLessThan(1e-30);
    expect(nonFinite).toBe(0);
  });

  it('stop training without clipping, where nothing bounds them', () => {
    const { engine, dataset } = fixture(mlp, { scale: 1e20 });
    const parameters = new Float32Array(engine.plan.parameterCount).fill(1e19);
    const request = { parameters, dataset, indices: [1, 2, 3], clipNorm: Infinity };
    expect(engine.clippedSum(request).nonFinite).toBe(3);
  });
});

describe('what does not fit', () => {
  const { engine, dataset, parameters } = fixture(mlp);
  const request = { parameters, dataset, indices: [0], clipNorm: 1 };

  it('is refused before anything is computed', () => {
    const narrow = createDataset({ inputs: new Float32Array(8), inputShape: [4], labels: new Uint8Array(2) });
    expect(() => engine.clippedSum({ ...request, dataset: narrow })).toThrow('the model takes inputs of 5');
    const labels = new Uint8Array(EXAMPLES).fill(3);
    expect(() => engine.clippedSum({ ...request, dataset: createDataset({ ...dataset, labels }) })).toThrow(
      'label of example 0 must be an integer in [0, 2], got 3',
    );
    expect(() => engine.clippedSum({ ...request, parameters: new Float32Array(3) })).toThrow('"parameters" must hold');
    expect(() => engine.clippedSum({ ...request, indices: [EXAMPLES] })).toThrow('"indices[0]" must be an integer');
    expect(() => engine.clippedSum({ ...request, indices: [3, 3] })).toThrow('"indices" must be distinct');
    for (const clipNorm of [0, -1, Number.NaN, 2 ** -50]) {
      expect(() => engine.clippedSum({ ...request, clipNorm })).toThrow('"clipNorm" must be a number in');
    }
    expect(() => engine.clippedSum({ ...request, clipping: { kind: 'perLayer', clipNorms: [1] } })).toThrow(
      '"clipNorms" must hold 2 numbers',
    );
    expect(() => createEngine(engine.plan, { augmentation: { views: 2, flip: true } })).toThrow('views move images');
  });

  it('is refused where automatic clipping would divide by nothing', () => {
    for (const stability of [0, 1e-300, Number.NaN, Infinity]) {
      const clipping = { kind: 'automatic', clipNorm: 1, stability } as const;
      expect(() => engine.clippedSum({ ...request, clipping })).toThrow(
        '"stability" must be a number in [2^-40, 2^60]',
      );
    }
  });

  it('is refused for tokens out of the vocabulary', () => {
    const texts = fixture(bag);
    const inputs = Float32Array.from(texts.dataset.inputs);
    inputs[6] = 41;
    expect(() =>
      texts.engine.predict({ parameters: texts.parameters, dataset: createDataset({ ...texts.dataset, inputs }) }),
    ).toThrow('token of example 1 must be an integer in [0, 39] or 40 for none, got 41');
  });
});

describe('small integers at a public scale', () => {
  it.each([1, 2])('of %i byte(s) are the floats they stand for', (bytes) => {
    const { engine, dataset, parameters } = fixture(mlp);
    const numbers = Array.from(dataset.inputs, (_, i) => (i * 37) % 251);
    const raw = bytes === 1 ? Uint8Array.from(numbers) : Uint16Array.from(numbers);
    const scaled = createDataset({ ...dataset, inputs: raw, inputScale: 1 / 64, inputOffset: -0.5 });
    const floats = createDataset({ ...dataset, inputs: Float32Array.from(raw, (v) => v / 64 - 0.5) });
    const indices = Array.from({ length: 50 }, (_, i) => i * 3);
    expect(engine.clippedSum({ parameters, dataset: scaled, indices, clipNorm: 1 }).sum).toEqual(
      engine.clippedSum({ parameters, dataset: floats, indices, clipNorm: 1 }).sum,
    );
  });
});

describe('views of images', () => {
  const plan = compilePlan(model([dense({ out: 1, bias: false })], { input: [3, 4, 1], loss: 'squaredError' }));
  const image = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
  const dataset = createDataset({ inputs: image, inputShape: [3, 4, 1], labels: Float32Array.of(-0.5) });
  const parameters = new Float32Array(12);
  const gradient = (augmentation: { views: number; shift?: number; flip?: boolean }, stepSeed: bigint): number[] => [
    ...createEngine(plan, { augmentation }).clippedSum({
      parameters,
      dataset,
      indices: [0],
      clipNorm: Infinity,
      stepSeed,
    }).sum,
  ];
  // With no weights the gradient is the input itself: (0 + 0.5) · 2 · x.
  const moved = (dy: number, dx: number, flip: boolean): number[] =>
    Array.from({ length: 12 }, (_, i) => {
      const [y, x] = [Math.floor(i / 4) - dy, (i % 4) - dx];
      return y < 0 || y > 2 || x < 0 || x > 3 ? 0 : (image[y * 4 + (flip ? 3 - x : x)] as number);
    });

  it('are moves and mirror images with zeros coming in', () => {
    const possible = [-1, 0, 1].flatMap((dy) =>
      [-1, 0, 1].flatMap((dx) => [false, true].map((flip) => moved(dy, dx, flip).join())),
    );
    const seen = new Set<string>();
    for (let seed = 0n; seed < 300n; seed += 1n) seen.add(gradient({ views: 1, shift: 1, flip: true }, seed).join());
    // 18 views, each missed by 300 draws with probability 4e-8.
    expect([...seen].toSorted()).toEqual(possible.toSorted());
  });

  it('are averaged before clipping', () => {
    const one = (seed: bigint): number[] => gradient({ views: 4, shift: 1 }, seed);
    const norm = Math.hypot(...one(3n));
    const clipped = createEngine(plan, { augmentation: { views: 4, shift: 1 } }).clippedSum({
      parameters,
      dataset,
      indices: [0],
      clipNorm: norm / 2,
      stepSeed: 3n,
    }).sum;
    for (const [i, value] of one(3n).entries()) expect(clipped[i]).toBeCloseTo(value / 2, 5);
  });
});

describe('the type of a layer', () => {
  type Declared = { readonly kind: 'mine' };
  interface Passes {
    order: 'any';
    inPlace: false;
    keepsOutput: false;
    shape: Layer<Declared>['shape'];
    forward: Layer<Declared>['forward'];
    backward: Layer<Declared>['backward'];
  }
  type Tensors = { tensors: GhostLayer<Declared>['tensors'] };

  it('takes layers that can be clipped example by example', () => {
    expectTypeOf<Passes>().toExtend<Layer<Declared>>();
    expectTypeOf<Passes>().toExtend<FreeLayer<Declared>>();
    type Formed = Passes & Tensors & Pick<ExampleGradientLayer<Declared>, 'exampleGradient'>;
    expectTypeOf<Formed>().toExtend<Layer<Declared>>();
  });

  it('refuses parameters without ghostNorm or exampleGradient, and layers that mix examples', () => {
    expectTypeOf<Passes & Tensors>().not.toExtend<Layer<Declared>>();
    expectTypeOf<Passes & { mixesExamples: true }>().not.toExtend<Layer<Declared>>();
  });
});
