import { afterAll, describe, expect, it } from 'vitest';

import { startWorker } from '../../foundations/kernels/index.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { createDataset } from '../data/index.ts';
import { conv2d, dense, dropout, maxPool, model, relu, type Model } from './declaration.ts';
import { createEngine } from './engine.ts';
import { createParallelEngine, shareDataset, type ParallelEngine } from './parallel.ts';
import { initializeParameters } from './parameters.ts';
import { extractFeatures } from './parallel-features.ts';
import { compilePlan } from './plan.ts';
import { createFeatureExtractor } from './scattering.ts';

const EXAMPLES = 3000;
const shape = [6, 6, 1];
const cnn = model(
  [conv2d({ out: 4, kernel: 3 }), relu(), maxPool({ size: 2 }), dropout({ rate: 0.2 }), dense({ out: 3 })],
  {
    input: shape,
    loss: 'softmaxCrossEntropy',
  },
);
const mlp = model([dense({ out: 9 }), relu(), dense({ out: 3 })], { input: shape, loss: 'softmaxCrossEntropy' });

const rng = createSeededRng('parallel');
const dataset = createDataset({
  inputs: rng.bytes(EXAMPLES * 36),
  inputShape: shape,
  labels: rng.bytes(EXAMPLES).map((byte) => byte % 3),
  inputScale: 1 / 128,
  inputOffset: -1,
});
const indices = Array.from({ length: 700 }, (_, i) => 4 * i + (i % 3));
const open: ParallelEngine[] = [];
afterAll(() => Promise.all(open.map((engine) => engine.close())));

async function start(declared: Model, options: { workers: number; sharedMemory?: boolean }): Promise<ParallelEngine> {
  const engine = await createParallelEngine(compilePlan(declared), options);
  open.push(engine);
  return engine;
}

describe('an engine on several workers', () => {
  it.each([
    ['a convolutional net', cnn, 0.4, [{ workers: 1 }, { workers: 3, sharedMemory: false }]],
    ['a multilayer perceptron', mlp, 0.4, [{ workers: 2 }]],
    ['a multilayer perceptron without clipping', mlp, Infinity, [{ workers: 2, sharedMemory: false }]],
  ] as const)('has the bits of one thread, whatever their number: %s', async (_, declared, clipNorm, sizes) => {
    const plan = compilePlan(declared);
    const parameters = initializeParameters(plan, createSeededRng('start'));
    const request = { parameters, dataset, indices, clipNorm, stepSeed: 5n };
    const one = createEngine(plan);
    const sum = one.clippedSum(request).sum;
    const score = one.evaluate({ parameters, dataset });
    const outputs = one.predict({ parameters, dataset });
    for (const options of sizes) {
      const engine = await start(declared, options);
      for (const data of [dataset, shareDataset(dataset), dataset]) {
        expect((await engine.clippedSum({ ...request, dataset: data })).sum).toEqual(sum);
      }
      expect(await engine.evaluate({ parameters, dataset })).toEqual(score);
      expect(await engine.predict({ parameters, dataset })).toEqual(outputs);
    }
  });

  it('keeps the order of requests that overlap', async () => {
    const plan = compilePlan(mlp);
    const one = createEngine(plan);
    const engine = await start(mlp, { workers: 2 });
    const models = [1, 2, 3].map((seed) => initializeParameters(plan, createSeededRng(`model ${seed}`)));
    const sums = models.map((parameters) => engine.clippedSum({ parameters, dataset, indices, clipNorm: 1 }));
    for (const [i, parameters] of models.entries()) {
      expect((await sums[i])?.sum).toEqual(one.clippedSum({ parameters, dataset, indices, clipNorm: 1 }).sum);
    }
  });

  it('gives zeros for an empty sample, and refuses what one thread refuses', async () => {
    const plan = compilePlan(mlp);
    const engine = await start(mlp, { workers: 2 });
    const parameters = new Float32Array(plan.parameterCount);
    const { sum } = await engine.clippedSum({ parameters, dataset, indices: [], clipNorm: 1 });
    expect(sum).toEqual(new Float64Array(plan.parameterCount));
    expect(() => engine.clippedSum({ parameters, dataset, indices: [1, 1], clipNorm: 1 })).toThrow('must be distinct');
    await expect(
      engine.clippedSum({ parameters: new Float32Array(1), dataset, indices: [1], clipNorm: 1 }),
    ).rejects.toThrow('"parameters" must hold');
    await engine.close();
    await expect(engine.clippedSum({ parameters, dataset, indices: [1], clipNorm: 1 })).rejects.toThrow(
      'a worker failed: it was closed',
    );
  });
});

describe('a worker', () => {
  it('that cannot start rejects what waits for it', async () => {
    const entry = {
      inBrowser: () => {
        throw new TypeError('not here');
      },
      inNode: () => new URL('./no-such-worker.ts', import.meta.url),
    };
    await expect(startWorker(entry).ask({})).rejects.toThrow('a worker failed');
  });
});

describe('features on several cores', () => {
  it('are those of one thread, bit for bit', async () => {
    const images = createDataset({
      inputs: createSeededRng('pictures').bytes(1100 * 256),
      inputShape: [16, 16, 1],
      labels: new Uint8Array(1100),
      inputScale: 1 / 255,
    });
    for (const bits of [8, 16] as const) {
      const config = { kind: 'scattering', bits } as const;
      const one = createFeatureExtractor(config, images.inputShape).extract(images);
      const { inputs, inputShape, inputScale, inputOffset } = await extractFeatures(config, images, { workers: 2 });
      expect([inputShape, inputScale, inputOffset]).toEqual([one.inputShape, one.inputScale, one.inputOffset]);
      expect(Buffer.from(inputs.buffer).equals(Buffer.from(one.inputs.buffer))).toBe(true);
    }
  });
});
