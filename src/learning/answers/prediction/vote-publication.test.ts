import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../../foundations/random/index.ts';
import { createLedger, createMemoryLedgerStore } from '../../../privacy/accounting/index.ts';
import { createDataset } from '../../data/index.ts';
import { createPrivateVotes, createRidgeTeacher, type VoteEntry } from '../index.ts';
import { computeAnswerDivergences, computeSmoothSensitivity, computeUpsetProbabilities } from './vote-divergence.ts';
import { computeScaling, computeTail, computeTailQuantile, createPublication } from './vote-publication.ts';

/** All vectors of `classes` counts that sum to `teachers`. */
function allCounts(teachers: number, classes: number): number[][] {
  if (classes === 1) return [[teachers]];
  return Array.from({ length: teachers + 1 }, (_, first) =>
    allCounts(teachers - first, classes - 1).map((rest) => [first, ...rest]),
  ).flat();
}
function neighborsOf(counts: readonly number[]): number[][] {
  return counts.flatMap((count, from) =>
    count === 0 ? [] : counts.map((_, to) => counts.map((value, i) => value - Number(i === from) + Number(i === to))),
  );
}
function gapOf(counts: readonly number[]): number {
  const [first = 0, second = 0] = counts.toSorted((a, b) => b - a);
  return first - second;
}

/** The exact distribution of the noisy maximum, ties to the lowest label, by sums over the winner's value. */
function winnerDistribution(counts: readonly number[], sigma: number): number[] {
  const reach = Math.ceil(14 * sigma) + 40;
  const mass = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma * sigma)));
  const total = mass.reduce((sum, value) => sum + value, 0);
  const cumulated: number[] = [];
  mass.reduce((sum, value, i) => (cumulated[i] = sum + value / total), 0);
  const below = (x: number): number => (x < -reach ? 0 : (cumulated[Math.min(2 * reach, x + reach)] as number));
  return counts.map((count, label) =>
    mass.reduce((sum, value, i) => {
      const noisy = count + i - reach;
      const others = counts.reduce(
        (product, other, j) => (j === label ? product : product * below(noisy - other - Number(j < label))),
        1,
      );
      return sum + (value / total) * others;
    }, 0),
  );
}
const divergence = (p: readonly number[], q: readonly number[], order: number): number =>
  Math.log(p.reduce((sum, value, i) => sum + value ** order * (q[i] as number) ** (1 - order), 0)) / (order - 1);

describe('the divergence of an answer', () => {
  it('is bounded for every vote of small cases and every neighbour, in both directions, by brute force', () => {
    let helped = 0;
    for (const { teachers, classes, answerStddev, order } of [
      { teachers: 12, classes: 3, answerStddev: 1, order: 3 },
      { teachers: 30, classes: 3, answerStddev: 2.5, order: 4 },
      { teachers: 40, classes: 2, answerStddev: 3, order: 2 },
    ]) {
      const bounds = computeAnswerDivergences({ teachers, classes, answerStddev }, order);
      const upsets = computeUpsetProbabilities({ teachers, classes, answerStddev });
      const known = new Map(
        allCounts(teachers, classes).map((counts) => [counts.join(), winnerDistribution(counts, answerStddev)]),
      );
      for (const counts of allCounts(teachers, classes)) {
        const own = known.get(counts.join()) as number[];
        const bound = bounds[gapOf(counts)] as number;
        const upset = 1 - (own[counts.indexOf(Math.max(...counts))] as number);
        expect(upset).toBeLessThanOrEqual((upsets[gapOf(counts)] as number) + 1e-12);
        for (const neighbor of neighborsOf(counts)) {
          const other = known.get(neighbor.join()) as number[];
          expect(divergence(own, other, order)).toBeLessThanOrEqual(bound + 1e-9);
          expect(divergence(other, own, order)).toBeLessThanOrEqual(bound + 1e-9);
        }
        if (bound < 0.9 * (order / answerStddev ** 2)) helped += 1;
      }
    }
    expect(helped).toBeGreaterThan(100);
  });

  it('never rises with the gap, and falls far below the charge', () => {
    const bounds = computeAnswerDivergences({ teachers: 500, classes: 10, answerStddev: 60 }, 20);
    bounds.forEach((value, gap) => expect(value).toBeLessThanOrEqual(bounds[Math.max(0, gap - 1)] as number));
    expect(bounds[0]).toBeCloseTo(20 / 3600, 15);
    expect(bounds[480]).toBeLessThan((bounds[0] as number) / 20);
  });
});

describe('the smooth sensitivity', () => {
  it('bounds every change between neighbours, and is smooth, by brute force over pairs of votes', () => {
    const shape = { teachers: 8, classes: 3, answerStddev: 0.9 };
    const divergences = computeAnswerDivergences(shape, 2.5);
    const smoothness = 0.3;
    const of = (votes: readonly number[][]) =>
      computeSmoothSensitivity(votes.map(gapOf), { divergences, smoothness, floor: 1e-9 });
    const sum = (votes: readonly number[][]) =>
      votes.reduce((total, counts) => total + (divergences[gapOf(counts)] as number), 0);
    const all = allCounts(shape.teachers, shape.classes);
    let tight = 0;
    for (const one of all) {
      for (const two of all.filter((_, i) => i % 5 === 0)) {
        const smooth = of([one, two]);
        // One teacher moves its vote on both questions.
        for (const first of neighborsOf(one)) {
          for (const second of neighborsOf(two)) {
            const change = Math.abs(sum([one, two]) - sum([first, second]));
            if (change > smooth) expect(change).toBeLessThanOrEqual(smooth);
            if (change > 0.9 * smooth) tight += 1;
          }
        }
        for (const first of neighborsOf(one)) {
          const other = of([first, two]);
          expect(other).toBeLessThanOrEqual(smooth * Math.exp(smoothness) * (1 + 1e-12));
        }
      }
    }
    expect(tight).toBeGreaterThan(0);
  });
});

describe('noise of Laplace times log-normal', () => {
  it('has the divergence that is charged, by integration, at the worst shift and stretch', () => {
    const epsilon = 0.6;
    const { smoothness, multiplier } = computeScaling(epsilon);
    // The density: the mean over y of e^(−|z|e^(−y/2))·e^(−y/2)/2.
    const density = (z: number): number => {
      let total = 0;
      for (let y = -8; y <= 8; y += 1 / 16) total += Math.exp(-(y * y) / 2 - Math.abs(z) * Math.exp(-y / 2) - y / 2);
      return total / 16 / (2 * Math.sqrt(2 * Math.PI));
    };
    let worst = 0;
    for (const stretch of [Math.exp(-smoothness), 1, Math.exp(smoothness)]) {
      for (const shift of [0, multiplier * Math.min(1, stretch)]) {
        for (const order of [1.5, 2, 5]) {
          let moment = 0;
          // z = ±sinh(u): dense at the peak, far into the tails.
          for (let u = -9; u <= 9; u += 0.02) {
            const z = Math.sinh(u);
            const q = density((z - shift) / stretch) / stretch;
            moment += density(z) ** order * q ** (1 - order) * Math.cosh(u) * 0.02;
          }
          const rho = Math.log(moment) / (order - 1) / order;
          expect(rho).toBeLessThanOrEqual(epsilon ** 2 / 2 + 1e-6);
          worst = Math.max(worst, rho);
        }
      }
    }
    expect(worst).toBeGreaterThan(0.02);
  });

  it('has the tail that its quantile says', () => {
    expect(computeTail(0)).toBeCloseTo(0.5, 12);
    for (const doubt of [0.1, 0.005]) expect(computeTail(computeTailQuantile(doubt))).toBeCloseTo(doubt, 10);
  });
});

describe('the published cost', () => {
  const settings = { teachers: 500, classes: 10, threshold: 350, checkStddev: 130, answerStddev: 60 };
  const open = (epsilon: number) =>
    createLedger({
      store: createMemoryLedgerStore(),
      accountant: 'rdp',
      clock: () => new Date(0),
      budget: { epsilon, delta: 1e-5 },
      relation: 'add-or-remove-one',
      privacyUnit: 'example',
      dataset: 'training data of the teachers',
      order: 14,
    });

  it('is far below the charge where teachers agree, is charged, and comes once', async () => {
    const ledger = await open(4);
    const votes = createPrivateVotes({ ...settings, ledger });
    const rng = createSeededRng('publish');
    for (let i = 0; i < 40; i += 1) await votes.answer(() => Array.from({ length: 500 }, () => i % 10), rng);
    const before = ledger.spent().epsilon;
    const cost = await votes.publishCost({ delta: 1e-5 }, rng);
    expect(ledger.spent().epsilon).toBeGreaterThan(before);
    expect(cost.queries).toBe(40);
    expect(cost.epsilon).toBeLessThan(cost.dataIndependentEpsilon - 0.1);
    await expect(votes.publishCost({ delta: 1e-5 }, rng)).rejects.toMatchObject({ code: 'answers/closed' });
    await expect(votes.answer(() => [], rng)).rejects.toMatchObject({ code: 'answers/closed' });
  });

  it('covers what was answered before a restart, and stays the last', async () => {
    const ledger = await open(8);
    const kept: VoteEntry[] = [];
    const rng = createSeededRng('restart');
    const reopen = () =>
      createPrivateVotes({ ...settings, ledger, earlier: [...kept], remember: (entry) => kept.push(entry) });
    for (let session = 0; session < 3; session += 1) {
      const votes = reopen();
      for (let i = 0; i < 10; i += 1) await votes.answer(() => Array.from({ length: 500 }, () => i % 10), rng);
    }
    expect(kept.filter(({ kind }) => kind === 'query')).toHaveLength(30);
    const cost = await reopen().publishCost({ delta: 1e-5 }, rng);
    const told = kept.filter(({ kind }) => kind === 'answer').length;
    expect(told).toBeGreaterThan(15);
    expect(cost).toMatchObject({ queries: 30, answered: told });
    await expect(reopen().publishCost({ delta: 1e-5 }, rng)).rejects.toMatchObject({ code: 'answers/closed' });
    await expect(reopen().answer(() => [], rng)).rejects.toMatchObject({ code: 'answers/closed' });
  });

  it('is refused where the budget does not hold it, before noise is drawn', async () => {
    const votes = createPrivateVotes({ ...settings, ledger: await open(0.05) });
    const rng = createSeededRng('poor');
    await expect(votes.publishCost({ delta: 1e-5 }, rng)).rejects.toMatchObject({ code: 'accounting/budget-exceeded' });
  });

  it('bounds the true divergence as often as it says', () => {
    const shape = { teachers: 500, classes: 10, checkStddev: 130, answerStddev: 60 };
    const gaps = Array.from({ length: 100 }, (_, i) => 200 + 3 * i);
    const divergences = computeAnswerDivergences(shape, 20);
    const truth = gaps.reduce((sum, gap) => sum + (divergences[gap] as number), 0);
    const publication = createPublication(shape, { delta: 1e-5, confidence: 0.9 });
    const rng = createSeededRng('coverage');
    const exact = (value: number, cost: { dataIndependentEpsilon: number }): number =>
      cost.dataIndependentEpsilon - (100 * 20) / 3600 + value;
    let covered = 0;
    for (let i = 0; i < 300; i += 1) {
      const cost = publication.release(gaps, { queries: 120 }, rng);
      if (cost.epsilon >= exact(truth, cost) - 1e-12) covered += 1;
    }
    // At least 0.9 of them by far: the two halves of the doubt are added, and the scale is bounded from above.
    expect(covered).toBeGreaterThanOrEqual(270);
  });
});

it('a ridge teacher learns what is linear, and refuses other widths', () => {
  const rng = createSeededRng('teacher');
  const make = (size: number) => {
    const inputs = Uint8Array.from({ length: size * 7 }, () => rng.uint32() & 255);
    const labels = Uint8Array.from({ length: size }, (_, i) =>
      Number((inputs[i * 7 + 2] as number) > (inputs[i * 7 + 5] as number)),
    );
    return createDataset({ inputs, inputShape: [7], labels, classes: 2, inputScale: 1 / 255 });
  };
  const teacher = createRidgeTeacher(make(150), { ridge: 0.01 });
  const test = make(400);
  const right = teacher.vote(test).filter((label, i) => label === test.labels[i]).length;
  expect(right).toBeGreaterThan(370);
  const narrow = createDataset({ inputs: new Uint8Array(3), inputShape: [3], labels: new Uint8Array(1) });
  expect(() => teacher.vote(narrow)).toThrow(/7 features/);
});
