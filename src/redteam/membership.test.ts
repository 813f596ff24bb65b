import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { logBinomialUpperTail, normalCdf } from '../foundations/numerics/index.ts';
import { createSeededRng, type Rng } from '../foundations/random/index.ts';
import { createDataset, type Dataset } from '../learning/data/index.ts';
import {
  compilePlan,
  createEngine,
  createOptimizer,
  dense,
  initializeParameters,
  type LossDeclaration,
  model,
  relu,
} from '../learning/models/index.ts';
import { boundTpr, clopperPearson, computeEpsilonFromRates, measureAttack } from './attack-rates.ts';
import { plantExampleCanaries } from './example-canaries.ts';
import { type Answers, computeExampleEntropies, computeExampleLosses, confidencesOf } from './example-scores.ts';
import { attackByCalibration, attackByThreshold, calibrateScores, drawShadow, type Shadow } from './membership.ts';
import { auditOneRun } from './one-run-audit.ts';

const SIGNIFICANCE = 1e-6;

/** A standard normal number: the sum of twelve uniform ones is near enough for an attack's scores. */
function drawNormal(rng: Rng): number {
  let sum = -6;
  for (let i = 0; i < 12; i += 1) sum += rng.uint32() / 2 ** 32;
  return sum;
}

function drawScores(size: number, shift: number, rng: Rng): Float64Array {
  return Float64Array.from({ length: size }, () => drawNormal(rng) + shift);
}

describe('rates of an attack', () => {
  it('are those of two normal distributions that are one apart', () => {
    const rng = createSeededRng('rates of an attack');
    const scores = { members: drawScores(20_000, 1, rng), nonMembers: drawScores(20_000, 0, rng) };
    const { auc, advantage, atLowFpr, roc } = measureAttack(scores, { confidence: 1 - SIGNIFICANCE });
    // The area is Φ(1/√2), the advantage 2Φ(1/2) − 1; five standard errors.
    expect(Math.abs(auc - normalCdf(Math.SQRT1_2))).toBeLessThan(5 * 0.0025);
    expect(Math.abs(advantage - (2 * normalCdf(0.5) - 1))).toBeLessThan(5 * 0.006);
    for (const { target, tpr, fpr } of atLowFpr) {
      expect(fpr.interval[0]).toBeLessThanOrEqual(target * 1.6);
      expect(fpr.interval[1]).toBeGreaterThanOrEqual(target * 0.5);
      expect(tpr.value).toBeGreaterThan(fpr.value);
    }
    expect(roc[0]).toEqual({ fpr: 0, tpr: 0 });
    expect(roc.at(-1)).toEqual({ fpr: 1, tpr: 1 });
    expect(
      roc.every(({ fpr, tpr }, i) => i === 0 || (fpr >= (roc[i - 1]?.fpr ?? 0) && tpr >= (roc[i - 1]?.tpr ?? 0))),
    ).toBe(true);
  });

  it('are exact for a few scores with ties', () => {
    const rates = measureAttack({ members: Float64Array.from([3, 2, 2]), nonMembers: Float64Array.from([2, 1, 0, 0]) });
    expect(rates.auc).toBe((4 + 3.5 + 3.5) / 12);
    expect(rates.roc).toEqual([
      { fpr: 0, tpr: 0 },
      { fpr: 0, tpr: 1 / 3 },
      { fpr: 1 / 4, tpr: 1 },
      { fpr: 2 / 4, tpr: 1 },
      { fpr: 1, tpr: 1 },
    ]);
    expect(rates.advantage).toBe(3 / 4);
  });

  it('have the interval at whose ends the counts are just as improbable as stated', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0, max: 1, noNaN: true }), (trials, share) => {
        const successes = Math.round(share * trials);
        const [low, high] = clopperPearson(successes, trials, 0.9);
        expect(low).toBeLessThanOrEqual(successes / trials);
        expect(high).toBeGreaterThanOrEqual(successes / trials);
        if (successes > 0) {
          const tail = Math.exp(logBinomialUpperTail(successes, { trials, probability: low }));
          expect(Math.abs(tail - 0.05)).toBeLessThan(1e-6);
        } else expect(low).toBe(0);
        if (successes < trials) {
          const above = Math.exp(logBinomialUpperTail(successes + 1, { trials, probability: high }));
          expect(Math.abs(1 - above - 0.05)).toBeLessThan(1e-6);
        } else expect(high).toBe(1);
      }),
    );
  });

  it('refute an ε, and never one that allows them', () => {
    const counts = { truePositives: 900, members: 1000, falsePositives: 10, nonMembers: 1000 };
    const lower = computeEpsilonFromRates(counts, { delta: 1e-5 });
    const [tpr] = clopperPearson(900, 1000, 0.95);
    const [, fpr] = clopperPearson(10, 1000, 0.95);
    expect(lower).toBe(Math.log((tpr - 1e-5) / fpr));
    // A mirror image is refuted by the other inequality.
    const mirrored = { truePositives: 990, members: 1000, falsePositives: 100, nonMembers: 1000 };
    expect(computeEpsilonFromRates(mirrored, { delta: 1e-5 })).toBeCloseTo(lower, 9);
    expect(computeEpsilonFromRates({ ...counts, truePositives: 10 }, { delta: 1e-5 })).toBe(0);
    const terms = { epsilon: lower, delta: 1e-5 };
    expect(boundTpr(fpr, terms)).toBeLessThanOrEqual(tpr * (1 + 1e-12));
    expect(boundTpr(0.01, { epsilon: 0, delta: 0 })).toBeCloseTo(0.01, 12);
    expect(boundTpr(0.5, { epsilon: 50, delta: 0 })).toBe(1);
  });
});

/** Examples whose labels follow from nothing: only memory can know them. */
function drawNoise(size: number, rng: Rng, labelWidth = 1): Dataset {
  const inputs = Float32Array.from({ length: size * 20 }, () => drawNormal(rng));
  const labels = Uint8Array.from({ length: size * labelWidth }, () => rng.uint32() & 1);
  return createDataset({
    inputs,
    inputShape: [20],
    labels: labelWidth === 1 ? labels : Float32Array.from(labels),
    labelWidth,
  });
}

const plan = compilePlan(
  model([dense({ out: 64 }), relu(), dense({ out: 2 })], { input: [20], loss: 'softmaxCrossEntropy' }),
);
const engine = createEngine(plan);

/** Trains without privacy, until the examples are known. */
function memorize(dataset: Dataset, steps = 250): Float32Array {
  const parameters = initializeParameters(plan, createSeededRng('start'));
  const optimizer = createOptimizer({ kind: 'adam', learningRate: 0.02 }, plan.parameterCount);
  const indices = Array.from({ length: dataset.size }, (_, i) => i);
  for (let step = 0; step < steps; step += 1) {
    const { sum } = engine.clippedSum({ parameters, dataset, indices, clipNorm: Infinity });
    optimizer.step(
      parameters,
      sum.map((value) => value / dataset.size),
    );
  }
  return parameters;
}

function answersOf(parameters: Float32Array, dataset: Dataset): Answers {
  const outputs = engine.predict({ parameters, dataset });
  return { loss: 'softmaxCrossEntropy', outputs, outputWidth: 2, labels: dataset.labels };
}

describe('scores of examples', () => {
  it.each<[LossDeclaration, number]>([
    ['softmaxCrossEntropy', 3],
    ['binaryCrossEntropy', 3],
    ['squaredError', 3],
    [{ kind: 'huber', threshold: 0.7 }, 3],
  ])('are the losses that the engine counts: %j', (loss, width) => {
    const rng = createSeededRng('losses');
    const layers = compilePlan(model([dense({ out: width })], { input: [20], loss }));
    const dataset = drawNoise(50, rng, loss === 'softmaxCrossEntropy' ? 1 : width);
    const parameters = initializeParameters(layers, rng);
    const source = createEngine(layers);
    const outputs = source.predict({ parameters, dataset });
    const losses = computeExampleLosses({ loss, outputs, outputWidth: width, labels: dataset.labels });
    const mean = losses.reduce((sum, each) => sum + each / 50, 0);
    expect(Math.abs(mean - source.evaluate({ parameters, dataset }).loss)).toBeLessThan(1e-6);
  });

  it('are the entropy of the prediction, largest where nothing is known', () => {
    const ask = (loss: LossDeclaration, outputs: number[], outputWidth: number): number =>
      computeExampleEntropies({ loss, outputs, outputWidth, labels: new Uint8Array(1) })[0] as number;
    expect(ask('softmaxCrossEntropy', [5, 5, 5], 3)).toBeCloseTo(Math.log(3), 12);
    expect(ask('softmaxCrossEntropy', [80, 0], 2)).toBeLessThan(1e-30);
    expect(ask('binaryCrossEntropy', [0], 1)).toBeCloseTo(Math.LN2, 12);
    const p = 1 / (1 + Math.exp(-1.5));
    expect(ask('binaryCrossEntropy', [1.5], 1)).toBeCloseTo(-p * Math.log(p) - (1 - p) * Math.log(1 - p), 12);
  });

  it('become confidences that are finite for every loss', () => {
    expect([...confidencesOf(Float64Array.from([Math.LN2, 0, 1e6]))]).toEqual([
      expect.closeTo(0, 12),
      expect.closeTo(27.63, 2),
      expect.closeTo(-40, 9),
    ]);
  });
});

describe('membership inference', () => {
  it('finds who a model was trained on when it knows them by heart, and nobody when it has seen nothing', () => {
    const rng = createSeededRng('members');
    const [inside, outside] = [drawNoise(100, rng), drawNoise(400, rng)];
    const known = memorize(inside);
    const data = { members: answersOf(known, inside), nonMembers: answersOf(known, outside) };
    const [loss, entropy] = attackByThreshold(data);
    expect([loss?.name, entropy?.name]).toEqual(['loss', 'entropy']);
    expect(loss?.all.auc).toBeGreaterThan(0.7);
    expect(loss?.classes.map((slice) => slice.class)).toEqual([0, 1]);
    expect(loss?.classes.every(({ rates }) => rates.auc > 0.65)).toBe(true);
    const blank = initializeParameters(plan, createSeededRng('start'));
    const nothing = { members: answersOf(blank, inside), nonMembers: answersOf(blank, outside) };
    // Five standard errors of an area under blind guessing: √(501 / (12 · 100 · 400)) = 0.032.
    expect(Math.abs((attackByThreshold(nothing)[0]?.all.auc ?? 0) - 0.5)).toBeLessThan(5 * 0.033);
  });

  it('is sharper when shadow models say how hard each example is', () => {
    // Scores of one example differ by 3 from those of another, those of members by 1 from the rest: only calibration sees it.
    const rng = createSeededRng('calibration');
    const size = 2000;
    const hardness = drawScores(size, 0, rng).map((value) => 3 * value);
    const isMember = Uint8Array.from({ length: size }, (_, i) => (i < size / 2 ? 1 : 0));
    const answer = (saw: Uint8Array): Float64Array =>
      hardness.map((value, i) => value + drawNormal(rng) / 2 + (saw[i] === 1 ? 1 : 0));
    const shadows = Array.from({ length: 8 }, (): Shadow => {
      const saw = drawShadow(size, rng);
      return { saw, confidences: answer(saw) };
    });
    const target = answer(isMember);
    const split = (scores: Float64Array) => ({
      members: scores.slice(0, size / 2),
      nonMembers: scores.slice(size / 2),
    });
    const raw = measureAttack(split(target));
    const calibrated = measureAttack(split(calibrateScores(target, shadows)));
    expect(raw.auc).toBeLessThan(0.65);
    expect(calibrated.auc).toBeGreaterThan(0.85);
    const labels = new Uint8Array(size / 2);
    const answers: Answers = { loss: 'softmaxCrossEntropy', outputs: new Float32Array(size), outputWidth: 2, labels };
    const named = attackByCalibration(split(calibrateScores(target, shadows)), {
      members: answers,
      nonMembers: answers,
    });
    expect([named.name, named.all.auc, named.classes.length]).toEqual(['calibrated', calibrated.auc, 1]);
    expect(() => calibrateScores(target, [])).toThrow(/"shadows"/);
    expect(() => calibrateScores(target.slice(1), shadows)).toThrow(/must have answered/);
  });
});

describe('canary examples', () => {
  const rng = createSeededRng('canary examples');
  const data = drawNoise(300, rng);

  it('have another class, or values of the data in another order', () => {
    const wrong = plantExampleCanaries(data, { kind: 'mislabelled', canaries: 60, classes: 2 }, rng);
    const included = wrong.coins.reduce((sum, coin) => sum + coin, 0);
    expect([wrong.dataset.size, wrong.canaries.size]).toEqual([240 + included, 60]);
    const rows = new Map(
      Array.from({ length: 300 }, (_, i) => [data.inputs.slice(20 * i, 20 * i + 20).join(), data.labels[i]]),
    );
    for (let i = 0; i < 60; i += 1) {
      const row = wrong.canaries.inputs.slice(20 * i, 20 * i + 20).join();
      expect(wrong.canaries.labels[i]).toBe(1 - (rows.get(row) as number));
    }
    const strange = plantExampleCanaries(data, { kind: 'scrambled', canaries: 60, classes: 2 }, rng);
    expect(strange.dataset.size).toBe(300 + strange.coins.reduce((sum, coin) => sum + coin, 0));
    const values = new Set(data.inputs);
    expect(strange.canaries.inputs.every((value) => values.has(value))).toBe(true);
    expect([...data.inputs]).toEqual([...drawNoise(300, createSeededRng('canary examples')).inputs]);
  });

  it('tell on a training without privacy, and are refused where they mean nothing', () => {
    const planted = plantExampleCanaries(data, { kind: 'mislabelled', canaries: 100, classes: 2 }, rng);
    const known = memorize(planted.dataset);
    const { outputs } = answersOf(known, planted.canaries);
    const losses = computeExampleLosses({
      loss: 'softmaxCrossEntropy',
      outputs,
      outputWidth: 2,
      labels: planted.canaries.labels,
    });
    const found = auditOneRun({
      scores: losses.map((loss) => -loss),
      coins: planted.coins,
      delta: 1e-10,
      confidence: 1 - SIGNIFICANCE,
      claimed: 0.1,
    });
    expect(found.refuted).toBe(true);
    const refuse = (count: number, classes: number) => () =>
      plantExampleCanaries(data, { kind: 'scrambled', canaries: count, classes }, rng);
    expect(refuse(151, 2)).toThrow(/take fewer canaries/);
    expect(refuse(10, 1)).toThrow(/labels must be classes/);
  });
});
