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
      // More data sets in shared memory than workers keep, in turns.
      for (const data of [1, 2, 3].map(() => shareDataset(dataset))) {
        expect(await engine.evaluate({ parameters, dataset: data })).toEqual(score);
        expect((await engine.clippedSum({ ...request, dataset: data })).sum).toEqual(sum);
        const few = await engine.predict({ parameters, dataset: data, indices: [7, 2999, 7] });
        expect(few).toEqual(one.predict({ parameters, dataset, indices: [7, 2999, 7] }));
      }
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

  it('leaves nothing of a step that failed in the next one', async () => {
    const plan = compilePlan(model([dense({ out: 2 })], { input: [2], loss: 'softmaxCrossEntropy' }));
    const engine = await createParallelEngine(plan, { workers: 2, sharedMemory: false });
    open.push(engine);
    const size = 40_000;
    const large = createDataset({ inputs: rng.bytes(2 * size), inputShape: [2], labels: new Uint8Array(size) });
    let copies = 0;
    const broken = {
      ...large,
      // The second worker's first piece: the first one is at work and has more to come.
      subset(rows: ArrayLike<number>) {
        copies += 1;
        if (copies === 2) throw new RangeError('the data went away');
        return large.subset(rows);
      },
    };
    const request = { parameters: new Float32Array(plan.parameterCount), clipNorm: 1 };
    const all = Uint32Array.from({ length: size }, (_, i) => i);
    const failing = engine.clippedSum({ ...request, dataset: broken, indices: all });
    const next = engine.clippedSum({ ...request, dataset: large, indices: [1, 2, 3] });
    await expect(failing).rejects.toThrow('the data went away');
    const one = createEngine(plan);
    expect((await next).sum).toEqual(one.clippedSum({ ...request, dataset: large, indices: [1, 2, 3] }).sum);
    // Samples of several pieces a worker, copied.
    const whole = { ...request, dataset: large, indices: all };
    expect((await engine.clippedSum(whole)).sum).toEqual(one.clippedSum(whole).sum);
    await expect(engine.evaluate({ ...request, dataset: large, indices: [size] })).rejects.toThrow('"indices[0]"');
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
