import { beforeAll, describe, expect, it } from 'vitest';

import { createSeededRng, type Rng } from '../foundations/random/index.ts';
import { createDataset, type Dataset } from '../learning/data/index.ts';
import {
  compilePlan,
  createDpSgd,
  createEngine,
  createOptimizer,
  dense,
  type DpSgd,
  type DpSgdOptions,
  type GradientSource,
  initializeParameters,
  model,
  type Optimizer,
  tanh,
} from '../learning/models/index.ts';
import { createRdpAccountant } from '../privacy/accounting/index.ts';
import { plantGradientCanaries } from './gradient-canaries.ts';
import { auditOneRun, guessPlan, type OneRunAudit, tossCoins } from './one-run-audit.ts';

/** The chance that a correct run is found at fault by a test with fresh seeds. */
const SIGNIFICANCE = 1e-6;
/** No significance below 2δ can be reached: one canary in 1/δ may be shown outright. */
const DELTA = 1e-10;

const plan = compilePlan(
  model([dense({ out: 32 }), tanh(), dense({ out: 20 })], { input: [24], loss: 'softmaxCrossEntropy' }),
);
/** One whose last layer holds four in a hundred of the parameters. */
const tapering = compilePlan(
  model([dense({ out: 300 }), tanh(), dense({ out: 40 }), tanh(), dense({ out: 20 })], {
    input: [24],
    loss: 'softmaxCrossEntropy',
  }),
);
const canaries = 1000;
const usual = { samplingRate: 0.5, clipNorm: 1, expectedBatchSize: 60, noiseMultiplier: 8 };
const STEPS = 8;

/** Images of bytes. */
function drawData(size: number, rng: Rng): Dataset {
  return createDataset({
    inputs: rng.bytes(size * 24),
    inputScale: 1 / 255,
    inputShape: [24],
    labels: Uint8Array.from({ length: size }, (_, i) => i % 20),
    classes: 20,
  });
}

type Create = (options: DpSgdOptions) => Pick<DpSgd, 'step'>;

interface Fault {
  readonly create?: Create;
  readonly engine?: GradientSource;
  readonly claim?: Partial<typeof usual>;
}

/** Trains once with canaries, as whoever wrote `create` would, and audits what the ledger says of it. */
async function audit(
  name: string,
  { create = createDpSgd, engine = createEngine(plan), claim }: Fault = {},
): Promise<OneRunAudit> {
  const settings = { ...usual, ...claim };
  const { plan } = engine;
  const rng = createSeededRng(`one-run audit/${name}`);
  const dataset = drawData(120, rng.fork('data'));
  const planted = plantGradientCanaries({ engine, dataset, canaries, ...settings }, rng.fork('canaries'));
  const parameters = initializeParameters(plan, rng.fork('start'));
  const optimizer = planted.watch(
    createOptimizer({ kind: 'momentum', learningRate: 0.5, momentum: 0.9 }, plan.parameterCount),
  );
  const steps = create({ engine: planted.engine, optimizer, ...settings });
  for (let step = 0; step < STEPS; step += 1) {
    await steps.step({ parameters, dataset: planted.dataset }, rng);
  }
  const accountant = createRdpAccountant({ relation: 'add-or-remove-one' });
  const { event } = createDpSgd({ engine: planted.engine, optimizer, ...settings });
  accountant.compose(event, STEPS);
  const claimed = accountant.epsilon(DELTA);
  const scores = planted.scores();
  return auditOneRun({ scores, coins: planted.coins, delta: DELTA, confidence: 1 - SIGNIFICANCE, claimed });
}

/** An engine that clips nothing, whatever it is asked. */
const unclipped = (engine: GradientSource): GradientSource => ({
  plan: engine.plan,
  clippedSum: ({ clipping: _clipping, clipNorm: _clipNorm, ...request }) =>
    engine.clippedSum({ ...request, clipNorm: Infinity }),
});

describe('the audit of DP-SGD from one run', () => {
  let honest: OneRunAudit;
  beforeAll(async () => {
    honest = await audit('honest');
  });

  it('does not refute a correct run, although it could have shown far more than is claimed', () => {
    expect(honest.refuted).toBe(false);
    expect(honest.epsilonLower).toBeLessThan(honest.claimed as number);
    expect(honest.pValue).toBeGreaterThan(SIGNIFICANCE);
    expect(honest.epsilonDetectable).toBeGreaterThan(3 * (honest.claimed as number));
  });

  it('does not refute correct runs with other coins', async () => {
    for (const name of ['a', 'b', 'c', 'd']) expect((await audit(name)).refuted).toBe(false);
  });

  it.each<[string, Fault]>([
    ['noise divided by ten', { create: (o) => createDpSgd({ ...o, noiseMultiplier: o.noiseMultiplier / 10 }) }],
    ['steps that ask for no clipping', { create: (o) => createDpSgd({ ...o, engine: unclipped(o.engine) }) }],
    ['an engine that does not clip, whatever it is asked', { engine: unclipped(createEngine(plan)) }],
    ['one step without noise, which shows its coins', { create: shownOnce }],
    ['no noise on the last layer', { create: bareLastLayer }],
    ['the same noise in every step', { create: sameNoise }],
  ])('finds %s', async (name, fault) => {
    const found = await audit(name, fault);
    expect(found.claimed).toBe(honest.claimed);
    expect(found.refuted).toBe(true);
    expect(found.epsilonLower).toBeGreaterThan(found.claimed as number);
    expect(found.pValue).toBeLessThanOrEqual(SIGNIFICANCE);
  });

  it('finds no noise on a last layer that is small', async () => {
    const engine = createEngine(tapering);
    expect((await audit('tapering', { engine })).refuted).toBe(false);
    expect((await audit('bare end', { engine, create: bareLastLayer })).refuted).toBe(true);
  });

  it('finds a sampler that draws everybody where one in twenty is claimed', async () => {
    const claim = { samplingRate: 0.05, noiseMultiplier: 2 };
    expect((await audit('one in twenty', { claim })).refuted).toBe(false);
    const create: Create = (options) => createDpSgd({ ...options, samplingRate: 1 });
    expect((await audit('everybody', { claim, create })).refuted).toBe(true);
  });
});

/** Each step draws its own sample, and all of them the noise of the first. */
function sameNoise(options: DpSgdOptions): Pick<DpSgd, 'step'> {
  const { optimizer, engine, expectedBatchSize } = options;
  const exact = new Float64Array(plan.parameterCount);
  let noise: Float64Array | undefined;
  const watched: GradientSource = {
    plan: engine.plan,
    async clippedSum(request) {
      const summed = await engine.clippedSum(request);
      exact.set(summed.sum);
      return summed;
    },
  };
  const repeating: Optimizer = {
    ...optimizer,
    step(parameters, gradient, how) {
      noise ??= exact.map((value, j) => (gradient[j] as number) * expectedBatchSize - value);
      const again = noise;
      optimizer.step(
        parameters,
        exact.map((value, j) => (value + (again[j] as number)) / expectedBatchSize),
        how,
      );
    },
  };
  return createDpSgd({ ...options, engine: watched, optimizer: repeating });
}

/** The third step is taken without noise: everybody sees who was drawn for it. */
function shownOnce(options: DpSgdOptions): Pick<DpSgd, 'step'> {
  const [right, bare] = [createDpSgd(options), createDpSgd({ ...options, noiseMultiplier: 1e-6 })];
  let steps = 0;
  return {
    step(request, rng) {
      steps += 1;
      return (steps === 3 ? bare : right).step(request, rng);
    },
  };
}

/** Noise is drawn for all parameters but those of the last layer: those come from a run that has none. */
function bareLastLayer(options: DpSgdOptions): Pick<DpSgd, 'step'> {
  const { optimizer, engine } = options;
  const last = engine.plan.parameters.findLast(({ name }) => name.endsWith('.weight'))?.offset as number;
  let exact = new Float64Array();
  const watched: GradientSource = {
    plan: engine.plan,
    async clippedSum(request) {
      const summed = await engine.clippedSum(request);
      exact = Float64Array.from(summed.sum, (value) => value / options.expectedBatchSize);
      return summed;
    },
  };
  const splicing: Optimizer = {
    ...optimizer,
    step: (parameters, gradient, how) =>
      optimizer.step(
        parameters,
        Float64Array.from(gradient, (value, j) => (j < last ? value : (exact[j] as number))),
        how,
      ),
  };
  return createDpSgd({ ...options, engine: watched, optimizer: splicing });
}

describe('guesses', () => {
  it('are planned by the number of canaries alone', () => {
    expect(guessPlan(64)).toEqual([
      { in: 32, out: 32 },
      { in: 16, out: 16 },
      { in: 32, out: 0 },
      { in: 8, out: 8 },
      { in: 16, out: 0 },
      { in: 4, out: 4 },
      { in: 8, out: 0 },
      { in: 2, out: 2 },
      { in: 4, out: 0 },
      { in: 1, out: 1 },
      { in: 2, out: 0 },
    ]);
    expect(guessPlan(1)).toEqual([{ in: 1, out: 0 }]);
  });

  it('are counted right, ties in the order of the canaries', () => {
    const coins = Uint8Array.from([1, 0, 1, 0]);
    const ways = [
      { in: 2, out: 2 },
      { in: 1, out: 0 },
    ];
    const rightOf = (scores: number[]): number[] =>
      auditOneRun({ scores, coins, delta: 0, ways }).outcomes.map(({ correct }) => correct);
    expect(rightOf([3, 1, 2, 0])).toEqual([4, 1]);
    expect(rightOf([0, 0, 0, 0])).toEqual([2, 1]);
    expect(rightOf([-Infinity, 5, 0, Infinity])).toEqual([0, 0]);
    expect(() => rightOf([1, 2, 3, Number.NaN])).toThrow(/NaN/);
    expect(() => rightOf([1, 2])).toThrow(/2 scores for 4 canaries/);
  });

  it('are of coins that are fair, and prove nothing when blind', () => {
    const rng = createSeededRng('blind');
    const coins = tossCoins(20_000, rng.fork('coins'));
    const heads = coins.reduce((sum, coin) => sum + coin, 0);
    // Five standard deviations of 71.
    expect(Math.abs(heads - 10_000)).toBeLessThan(5 * 71);
    const scores = Array.from(coins, () => rng.uint32());
    const found = auditOneRun({ scores, coins, delta: 1e-6, confidence: 1 - SIGNIFICANCE, claimed: 0 });
    expect(found.refuted).toBe(false);
  });
});
