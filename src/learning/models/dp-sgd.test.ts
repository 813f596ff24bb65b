import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { createRdpAccountant } from '../../privacy/accounting/index.ts';
import { createDataset } from '../data/index.ts';
import { computeClippedSumSensitivity } from './clipping.ts';
import { dense, model, tanh } from './declaration.ts';
import { accumulateClippedSum } from './accumulation.ts';
import { createDpFtrl } from './dp-ftrl.ts';
import { createDpSgd, type DpSgdOptions } from './dp-sgd.ts';
import { createEngine } from './engine.ts';
import { createOptimizer } from './optimizers.ts';
import { initializeParameters } from './parameters.ts';
import { compilePlan } from './plan.ts';

const plan = compilePlan(
  model([dense({ out: 40 }), tanh(), dense({ out: 2 })], { input: [20], loss: 'softmaxCrossEntropy' }),
);
const engine = createEngine(plan);

/** Two clouds of points that a line tells apart. */
function clouds(size: number) {
  const rng = createSeededRng('clouds');
  const labels = Uint8Array.from({ length: size }, (_, i) => i % 2);
  const inputs = Float32Array.from({ length: 20 * size }, (_, i) => {
    const side = labels[Math.floor(i / 20)] === 1 ? 0.4 : -0.4;
    return side + rng.uint32() / 2 ** 31 - 1;
  });
  return createDataset({ inputs, inputShape: [20], labels });
}

const dataset = clouds(2000);
const stepping = (options: Partial<DpSgdOptions> = {}) =>
  createDpSgd({
    engine,
    optimizer: createOptimizer({ kind: 'sgd', learningRate: 1 }, plan.parameterCount),
    samplingRate: 0.1,
    expectedBatchSize: 200,
    clipNorm: 1,
    noiseMultiplier: 1,
    ...options,
  });

describe('DP-SGD', () => {
  it('learns, and the same seed takes the same steps', async () => {
    const run = async (): Promise<Float32Array> => {
      const parameters = initializeParameters(plan, createSeededRng('start'));
      const sgd = stepping();
      const rng = createSeededRng('steps');
      for (let i = 0; i < 30; i += 1) await sgd.step({ parameters, dataset }, rng);
      return parameters;
    };
    const parameters = await run();
    expect(engine.evaluate({ parameters, dataset }).accuracy).toBeGreaterThan(0.9);
    expect(await run()).toEqual(parameters);
  });

  it('adds noise of the stated deviation to every coordinate, to an empty sample too', async () => {
    const sgd = stepping({ samplingRate: 0, noiseMultiplier: 3, expectedBatchSize: 10 });
    const sensitivity = computeClippedSumSensitivity({ clipNorm: 1, parameterCount: plan.parameterCount });
    expect(sgd.noiseStddev / (3 * sensitivity)).toBeGreaterThanOrEqual(1);
    expect(sgd.noiseStddev / (3 * sensitivity)).toBeLessThan(1.0001);
    const rng = createSeededRng('noise');
    const steps = 12;
    let squares = 0;
    for (let i = 0; i < steps; i += 1) {
      const parameters = new Float32Array(plan.parameterCount);
      await sgd.step({ parameters, dataset }, rng);
      squares += parameters.reduce((total, x) => total + x * x, 0);
    }
    const count = steps * plan.parameterCount;
    const expected = (sgd.noiseStddev / 10) ** 2;
    // Six standard deviations of a mean of squares.
    expect(Math.abs(squares / count / expected - 1)).toBeLessThan(6 * Math.sqrt(2 / count));
  });

  it('states an event that an accountant charges', () => {
    const accountant = createRdpAccountant({ relation: 'add-or-remove-one' });
    accountant.compose(stepping().event, 30);
    expect(accountant.epsilon(1e-5)).toBeGreaterThan(1);
    expect(accountant.epsilon(1e-5)).toBeLessThan(10);
  });

  it('refuses to go without a bound', () => {
    expect(() => stepping({ clipNorm: Infinity })).toThrow('no bounded sensitivity');
    expect(() => stepping({ noiseMultiplier: 0 })).toThrow('"noiseMultiplier"');
    expect(() => stepping({ expectedBatchSize: 0 })).toThrow('"expectedBatchSize"');
  });
});

describe('accumulation', () => {
  it('adds parts up to the very sum of all at once where the parts cut no block', async () => {
    const parameters = initializeParameters(plan, createSeededRng('start'));
    // Places of two subtrees of 1024: the parts end where blocks end anyway.
    const even = clouds(2048);
    const indices = Uint32Array.from({ length: 300 }, (_, i) => (i * 6) % 2048);
    const request = { parameters, dataset: even, indices, clipNorm: 0.5 };
    const whole = engine.clippedSum(request).sum.slice();
    const into = new Float64Array(plan.parameterCount);
    await accumulateClippedSum(engine, { ...request, parts: 2, into });
    expect(into).toEqual(whole);
    await accumulateClippedSum(engine, { ...request, parts: 7, into });
    for (const [i, value] of whole.entries()) expect(Math.abs(into[i]! - value)).toBeLessThan(1e-4);
  });
});

describe('DP-FTRL', () => {
  const ftrl = (options: Partial<Parameters<typeof createDpFtrl>[0]> = {}) =>
    createDpFtrl({
      engine,
      optimizer: createOptimizer({ kind: 'sgd', learningRate: 1 }, plan.parameterCount),
      correlation: { strategy: 'banded', bands: 4 },
      steps: 24,
      groups: 8,
      samplingRate: 0.8,
      expectedBatchSize: 200,
      clipNorm: 1,
      noiseMultiplier: 1,
      ...options,
    });

  it('learns within one run, whose event is charged once, and takes no step more', async () => {
    for (const correlation of [
      { strategy: 'banded', bands: 4 },
      { strategy: 'buffered', buffers: 2 },
    ] as const) {
      const steps = ftrl({ correlation });
      const parameters = initializeParameters(plan, createSeededRng('start'));
      const rng = createSeededRng('steps');
      for (let i = 0; i < 24; i += 1) await steps.step({ parameters, dataset }, rng);
      expect(engine.evaluate({ parameters, dataset }).accuracy).toBeGreaterThan(0.85);
      const accountant = createRdpAccountant({ relation: 'add-or-remove-one' });
      accountant.compose(steps.event);
      expect(accountant.epsilon(1e-5)).toBeGreaterThan(0);
      expect(accountant.epsilon(1e-5)).toBeLessThan(20);
      await expect(steps.step({ parameters, dataset }, rng)).rejects.toThrow(/are done/);
    }
  });

  it('noises sums of gradients less than independent noise of the same cost does', async () => {
    const costOf = ({ event }: Pick<ReturnType<typeof ftrl>, 'event'>): number => {
      const accountant = createRdpAccountant({ relation: 'add-or-remove-one' });
      accountant.compose(event);
      return accountant.epsilon(1e-5);
    };
    // Nobody is drawn, so that what moves is noise alone; bands of one are independent noise.
    const drift = async (bands: number, noiseMultiplier: number): Promise<number> => {
      const run = ftrl({ samplingRate: 0, correlation: { strategy: 'banded', bands }, noiseMultiplier });
      const parameters = new Float32Array(plan.parameterCount);
      for (let i = 0; i < 24; i += 1) await run.step({ parameters, dataset }, createSeededRng(`noise/${bands}/${i}`));
      return Math.hypot(...parameters);
    };
    let multiplier = 1;
    while (
      costOf(ftrl({ samplingRate: 1, noiseMultiplier: multiplier })) >
      costOf(ftrl({ samplingRate: 1, correlation: { strategy: 'banded', bands: 1 } }))
    ) {
      multiplier *= 1.02;
    }
    expect(await drift(4, multiplier)).toBeLessThan(0.9 * (await drift(1, 1)));
  });

  it('refuses more bands than groups', () => {
    expect(() => ftrl({ groups: 3 })).toThrow(/"bands" must be at most "groups"/);
  });
});
