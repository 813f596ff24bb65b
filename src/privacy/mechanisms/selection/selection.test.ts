import { describe, expect, it } from 'vitest';

import { assertFits, assertRejected, chiSquareTest, createTestRng } from '../../../../test/statistical/assert.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { sampleDiscreteLaplace } from '../samplers/exact-samplers.ts';
import { computeHierarchyDistances, createCategoricalExponential, createExponential } from './exponential.ts';
import { createPermuteAndFlip, createReportNoisyMax } from './noisy-max.ts';
import { createSparseVector } from './sparse-vector.ts';

function countChoices(draw: () => number, { cells, n }: { cells: number; n: number }): number[] {
  const counts = Array.from({ length: cells }, () => 0);
  for (let i = 0; i < n; i += 1) {
    const at = draw();
    counts[at] = (counts[at] as number) + 1;
  }
  return counts;
}

const softmax = (exponents: readonly number[]) => {
  const weights = exponents.map(Math.exp);
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
};

/** Permute-and-flip's law by enumeration of all orders. */
function permuteAndFlipLaw(keep: readonly number[]): number[] {
  const law = keep.map(() => 0);
  const visit = (left: readonly number[], probability: number): void => {
    for (const i of left) {
      const here = probability / left.length;
      law[i] = (law[i] as number) + here * (keep[i] as number);
      visit(
        left.filter((j) => j !== i),
        here * (1 - (keep[i] as number)),
      );
    }
  };
  visit(
    keep.map((_, i) => i),
    1,
  );
  return law;
}

describe('the exponential mechanism', () => {
  const scores = [3, 1.5, 2.25, -4];
  it('chooses with exactly its weights, and the test sees the factor two left out', () => {
    const rng = createTestRng('exponential');
    const mechanism = createExponential({ epsilon: 1.5, sensitivity: 1 });
    const n = 8_000;
    const counts = countChoices(() => mechanism.select(scores, rng), { cells: 4, n });
    assertFits(chiSquareTest(counts, softmax(scores.map((s) => 0.75 * s))));
    assertRejected(chiSquareTest(counts, softmax(scores.map((s) => 1.5 * s))));
    const monotonic = createExponential({ epsilon: 1.5, sensitivity: 1, monotonic: true });
    const sharper = countChoices(() => monotonic.select(scores, rng), { cells: 4, n });
    assertFits(chiSquareTest(sharper, softmax(scores.map((s) => 1.5 * s))));
    expect(mechanism.event()).toMatchObject({ kind: 'exponential', epsilon: 1.5 });
  });

  it('refuses an empty choice and scores that are not finite', () => {
    const mechanism = createExponential({ epsilon: 1, sensitivity: 1 });
    const rng = createTestRng('exponential refusals');
    expect(() => mechanism.select([], rng)).toThrow(RangeError);
    expect(() => mechanism.select([1, Number.NaN], rng)).toThrow(RangeError);
    expect(() => createExponential({ epsilon: 0, sensitivity: 1 })).toThrow(RangeError);
  });

  it('reports categories, near ones likelier, along a hierarchy', () => {
    const { categories, distances } = computeHierarchyDistances([['flu', 'cold'], ['burn'], 'none']);
    expect(categories).toEqual(['flu', 'cold', 'burn', 'none']);
    expect(distances[0]).toEqual([0, 1, 2, 2]);
    const mechanism = createCategoricalExponential({ epsilon: 2, categories, distances });
    const rng = createTestRng('categories');
    const counts = countChoices(() => categories.indexOf(mechanism.release('flu', rng)), { cells: 4, n: 8_000 });
    assertFits(chiSquareTest(counts, softmax([0, -0.5, -1, -1])));
    expect(() => mechanism.release('measles', rng)).toThrow(RangeError);
    expect(() => computeHierarchyDistances(['a', ['a']])).toThrow(RangeError);
    expect(() => createCategoricalExponential({ epsilon: 1, categories: ['a', 'b'], distances: [[0, 1]] })).toThrow(
      RangeError,
    );
  });
});

describe('permute-and-flip', () => {
  it('has exactly the law found by enumerating all orders, better than the exponential mechanism', () => {
    const rng = createTestRng('permute and flip');
    const scores = [2, 1, 0, 1.5];
    const mechanism = createPermuteAndFlip({ epsilon: 1, sensitivity: 1 });
    const counts = countChoices(() => mechanism.select(scores, rng), { cells: 4, n: 8_000 });
    const law = permuteAndFlipLaw(scores.map((s) => Math.exp((s - 2) / 2)));
    assertFits(chiSquareTest(counts, law));
    assertRejected(chiSquareTest(counts, softmax(scores.map((s) => s / 2))));
    expect(law[0]).toBeGreaterThan(softmax(scores.map((s) => s / 2))[0] as number);
  });
});

describe('report-noisy-max', () => {
  it('with geometric noise comes close to permute-and-flip, with Laplace noise it follows its own convolution', () => {
    const rng = createTestRng('noisy max');
    const scores = [2, 1, 0];
    const law = permuteAndFlipLaw(scores.map((s) => Math.exp((s - 2) / 2)));
    const geometric = createReportNoisyMax({ epsilon: 1, sensitivity: 1 });
    assertFits(
      chiSquareTest(
        countChoices(() => geometric.select(scores, rng), { cells: 3, n: 8_000 }),
        law,
      ),
    );
    // On the grid of integers, where ties matter, the law by summation.
    const pmf = (x: number) => ((1 - Math.exp(-0.5)) / (1 + Math.exp(-0.5))) * Math.exp(-Math.abs(x) / 2);
    const cells = [0, 0, 0];
    for (let a = -60; a <= 60; a += 1) {
      for (let b = -60; b <= 60; b += 1) {
        for (let c = -60; c <= 60; c += 1) {
          const noisy = [2 + a, 1 + b, c];
          const winner = noisy.indexOf(Math.max(...noisy));
          cells[winner] = (cells[winner] as number) + pmf(a) * pmf(b) * pmf(c);
        }
      }
    }
    const laplace = createReportNoisyMax({ epsilon: 1, sensitivity: 1, noise: 'laplace', granularity: 1 });
    const counts = countChoices(() => laplace.select(scores, rng), { cells: 3, n: 8_000 });
    assertFits(chiSquareTest(counts, cells));
    assertRejected(chiSquareTest(counts, softmax([2, 1, 0])));
  });
});

describe('the sparse vector mechanism', () => {
  const run = (values: readonly number[], options: Parameters<typeof createSparseVector>[0], rng: Rng) => {
    const session = createSparseVector(options).open(10, rng);
    const answers: boolean[] = [];
    for (const value of values) {
      if (session.remaining === 0) break;
      answers.push(session.isAbove(value));
    }
    return answers;
  };

  it('finds the few values above the threshold, then stops', () => {
    const rng = createTestRng('sparse vector');
    const options = { epsilon: 20, sensitivity: 1, maxAbove: 2 };
    expect(run([0, 0, 100, 0, 100, 100], options, rng)).toEqual([false, false, true, false, true]);
    const session = createSparseVector({ ...options, maxAbove: 1 }).open(0, rng);
    expect(session.isAbove(1000)).toBe(true);
    expect(() => session.isAbove(1000)).toThrow(RangeError);
  });

  /** Whether every pattern of answers is at most e^ε times as frequent on one stream as on the other. */
  function isWithinEpsilon(answer: (values: readonly number[]) => readonly boolean[]): boolean {
    const n = 4_000;
    const patterns = (values: readonly number[]) => {
      const counts = new Map<string, number>();
      for (let i = 0; i < n; i += 1) {
        const key = answer(values).join();
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      return counts;
    };
    const a = patterns([9, 9, 10, 10]);
    const b = patterns([10, 10, 9, 9]);
    // Five deviations of slack on both counts.
    return [...a].every(([key, count]) => {
      const other = b.get(key) ?? 0;
      return count - 5 * Math.sqrt(count) <= Math.E * (other + 5 * Math.sqrt(other) + 5);
    });
  }

  it('keeps the likelihood of all answers on neighbouring streams within e^ε, which no noise on queries does not', () => {
    const rng = createTestRng('sparse vector loss');
    const options = { epsilon: 1, sensitivity: 1, maxAbove: 1, granularity: 1 };
    expect(isWithinEpsilon((values) => run(values, options, rng))).toBe(true);
    // A published fault ([LSL17] algorithm 5): the threshold is noisy, the queries are not.
    const broken = (values: readonly number[]) => {
      const threshold = 10 + Number(sampleDiscreteLaplace({ scale: 2 }, rng));
      const answers = values.map((value) => value >= threshold);
      const first = answers.indexOf(true);
      return first < 0 ? answers : answers.slice(0, first + 1);
    };
    expect(isWithinEpsilon(broken)).toBe(false);
  });
});
