import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { createDataset, type Dataset } from '../data/index.ts';
import type { Clipping } from './clipping.ts';
import {
  averagePool,
  conv2d,
  dense,
  embeddingBag,
  flatten,
  groupNorm,
  layerNorm,
  maxPool,
  model,
  relu,
  tanh,
  type LayerDeclaration,
  type LossDeclaration,
} from './declaration.ts';
import { createEngine } from './engine.ts';
import { compilePlan, type Plan } from './plan.ts';

interface ReferenceLayer {
  readonly type: string;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly size: number;
  readonly vocab: number;
  readonly dim: number;
  readonly mode: 'sum' | 'mean';
  readonly eps: number;
  readonly groups: number;
}

/** Frozen references, see `test/vectors/learning/PROVENANCE.md`. */
interface Reference {
  readonly layers: readonly ReferenceLayer[];
  readonly loss: string;
  readonly parameterCount: number;
  readonly params: readonly {
    name: string;
    shape: number[];
    values: number[];
    channelsLastValues: number[] | string;
  }[];
  readonly inputs: {
    shape: number[];
    values: number[];
    channelsLastValues?: number[] | string;
    kind?: string;
    bags: number[][];
  };
  readonly labels: readonly (number | number[])[];
  readonly logits: readonly number[][];
  readonly perExampleLoss: readonly number[];
  readonly perExampleSquaredNorm: readonly number[];
  readonly sums: Readonly<Record<string, number[]>>;
  readonly sumsChannelsLast: Readonly<Record<string, number[] | string>>;
  readonly perExampleGradient: readonly number[][];
  readonly otherTieRules?: Readonly<Record<string, number[]>>;
}

const names = [
  'mlp-relu',
  'mlp-tanh',
  'logistic-regression',
  'linear-regression',
  'cnn-relu-maxpool',
  'cnn-tanh-avgpool',
  'embedding-bag-mean',
  'embedding-bag-sum',
  'group-norm-conv',
  'layer-norm-dense',
];

function load(name: string): Reference {
  return JSON.parse(readFileSync(new URL(`../../../test/vectors/learning/${name}.json`, import.meta.url), 'utf8'));
}

function layerOf(layer: ReferenceLayer): LayerDeclaration {
  switch (layer.type) {
    case 'dense':
      return dense({ out: layer.out });
    case 'conv2d':
      return conv2d({
        out: layer.out,
        kernel: layer.kernel,
        stride: layer.stride,
        padding: layer.padding,
      });
    case 'maxPool2d':
      return maxPool({ size: layer.size, stride: layer.stride });
    case 'avgPool2d':
      return averagePool({ size: layer.size, stride: layer.stride });
    case 'embeddingBag':
      return embeddingBag({
        vocabulary: layer.vocab,
        dimension: layer.dim,
        mode: layer.mode,
      });
    case 'layerNorm':
      return layerNorm({ epsilon: layer.eps });
    case 'groupNorm':
      return groupNorm({ groups: layer.groups, epsilon: layer.eps });
    case 'relu':
      return relu();
    case 'tanh':
      return tanh();
    case 'flatten':
      return flatten();
    default:
      throw new TypeError(`unknown layer ${String(layer.type)}`);
  }
}

function prepare(name: string): { reference: Reference; plan: Plan; dataset: Dataset; parameters: Float32Array } {
  const reference = load(name);
  const { inputs, labels } = reference;
  const bags = inputs.kind === 'tokenBags';
  const losses: Record<string, LossDeclaration> = {
    softmaxCrossEntropy: 'softmaxCrossEntropy',
    sigmoidBinaryCrossEntropy: 'binaryCrossEntropy',
    squaredError: 'squaredError',
  };
  const loss = losses[reference.loss] as LossDeclaration;
  const longest = bags ? Math.max(...inputs.bags.map((bag) => bag.length)) : 0;
  const vocabulary = reference.layers[0]?.vocab ?? 0;
  const [, ...nchw] = bags ? [0, longest] : inputs.shape;
  const shape = nchw.length === 3 ? [nchw[1] as number, nchw[2] as number, nchw[0] as number] : (nchw as number[]);
  const values = bags
    ? inputs.bags.flatMap((bag) => [...bag, ...Array<number>(longest - bag.length).fill(vocabulary)])
    : Array.isArray(inputs.channelsLastValues)
      ? inputs.channelsLastValues
      : inputs.values;
  const flat = labels.flat();
  const dataset = createDataset({
    inputs: Float32Array.from(values),
    inputShape: shape,
    labels: loss === 'softmaxCrossEntropy' ? Uint8Array.from(flat) : Float32Array.from(flat),
    labelWidth: flat.length / labels.length,
  });
  const plan = compilePlan(model(reference.layers.map(layerOf), { input: shape, loss }));
  const parameters = Float32Array.from(
    reference.params.flatMap((tensor) =>
      Array.isArray(tensor.channelsLastValues) ? tensor.channelsLastValues : tensor.values,
    ),
  );
  return { reference, plan, dataset, parameters };
}

function assertClose(
  actual: ArrayLike<number>,
  expected: readonly number[],
  tolerance: (value: number) => number,
): void {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  for (const [i, value] of expected.entries()) {
    worst = Math.max(worst, Math.abs((actual[i] as number) - value) / tolerance(value));
  }
  expect(worst).toBeLessThan(1);
}

const largest = (values: readonly number[]): number => values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);

describe.each(names)('the reference values of %s', (name) => {
  const { reference, plan, dataset, parameters } = prepare(name);
  const engine = createEngine(plan);
  const all = Uint32Array.from(dataset.labels.length > 0 ? Array(dataset.size).keys() : []);
  const expectedSum = (key: string): number[] => {
    const sum = reference.sumsChannelsLast?.[key];
    return Array.isArray(sum) ? sum : (reference.sums[key] as number[]);
  };
  const sum = (clipping: Clipping, indices: ArrayLike<number> = all) =>
    engine.clippedSum({ parameters, dataset, indices, clipping }).sum;

  it('has the parameter count', () => expect(plan.parameterCount).toBe(reference.parameterCount));

  it('reproduces logits and losses', () => {
    assertClose(engine.predict({ parameters, dataset }), reference.logits.flat(), (x) => 1e-5 + 1e-5 * Math.abs(x));
    for (const [i, loss] of reference.perExampleLoss.entries()) {
      const { loss: ours } = engine.evaluate({ parameters, dataset, indices: [i] });
      assertClose([ours], [loss], (x) => 1e-5 + 1e-5 * Math.abs(x));
    }
  });

  it('reproduces every squared gradient norm', () => {
    const norms = engine.gradientNorms({ parameters, dataset, indices: all });
    assertClose(
      norms.map((norm) => norm * norm),
      [...reference.perExampleSquaredNorm],
      (x) => 1e-4 * x + 1e-6,
    );
  });

  it('reproduces the unclipped batch gradient', () => {
    const expected = expectedSum('batchGradient');
    assertClose(sum({ kind: 'flat', clipNorm: Infinity }), expected, () => 2e-6 * largest(expected));
  });

  it('reproduces the clipped sums', () => {
    assertClose(sum({ kind: 'flat', clipNorm: 0.5 }), expectedSum('clippedSumC0.5'), () => 1e-5);
    assertClose(sum({ kind: 'flat', clipNorm: 1 }), expectedSum('clippedSumC1'), () => 1e-5);
  });

  it('reproduces clipping per layer and per tensor', () => {
    const ones = (count: number): number[] => Array<number>(count).fill(1);
    const perLayer = { kind: 'perLayer', clipNorms: ones(plan.trainedLayers.length) } as const;
    assertClose(sum(perLayer), expectedSum('clippedSumPerLayerC1'), () => 1e-5);
    const perTensor = { kind: 'perTensor', clipNorms: ones(plan.parameters.length) } as const;
    assertClose(sum(perTensor), expectedSum('clippedSumPerTensorC1'), () => 1e-5);
  });

  it('reproduces automatic clipping', () => {
    const automatic = { kind: 'automatic', clipNorm: 1, stability: 0.01 } as const;
    assertClose(sum(automatic), expectedSum('automaticClippingGamma0.01'), () => 2e-4);
  });

  it('keeps every clipped example within the clip norm', () => {
    for (const i of all) {
      const one = sum({ kind: 'flat', clipNorm: 0.5 }, [i]);
      expect(Math.sqrt(one.reduce((total, x) => total + x * x, 0))).toBeLessThanOrEqual(0.5 * (1 + 2 ** -20));
    }
  });
});
