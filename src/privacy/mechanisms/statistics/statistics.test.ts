import { describe, expect, it } from 'vitest';

import {
  assertFits,
  assertRejected,
  assertVariance,
  chiSquareOfDraws,
  chiSquareTest,
  createTestRng,
  discreteLaplacePmf,
  ksTest,
} from '../../../../test/statistical/assert.ts';
import { createRdpAccountant } from '../../accounting/index.ts';
import { createCount, createMean, createStandardDeviation, createSum, createVariance } from './bounded-sums.ts';
import { createCategoryHistogram, createHistogram, createHistogramNd, createPartitionSelection } from './histogram.ts';
import { createMedian, createQuantiles } from './quantile.ts';

const laplace = (epsilon: number) => ({ kind: 'laplace', epsilon }) as const;
const gaussian = (noiseMultiplier: number) => ({ kind: 'gaussian', noiseMultiplier }) as const;
const many = (count: number, draw: () => number) => Array.from({ length: count }, draw);

describe('counts and sums', () => {
  it('count with discrete Laplace noise of scale 1/ε', () => {
    const rng = createTestRng('count');
    const count = createCount({ noise: laplace(0.5), where: (x: number) => x > 2 });
    const noise = many(20_000, () => count.release([1, 2, 3, 4], rng) - 2);
    assertFits(chiSquareOfDraws(noise, { pmf: discreteLaplacePmf(2), min: -25, max: 25 }));
    assertRejected(chiSquareOfDraws(noise, { pmf: discreteLaplacePmf(2.2), min: -25, max: 25 }));
    expect(count.event()).toMatchObject({ kind: 'discreteLaplace', sensitivity: 1 });
  });

  it('sum clamped values, with noise for the larger bound', () => {
    const rng = createTestRng('sum');
    const sum = createSum({ lower: -1, upper: 3, noise: laplace(1) });
    const noise = many(10_000, () => sum.release([5, -7, 0.5, Number.NaN], rng) - 2.5);
    assertFits(ksTest(noise, (x) => (x < 0 ? 0.5 * Math.exp(x / 3) : 1 - 0.5 * Math.exp(-x / 3))));
    assertRejected(ksTest(noise, (x) => (x < 0 ? 0.5 * Math.exp(x) : 1 - 0.5 * Math.exp(-x))));
    const wide = createSum({ lower: 0, upper: 1, noise: gaussian(2) });
    assertVariance(
      many(5_000, () => wide.release([], rng)),
      4,
    );
    expect(wide.noiseStddev).toBeCloseTo(2, 5);
  });

  it('sum in any order to the same integer, where floating point does not', () => {
    const rng = createTestRng('order');
    const values = Array.from({ length: 10_000 }, (_, i) => 1e6 / (i + 1));
    const sum = createSum({ lower: 0, upper: 1e6, noise: laplace(1e12), granularity: 2 ** -10 });
    expect(sum.release(values, rng)).toBe(sum.release([...values].reverse(), rng));
    expect(values.reduce((a, b) => a + b, 0)).not.toBe(values.toReversed().reduce((a, b) => a + b, 0));
  });

  it('refuse bounds that bound nothing', () => {
    expect(() => createSum({ lower: 1, upper: 1, noise: laplace(1) })).toThrow(RangeError);
    expect(() => createSum({ lower: 0, upper: Number.POSITIVE_INFINITY, noise: laplace(1) })).toThrow(RangeError);
    expect(() => createCount({ noise: laplace(0) })).toThrow(RangeError);
  });
});

describe('means, variances and deviations', () => {
  const values = Array.from({ length: 5_000 }, (_, i) => 20 + (i % 61));
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;

  it('come close on thousands of records and stay in range on none', () => {
    const rng = createTestRng('moments');
    const options = { lower: 0, upper: 100, noise: laplace(1) };
    expect(Math.abs(createMean(options).release(values, rng) - mean)).toBeLessThan(1);
    expect(Math.abs(createVariance(options).release(values, rng) - variance)).toBeLessThan(25);
    expect(Math.abs(createStandardDeviation(options).release(values, rng) - Math.sqrt(variance))).toBeLessThan(1);
    const nothing = createMean(options).release([], rng);
    expect(nothing >= 0 && nothing <= 100).toBe(true);
    const none = createVariance(options).release([], rng);
    expect(none >= 0 && none <= 2500).toBe(true);
  });

  it('charge all of their parts: together the noise that was asked for', () => {
    for (const create of [createMean, createVariance, createStandardDeviation]) {
      const accountant = createRdpAccountant({ relation: 'add-or-remove-one' });
      accountant.compose(create({ lower: 0, upper: 100, noise: laplace(0.75) }).event());
      expect(accountant.epsilon(0)).toBeLessThanOrEqual(0.75);
      expect(accountant.epsilon(0)).toBeGreaterThan(0.7499);
      const one = createRdpAccountant({ relation: 'add-or-remove-one' });
      one.compose(createCount({ noise: gaussian(1) }).event());
      const parts = createRdpAccountant({ relation: 'add-or-remove-one' });
      parts.compose(create({ lower: 0, upper: 100, noise: gaussian(1) }).event());
      expect(parts.epsilon(1e-6) / one.epsilon(1e-6)).toBeCloseTo(1, 6);
    }
  });
});

describe('histograms', () => {
  it('count points between edges, drop others, and noise empty cells too', () => {
    const rng = createTestRng('histogram');
    const histogram = createHistogram({ edges: [0, 1, 2, 5], noise: laplace(1e6) });
    expect([...histogram.release([0, 0.5, 1, 5, 5.1, -1, Number.NaN], rng)]).toEqual([2, 1, 1]);
    const noisy = createHistogram({ edges: Array.from({ length: 20_001 }, (_, i) => i), noise: laplace(1) });
    const empty = noisy.release([], rng);
    assertFits(chiSquareOfDraws(empty, { pmf: discreteLaplacePmf(1), min: -15, max: 15 }));
    expect(() => createHistogram({ edges: [1, 0], noise: laplace(1) })).toThrow(RangeError);
  });

  it('do so in several dimensions and over categories', () => {
    const rng = createTestRng('histogramdd');
    const grid = createHistogramNd({
      edges: [
        [0, 1, 2],
        [0, 10, 20, 30],
      ],
      noise: laplace(1e6),
    });
    expect(grid.shape).toEqual([2, 3]);
    expect([
      ...grid.release(
        [
          [0.5, 5],
          [1.5, 25],
          [1.5, 25],
          [9, 9],
        ],
        rng,
      ),
    ]).toEqual([1, 0, 0, 0, 0, 2]);
    const words = createCategoryHistogram({ categories: ['yes', 'no'], noise: gaussian(1e-3) });
    expect([...words.release(['yes', 'no', 'yes', 'maybe'], rng)]).toEqual([2, 1]);
    expect(words.event()).toMatchObject({ kind: 'discreteGaussian', sensitivity: 1, dimension: 2 });
    expect(() => createCategoryHistogram({ categories: ['a', 'a'], noise: laplace(1) })).toThrow(RangeError);
  });
});

describe('partition selection', () => {
  it('publishes a key of one record with probability at most δ, of many records nearly always', () => {
    const rng = createTestRng('partitions');
    const selection = createPartitionSelection({ epsilon: 1, delta: 0.01 });
    let once = 0;
    for (let i = 0; i < 20_000; i += 1) once += selection.release([['rare']], rng).size;
    expect(once / 20_000).toBeLessThan(0.01 + 5 * Math.sqrt(0.01 / 20_000));
    // The optimal probability for one record is δ, up to the step of a whole threshold.
    expect(once / 20_000).toBeGreaterThan(0.003);
    const often = selection.release(
      Array.from({ length: 100 }, () => ['common']),
      rng,
    );
    expect(Math.abs((often.get('common') ?? 0) - 100)).toBeLessThanOrEqual(selection.threshold);
  });

  it('bounds what one record contributes, and publishes keys in their own order', () => {
    const rng = createTestRng('partition bounds');
    const selection = createPartitionSelection({ epsilon: 10, delta: 1e-3, maxPartitions: 2 });
    const records = Array.from({ length: 200 }, () => ['b', 'a', 'b', 'c']);
    expect([...selection.release(records, rng).keys()]).toEqual(['a', 'b']);
    expect(() => createPartitionSelection({ epsilon: 1, delta: 0 })).toThrow(RangeError);
  });
});

describe('quantiles', () => {
  it('choose grid points with exactly the exponential weights', () => {
    const rng = createTestRng('quantile');
    const data = [2, 2, 5, 7];
    const median = createMedian({ epsilon: 2, lower: 0, upper: 9, granularity: 1 });
    const counts = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 8_000; i += 1) {
      const at = median.release(data, rng)[0] as number;
      counts[at] = (counts[at] as number) + 1;
    }
    const law = (rate: number) => {
      const weights = counts.map((_, y) => Math.exp(-rate * Math.abs(data.filter((x) => x < y).length - 2)));
      const total = weights.reduce((a, b) => a + b, 0);
      return weights.map((w) => w / total);
    };
    // ε·|rank − 2|/(2·sensitivity) with sensitivity ½.
    assertFits(chiSquareTest(counts, law(2)));
    assertRejected(chiSquareTest(counts, law(1)));
  });

  it('have a utility that one record changes by no more than is charged', () => {
    for (const q of [0.5, 0.9, 0.1]) {
      for (const [data, more] of [
        [[1, 4, 4, 8], 3],
        [[], 5],
        [[2, 2], 2],
      ] as const) {
        for (let y = 0; y <= 9; y += 1) {
          const utility = (list: readonly number[]) => -Math.abs(list.filter((x) => x < y).length - q * list.length);
          expect(Math.abs(utility(data) - utility([...data, more]))).toBeLessThanOrEqual(Math.max(q, 1 - q) + 1e-12);
        }
      }
    }
  });

  it('come close on thousands of records, several at once', () => {
    const rng = createTestRng('quantiles many');
    const values = Array.from({ length: 20_000 }, (_, i) => ((i * 7919) % 20_000) / 200);
    const quantiles = createQuantiles({ quantiles: [0.1, 0.5, 0.99], epsilon: 3, lower: 0, upper: 200 });
    const [low, middle, high] = quantiles.release(values, rng) as unknown as [number, number, number];
    expect(Math.abs(low - 10)).toBeLessThan(0.3);
    expect(Math.abs(middle - 50)).toBeLessThan(0.3);
    expect(Math.abs(high - 99)).toBeLessThan(0.3);
    expect(quantiles.event()).toMatchObject({ kind: 'composed' });
    const none = createMedian({ epsilon: 1, lower: 3, upper: 4 }).release([], rng)[0] as number;
    expect(none >= 3 && none <= 4).toBe(true);
    expect(() => createQuantiles({ quantiles: [], epsilon: 1, lower: 0, upper: 1 })).toThrow(RangeError);
  });
});
