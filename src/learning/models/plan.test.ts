import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import {
  batchNorm,
  conv2d,
  dense,
  embeddingBag,
  freezePrefix,
  groupNorm,
  maxPool,
  model,
  relu,
  residual,
  tanh,
  type LayerDeclaration,
} from './declaration.ts';
import { ModelError } from './errors.ts';
import { initializeParameters } from './parameters.ts';
import { compilePlan } from './plan.ts';
import { modelSchema } from './schema.ts';

const plan = (layers: LayerDeclaration[], input: number[]) =>
  compilePlan(model(layers, { input, loss: 'softmaxCrossEntropy' }));

describe('a plan', () => {
  it('lays the parameters of the Opacus MNIST net in one vector of 26,010', () => {
    const compiled = plan(
      [
        conv2d({ out: 16, kernel: 8, stride: 2, padding: 3 }),
        relu(),
        maxPool({ size: 2, stride: 1 }),
        conv2d({ out: 32, kernel: 4, stride: 2 }),
        relu(),
        maxPool({ size: 2, stride: 1 }),
        dense({ out: 32 }),
        relu(),
        dense({ out: 10 }),
      ],
      [28, 28, 1],
    );
    expect(compiled.parameterCount).toBe(26_010);
    expect(compiled.steps.map(({ output }) => output.join('×'))).toEqual([
      '14×14×16',
      '14×14×16',
      '13×13×16',
      '5×5×32',
      '5×5×32',
      '4×4×32',
      '32',
      '32',
      '10',
    ]);
    expect(compiled.parameters.map(({ name, shape, offset }) => [name, shape.join('×'), offset])).toEqual([
      ['conv1.weight', '8×8×1×16', 0],
      ['conv1.bias', '16', 1024],
      ['conv2.weight', '4×4×16×32', 1040],
      ['conv2.bias', '32', 9232],
      ['dense1.weight', '512×32', 9264],
      ['dense1.bias', '32', 25_648],
      ['dense2.weight', '32×10', 25_680],
      ['dense2.bias', '10', 26_000],
    ]);
  });

  it('keeps frozen parameters apart', () => {
    const declared = model([dense({ out: 4 }), tanh(), dense({ out: 3, lora: { rank: 2 } })], {
      input: [5],
      loss: 'softmaxCrossEntropy',
    });
    const frozen = compilePlan(freezePrefix(declared, 1));
    expect(frozen.parameters.map(({ name, offset }) => [name, offset])).toEqual([
      ['dense2.loraA', 0],
      ['dense2.loraB', 8],
    ]);
    expect(frozen.frozenParameters.map(({ name, offset }) => [name, offset])).toEqual([
      ['dense1.weight', 0],
      ['dense1.bias', 20],
      ['dense2.weight', 24],
      ['dense2.bias', 36],
    ]);
  });

  it('starts weights in their bounds and biases at zero', () => {
    const compiled = plan([dense({ out: 50 }), relu(), dense({ out: 3, init: 'he', name: 'head' })], [40]);
    const values = initializeParameters(compiled, createSeededRng('start'));
    const [first, bias, head] = compiled.parameters.map(({ offset, size }) => values.subarray(offset, offset + size));
    expect(Math.max(...(first as Float32Array).map(Math.abs))).toBeLessThanOrEqual(Math.sqrt(6 / 90));
    expect(Math.max(...(first as Float32Array).map(Math.abs))).toBeGreaterThan(0.99 * Math.sqrt(6 / 90));
    expect(bias?.every((value) => value === 0)).toBe(true);
    expect(Math.max(...(head as Float32Array).map(Math.abs))).toBeLessThanOrEqual(Math.sqrt(6 / 50));
    expect(compiled.parameters[2]?.name).toBe('head.weight');
  });

  it.each([
    ['an image layer on a vector', [conv2d({ out: 2, kernel: 3 })], [9], '"conv2d" takes images'],
    ['a window larger than the image', [maxPool({ size: 4 }), dense({ out: 2 })], [3, 3, 1], 'does not fit an image'],
    ['groups that do not divide', [conv2d({ out: 4, kernel: 1, groups: 2 })], [2, 2, 3], '"groups" must divide'],
    ['groups of channels that do not divide', [groupNorm({ groups: 2 })], [2, 2, 3], '"groups" must divide the 3'],
    ['a residual connection that changes the shape', [residual([dense({ out: 3 })])], [4], 'must keep the shape 4'],
    ['nothing to train', [relu()], [4], 'holds no parameter to train'],
    ['no layer', [], [4], 'needs at least one layer'],
    [
      'a name used twice',
      [dense({ out: 2, name: 'a' }), dense({ out: 2, name: 'a' })],
      [4],
      'two layers are called "a"',
    ],
    [
      'tokens after trained layers',
      [dense({ out: 2 }), embeddingBag({ vocabulary: 3, dimension: 2, mode: 'sum' })],
      [4],
      'must come before every trained layer',
    ],
    [
      'tokens that a layer has made',
      [tanh(), embeddingBag({ vocabulary: 3, dimension: 2, mode: 'sum' })],
      [4],
      'first',
    ],
    ['negative padding', [conv2d({ out: 2, kernel: 3, padding: -1 })], [9, 9, 1], '"layers.0.padding"'],
    ['half a kernel', [conv2d({ out: 2, kernel: 2.5 })], [9, 9, 1], '"layers.0.kernel"'],
    ['a window of nothing', [maxPool({ size: 0 }), dense({ out: 2 })], [9, 9, 1], '"layers.0.size"'],
    ['a stride of nothing', [conv2d({ out: 2, kernel: 3, stride: 0 })], [9, 9, 1], '"layers.0.stride"'],
    ['a rank of nothing', [dense({ out: 2, lora: { rank: 0 } })], [4], '"layers.0.lora.rank"'],
    ['half an extent', [dense({ out: 2 })], [2.5], '"input.0"'],
    [
      'more parameters than 32-bit addresses reach',
      [dense({ out: 2 ** 20, bias: false }), dense({ out: 2 })],
      [2 ** 12],
      'more than the 4 GiB of an engine hold',
    ],
  ])('refuses %s', (_, layers, input, message) => {
    expect(() => plan(layers as LayerDeclaration[], input)).toThrow(ModelError);
    expect(() => plan(layers as LayerDeclaration[], input)).toThrow(message);
  });

  it('refuses batch normalisation, with the reason', () => {
    const layers = [{ kind: 'batchNorm' }] as unknown as LayerDeclaration[];
    expect(() => plan(layers, [4])).toThrow('batch normalisation mixes examples');
    // @ts-expect-error batch normalisation mixes examples: its constructor takes an argument that has no value.
    expect(() => batchNorm()).toThrow('use groupNorm or layerNorm');
    const parsed = modelSchema.safeParse({ layers, loss: 'softmaxCrossEntropy' });
    expect(parsed.error?.issues[0]?.message).toContain('batch normalisation mixes examples');
  });
});

describe('the schema of a declaration', () => {
  it('takes what a task file writes', () => {
    const declared = {
      layers: [
        { kind: 'conv2d', out: 8, kernel: [3, 5], stride: 2, padding: [1, 2] },
        { kind: 'residual', layers: [{ kind: 'groupNorm', groups: 4 }, { kind: 'relu' }] },
        { kind: 'dense', out: 10, lora: { rank: 4 } },
      ],
      loss: { kind: 'huber', threshold: 1 },
    };
    expect(modelSchema.parse(declared)).toEqual(declared);
  });

  it.each([
    [{ layers: [{ kind: 'dense', out: 0 }], loss: 'squaredError' }],
    [{ layers: [{ kind: 'dense', out: 3, units: 3 }], loss: 'squaredError' }],
    [{ layers: [{ kind: 'lstm', out: 3 }], loss: 'squaredError' }],
    [{ layers: [], loss: 'squaredError' }],
    [{ layers: [{ kind: 'dense', out: 3 }], loss: 'hinge' }],
    [{ layers: [{ kind: 'dropout', rate: 1 }], loss: 'squaredError' }],
  ])('refuses %j', (declared) => {
    expect(modelSchema.safeParse(declared).success).toBe(false);
  });
});
