import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../../foundations/random/index.ts';
import { createLedger, createMemoryLedgerStore, type Ledger } from '../../../privacy/accounting/index.ts';
import {
  type ClassificationLayout,
  type ClassificationMetrics,
  computeAuc,
  computeExactClassification,
  computeMetrics,
  computeTally,
  createTallyNoise,
  evaluateFederated,
  evaluatePrivately,
  openRepeatedLooks,
  planFederatedEvaluation,
  type RegressionMetrics,
} from '../index.ts';

const three: ClassificationLayout = { kind: 'classification', classes: 3, groups: 1, bins: 10, scoresOfAll: false };
const two: ClassificationLayout = { kind: 'classification', classes: 2, groups: 2, bins: 64, scoresOfAll: false };

function uniform(seed: string): () => number {
  const rng = createSeededRng(seed);
  return () => rng.uint32() / 2 ** 32;
}

/** Predictions of a model that is right most of the time. */
function draw(size: number, classes: number, seed = 'predictions') {
  const next = uniform(seed);
  const labels = Array.from({ length: size }, () => Math.floor(next() * classes));
  const groups = labels.map(() => (classes === 2 ? Math.floor(next() * 2) : 0));
  const outputs = labels.flatMap((label) => {
    const scores = Array.from({ length: classes }, (_, j) => next() + (j === label ? 0.8 : 0));
    const total = scores.reduce((sum, score) => sum + score, 0);
    return scores.map((score) => score / total);
  });
  return { outputs, labels, groups };
}

const ledgerOf = (epsilon: number, quotas: Record<string, number> | null = null): Promise<Ledger> =>
  createLedger({
    store: createMemoryLedgerStore(),
    accountant: 'rdp',
    clock: () => new Date(0),
    budget: { epsilon, delta: 1e-6 },
    relation: 'add-or-remove-one',
    privacyUnit: 'example',
    dataset: 'test set',
    quotas,
  });

describe('exact figures', () => {
  it('are those counted by hand for three classes', () => {
    const labels = [0, 0, 1, 1, 2, 2];
    const predicted = [0, 1, 1, 1, 2, 0];
    const outputs = predicted.flatMap((p) => [0, 1, 2].map((j) => (j === p ? 0.8 : 0.1)));
    const counts = computeTally({ outputs, labels }, three);
    const metrics = computeMetrics(three, { counts, noiseStddev: 0 }) as ClassificationMetrics;
    expect(metrics.accuracy.value).toBeCloseTo(4 / 6, 12);
    expect(metrics.confusion.map((row) => row.map(({ value }) => value))).toEqual([
      [1, 1, 0],
      [0, 2, 0],
      [1, 0, 1],
    ]);
    expect(metrics.classes.map(({ precision }) => precision.value)).toEqual([1 / 2, 2 / 3, 1]);
    expect(metrics.classes.map(({ recall }) => recall.value)).toEqual([1 / 2, 1, 1 / 2]);
    expect(metrics.macroF1.value).toBeCloseTo((1 / 2 + 4 / 5 + 2 / 3) / 3, 12);
    // All confidences are 0.8, in the bin from 0.8: its middle is 0.85 and four of six are right.
    expect(metrics.calibrationError.value).toBeCloseTo(0.85 - 4 / 6, 12);
    expect(metrics.accuracy.noiseInterval).toEqual([metrics.accuracy.value, metrics.accuracy.value]);
  });

  it('tell groups apart, and agree with the exact area under the curve', () => {
    const predictions = draw(4000, 2);
    const counts = computeTally(predictions, two);
    const metrics = computeMetrics(two, { counts, noiseStddev: 0 }) as ClassificationMetrics;
    const scores = predictions.labels.map((_, i) => predictions.outputs[2 * i + 1] as number);
    const auc = computeAuc(scores, (i) => predictions.labels[i] === 1);
    expect(Math.abs((metrics.auc?.value ?? 0) - auc)).toBeLessThan(0.002);
    for (const { group, accuracy, selectionRate } of metrics.groups) {
      const rows = predictions.groups.flatMap((g, i) => (g === group ? [i] : []));
      const isOne = (i: number): boolean => (scores[i] as number) >= 0.5;
      const right = rows.filter((i) => isOne(i) === (predictions.labels[i] === 1)).length;
      expect(accuracy.value).toBeCloseTo(right / rows.length, 12);
      expect(selectionRate?.value).toBeCloseTo(rows.filter(isOne).length / rows.length, 12);
    }
    const [a = Number.NaN, b = Number.NaN] = metrics.groups.map(({ accuracy }) => accuracy.value);
    expect(metrics.gaps?.accuracy.value).toBeCloseTo(Math.abs(a - b), 12);
  });

  it('take areas and calibration of public data from the scores themselves, with an interval that covers', () => {
    const scoresOf = ({ labels, outputs }: { labels: number[]; outputs: number[] }): number[] =>
      labels.map((_, i) => outputs[2 * i + 1] as number);
    const predictions = draw(700, 2);
    const exact = computeExactClassification(predictions, { ...two, bins: 4 });
    const scores = scoresOf(predictions);
    const isOne = (i: number): boolean => predictions.labels[i] === 1;
    expect(exact.auc?.value).toBeCloseTo(computeAuc(scores, isOne), 12);
    expect(exact.roc?.[0]).toEqual({ fpr: 0, tpr: 0 });
    expect(exact.roc?.at(-1)).toEqual({ fpr: 1, tpr: 1 });
    // Bin by bin: the mean score against the share that is right.
    let off = 0;
    for (let bin = 0; bin < 4; bin += 1) {
      const rows = scores.flatMap((score, i) => (Math.floor(score * 4) === bin ? [i] : []));
      off += Math.abs(rows.reduce((total, i) => total + (scores[i] as number) - Number(isOne(i)), 0));
    }
    expect(exact.calibrationError.value).toBeCloseTo(off / 700, 12);
    const classes = computeExactClassification(draw(300, 3), three);
    expect(classes.classes.map(({ auc }) => (auc?.value ?? 0) > 0.7)).toEqual([true, true, true]);

    const population = draw(60_000, 2, 'all scores');
    const truth = computeAuc(scoresOf(population), (i) => population.labels[i] === 1);
    let inside = 0;
    for (let run = 0; run < 200; run += 1) {
      const { auc } = computeExactClassification(draw(150, 2, `scores ${run}`), two);
      const [low, high] = auc?.interval ?? [1, 0];
      if (low <= truth && truth <= high) inside += 1;
    }
    expect(inside / 200).toBeGreaterThan(0.9);
    expect(inside / 200).toBeLessThan(0.995);
  });

  it('count ties of scores as half, and reverse with the order', () => {
    expect(computeAuc([0.1, 0.4, 0.4, 0.9], (i) => i >= 2)).toBe(0.875);
    expect(computeAuc([0.9, 0.8, 0.2, 0.1], (i) => i >= 2)).toBe(0);
  });

  it('measure a regression', () => {
    const layout = { kind: 'regression', groups: 1, errorBound: 2, targetMin: 0, targetMax: 10 } as const;
    const labels = [1, 3, 5, 9];
    const outputs = [1.5, 3, 4, 9.5];
    const counts = computeTally({ outputs, labels }, layout);
    const metrics = computeMetrics(layout, { counts, noiseStddev: 0 }) as RegressionMetrics;
    expect(Math.abs(metrics.meanAbsoluteError.value - 0.5)).toBeLessThan(1e-3);
    expect(Math.abs(metrics.rootMeanSquaredError.value - Math.sqrt(1.5 / 4))).toBeLessThan(1e-2);
    expect(Math.abs(metrics.rSquared.value - (1 - 1.5 / 35))).toBeLessThan(1e-2);
  });

  it('refuse labels and groups out of range, and lengths that differ', () => {
    expect(() => computeTally({ outputs: [1, 0, 0], labels: [3] }, three)).toThrow(/label must be an integer/);
    expect(() => computeTally({ outputs: [1, 0], labels: [0] }, three)).toThrow(/1 labels need 3 outputs/);
    expect(() => computeTally({ outputs: [1, 0], labels: [0], groups: [2] }, two)).toThrow(/group/);
  });
});

describe('private figures', () => {
  it('cover the exact figures in 93 to 97 % of 1,000 runs', () => {
    const predictions = draw(3000, 3);
    const counts = computeTally(predictions, three);
    const noise = createTallyNoise(three, { epsilon: 0.5, delta: 1e-6 });
    const exact = computeMetrics(three, { counts, noiseStddev: 0 }) as ClassificationMetrics;
    const rng = createSeededRng('coverage');
    const inside = { cells: 0, examples: 0, accuracy: 0, recall: 0, f1: 0, macroF1: 0 };
    const within = ([low, high]: readonly [number, number], value: number): number =>
      low <= value && value <= high ? 1 : 0;
    const runs = 1000;
    for (let run = 0; run < runs; run += 1) {
      const noisy = computeMetrics(three, noise.release(counts, rng)) as ClassificationMetrics;
      noisy.confusion.forEach((row, i) =>
        row.forEach(({ noiseInterval }, j) => {
          inside.cells += within(noiseInterval, exact.confusion[i]?.[j]?.value ?? Number.NaN) / 9;
        }),
      );
      inside.examples += within(noisy.examples.noiseInterval, 3000);
      inside.accuracy += within(noisy.accuracy.noiseInterval, exact.accuracy.value);
      inside.recall += within(noisy.classes[0]!.recall.noiseInterval, exact.classes[0]!.recall.value);
      inside.f1 += within(noisy.classes[1]!.f1.noiseInterval, exact.classes[1]!.f1.value);
      inside.macroF1 += within(noisy.macroF1.noiseInterval, exact.macroF1.value);
    }
    for (const [figure, times] of Object.entries(inside)) {
      expect(times / runs, figure).toBeGreaterThanOrEqual(0.93);
      expect(times / runs, figure).toBeLessThanOrEqual(0.97);
    }
  });

  it('weigh what the matrix and the bins of confidence say alike, and are the sharper for it', () => {
    const ten: ClassificationLayout = { kind: 'classification', classes: 10, groups: 1, bins: 20, scoresOfAll: false };
    const counts = computeTally(draw(4000, 10), ten);
    const noise = createTallyNoise(ten, { epsilon: 0.5, delta: 1e-6 });
    const rng = createSeededRng('sharper');
    const exact = computeMetrics(ten, { counts, noiseStddev: 0 }) as ClassificationMetrics;
    let [inside, square, width] = [0, 0, 0];
    for (let run = 0; run < 300; run += 1) {
      const { accuracy } = computeMetrics(ten, noise.release(counts, rng)) as ClassificationMetrics;
      const [low, high] = accuracy.noiseInterval;
      if (low <= exact.accuracy.value && exact.accuracy.value <= high) inside += 1;
      square += (accuracy.value - exact.accuracy.value) ** 2 / 300;
      width += (high - low) / 300;
    }
    expect(inside / 300).toBeGreaterThan(0.91);
    // By the matrix alone, the noise of 90 wrong cells and 10 right ones would stand over 4,000 examples.
    const { value } = exact.accuracy;
    const matrixAlone = (noise.noiseStddev * Math.hypot(value * Math.sqrt(90), (1 - value) * Math.sqrt(10))) / 4000;
    expect(Math.sqrt(square)).toBeLessThan(0.6 * matrixAlone);
    expect(width / (2 * 1.96)).toBeLessThan(0.6 * matrixAlone);
  });

  it('would not cover with half the noise in the intervals', () => {
    const counts = computeTally(draw(3000, 3), three);
    const noise = createTallyNoise(three, { epsilon: 0.5, delta: 1e-6 });
    const exact = computeMetrics(three, { counts, noiseStddev: 0 }) as ClassificationMetrics;
    const rng = createSeededRng('wrong coverage');
    let inside = 0;
    for (let run = 0; run < 300; run += 1) {
      const { counts: noised, noiseStddev } = noise.release(counts, rng);
      const wrong = computeMetrics(three, { counts: noised, noiseStddev: noiseStddev / 2 }) as ClassificationMetrics;
      const [low, high] = wrong.accuracy.noiseInterval;
      if (low <= exact.accuracy.value && exact.accuracy.value <= high) inside += 1;
    }
    expect(inside / 300).toBeLessThan(0.85);
  });

  it('cover the population’s accuracy when the test data is drawn anew', () => {
    const few: ClassificationLayout = { ...two, bins: 8 };
    const noise = createTallyNoise(few, { epsilon: 1, delta: 1e-6 });
    const rng = createSeededRng('population');
    const truth = computeMetrics(few, {
      counts: computeTally(draw(200_000, 2, 'whole population'), few),
      noiseStddev: 0,
    }) as ClassificationMetrics;
    let inside = 0;
    for (let run = 0; run < 300; run += 1) {
      const counts = computeTally(draw(500, 2, `sample ${run}`), few);
      const { accuracy } = computeMetrics(few, noise.release(counts, rng)) as ClassificationMetrics;
      if (accuracy.interval[0] <= truth.accuracy.value && truth.accuracy.value <= accuracy.interval[1]) inside += 1;
    }
    expect(inside / 300).toBeGreaterThan(0.92);
    expect(inside / 300).toBeLessThan(0.985);
  });

  it('are charged before the data is read, and refused beyond the budget', async () => {
    const ledger = await ledgerOf(1);
    const counts = computeTally(draw(500, 3), three);
    let reads = 0;
    const count = (): Int32Array => {
      reads += 1;
      expect(ledger.open()).toHaveLength(1);
      return counts;
    };
    const target = { epsilon: 0.8, delta: 1e-6 };
    await evaluatePrivately(three, { count, target, ledger }, createSeededRng('a'));
    expect(ledger.spent().epsilon).toBeGreaterThan(0.79);
    await expect(evaluatePrivately(three, { count, target, ledger }, createSeededRng('b'))).rejects.toMatchObject({
      code: 'accounting/budget-exceeded',
    });
    expect(reads).toBe(1);
  });

  it('keep the charge when counting fails', async () => {
    const ledger = await ledgerOf(1);
    const count = (): Int32Array => {
      throw new Error('the disk is gone');
    };
    const target = { epsilon: 0.5, delta: 1e-6 };
    await expect(evaluatePrivately(three, { count, target, ledger }, createSeededRng('a'))).rejects.toThrow('disk');
    expect(ledger.spent().epsilon).toBeGreaterThan(0.49);
  });

  it('stop at the quota of the hold-out', async () => {
    const ledger = await ledgerOf(5, { evaluation: 0.6 });
    const count = (): Int32Array => computeTally(draw(500, 3), three);
    const target = { epsilon: 0.5, delta: 1e-6 };
    await evaluatePrivately(three, { count, target, ledger }, createSeededRng('a'));
    await expect(evaluatePrivately(three, { count, target, ledger }, createSeededRng('b'))).rejects.toMatchObject({
      code: 'accounting/quota-exceeded',
    });
  });
});

describe('federated figures', () => {
  const parts = Array.from({ length: 5 }, (_, i) => computeTally(draw(400, 3, `part ${i}`), three));
  const total = parts.reduce(
    (sum, part) => sum.map((count, i) => count + (part[i] as number)),
    new Int32Array(parts[0]?.length ?? 0),
  );

  for (const aggregation of ['secagg', 'shares'] as const) {
    it(`are those of all counts together, through ${aggregation}`, async () => {
      const plan = planFederatedEvaluation({ layout: three, participants: 5, maxExamples: 1000 });
      const { counts } = await evaluateFederated(plan, { tallies: parts, aggregation }, createSeededRng('sum'));
      expect([...(counts as Float64Array)]).toEqual([...total]);
    });
  }

  it('carry the noise that the plan says, inside the sum', async () => {
    const noise = { epsilon: 1, delta: 1e-6, honestParticipants: 4 };
    const plan = planFederatedEvaluation({ layout: three, participants: 5, maxExamples: 1000, noise });
    const off: number[] = [];
    for (let i = 0; i < 60; i += 1) {
      const { counts } = await evaluateFederated(
        plan,
        { tallies: parts, aggregation: 'shares' },
        createSeededRng(`${i}`),
      );
      off.push(...Array.from(counts, (count, j) => count - (total[j] as number)));
    }
    const stddev = Math.sqrt(off.reduce((sum, x) => sum + x * x, 0) / off.length);
    // 1,740 draws: the relative error of a standard deviation is 1/√(2·1740) = 1.7 %; six times that.
    expect(Math.abs(stddev / plan.noiseStddev - 1)).toBeLessThan(0.102);
    expect(plan.event?.kind).toBe('distributedDiscreteGaussian');
  });

  it('are refused for two participants', () => {
    expect(() => planFederatedEvaluation({ layout: three, participants: 2, maxExamples: 10 })).toThrow(/at least 3/);
  });
});

describe('repeated looks', () => {
  it('cost once, tell clear improvements, and end', async () => {
    const ledger = await ledgerOf(2);
    const size = 4000;
    const rightOn = (count: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i < count ? 1 : 0));
    const looks = await openRepeatedLooks(
      { baseline: rightOn(2000), minImprovement: 200, epsilon: 1, maxImprovements: 2, ledger },
      createSeededRng('looks'),
    );
    for (let i = 0; i < 50; i += 1) expect(looks.look(rightOn(2000 - i))).toBe(false);
    expect(looks.look(rightOn(3000))).toBe(true);
    expect(looks.look(rightOn(3000))).toBe(false);
    expect(looks.look(rightOn(3900))).toBe(true);
    expect(looks.remaining).toBe(0);
    expect(() => looks.look(rightOn(4000))).toThrow(/all improvements/);
    expect(ledger.spent().epsilon).toBeCloseTo(1, 6);
  });
});
