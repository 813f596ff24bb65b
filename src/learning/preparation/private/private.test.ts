import { describe, expect, it } from 'vitest';

import { assertFits, assertRejected, chiSquareTest, createTestRng } from '../../../../test/statistical/assert.ts';
import { sampleUint32Below } from '../../../foundations/random/index.ts';
import { createRdpAccountant, type DpEvent, type NeighboringRelation } from '../../../privacy/accounting/index.ts';
import { createMomentsCollector, createQuantileCollector, createStatisticCollector, wordsOf } from './collectors.ts';
import { createCategoryNoise, createNumberNoise } from './local-noise.ts';
import { createSyntheticPlan, rhoOf } from './synthetic.ts';

function epsilonOf(event: DpEvent, relation: NeighboringRelation, delta = 1e-6): number {
  const accountant = createRdpAccountant({ relation });
  accountant.compose(event);
  return accountant.epsilon(delta);
}

describe('noise on cells', () => {
  it('costs the stated epsilon under replace-one', () => {
    for (const epsilon of [0.1, 1, 4]) {
      const number = createNumberNoise({ min: -3, max: 17, epsilon });
      const category = createCategoryNoise({ categories: ['a', 'b', 'c'], epsilon });
      expect(epsilonOf(number.event(), 'replace-one')).toBeLessThanOrEqual(epsilon * (1 + 1e-9));
      expect(epsilonOf(number.event(), 'replace-one')).toBeGreaterThan(epsilon * 0.9);
      expect(epsilonOf(category.event(), 'replace-one')).toBeLessThanOrEqual(epsilon * (1 + 1e-9));
    }
  });

  it('has Laplace tails of scale range ÷ epsilon around a number', () => {
    const rng = createTestRng('preparation/number-noise');
    const noise = createNumberNoise({ min: 0, max: 10, epsilon: 2, clamp: false });
    // Twenty cells of equal probability of Laplace(5) around 4.
    const scale = 10 / 2;
    const edges = Array.from({ length: 19 }, (_, i) => {
      const p = (i + 1) / 20;
      return 4 + (p < 0.5 ? scale * Math.log(2 * p) : -scale * Math.log(2 - 2 * p));
    });
    const counts = (draw: () => number): number[] => {
      const cells = Array.from({ length: 20 }, () => 0);
      for (let i = 0; i < 40_000; i += 1) {
        const value = draw();
        const at = edges.filter((edge) => edge < value).length;
        cells[at] = (cells[at] as number) + 1;
      }
      return cells;
    };
    const even = Array.from({ length: 20 }, () => 0.05);
    assertFits(
      chiSquareTest(
        counts(() => Number(noise.release('4', rng))),
        even,
      ),
    );
    // The planted fault: half the noise.
    const halved = createNumberNoise({ min: 0, max: 10, epsilon: 4, clamp: false });
    assertRejected(
      chiSquareTest(
        counts(() => Number(halved.release('4', rng))),
        even,
      ),
    );
  });

  it('does not show that a cell is missing', () => {
    const rng = createTestRng('preparation/missing');
    const noise = createNumberNoise({ min: 0, max: 10, epsilon: 1, integer: true });
    for (let i = 0; i < 200; i += 1) expect(noise.release(null, rng)).toMatch(/^(?:\d|10)$/);
  });

  it('tells the truth about a category with probability e^ε ÷ (e^ε + k − 1)', () => {
    const rng = createTestRng('preparation/category-noise');
    const categories = ['a', 'b', 'c', 'd', 'e'];
    const noise = createCategoryNoise({ categories, epsilon: 1.5 });
    const counts = categories.map(() => 0);
    for (let i = 0; i < 40_000; i += 1) {
      const at = categories.indexOf(noise.release('c', rng));
      counts[at] = (counts[at] as number) + 1;
    }
    const truth = Math.exp(1.5) / (Math.exp(1.5) + 4);
    const lie = (1 - truth) / 4;
    assertFits(chiSquareTest(counts, [lie, lie, truth, lie, lie]));
  });
});

describe('private statistics', () => {
  it('are near the truth at a large epsilon, in one pass', () => {
    const rng = createTestRng('preparation/statistics');
    const moments = createMomentsCollector({ name: 'm', epsilon: 20, lower: 0, upper: 100 });
    const quantiles = createQuantileCollector({
      name: 'q',
      epsilon: 20,
      quantiles: [0.1, 0.5, 0.9],
      lower: 0,
      upper: 100,
    });
    const histogram = createStatisticCollector(
      { kind: 'histogram', name: 'h', column: 'x', epsilon: 20, edges: [0, 25, 50, 100] },
      { range: { lower: 0, upper: 100 } },
    );
    for (let i = 0; i < 10_000; i += 1) {
      const cell = String((i % 1000) / 10);
      for (const collector of [moments, quantiles, histogram]) collector.add(cell);
    }
    const { mean, stddev } = moments.release(rng) as { mean: number; stddev: number };
    expect(Math.abs(mean - 49.95)).toBeLessThan(0.5);
    expect(Math.abs(stddev - 28.87)).toBeLessThan(0.5);
    const [low, middle, high] = quantiles.release(rng) as [number, number, number];
    expect([low, middle, high].map((value, i) => Math.abs(value - [10, 50, 90][i]!) < 1)).toEqual([true, true, true]);
    const { counts } = histogram.release(rng) as { counts: number[] };
    expect(counts.map((count, i) => Math.abs(count - [2500, 2500, 5000][i]!) < 5)).toEqual([true, true, true]);
  });

  it('publish no word of a single row', () => {
    const rng = createTestRng('preparation/vocabulary');
    const spec = { kind: 'vocabulary', name: 'v', column: 't', epsilon: 5, delta: 1e-6, maxPerRow: 4 } as const;
    const vocabulary = createStatisticCollector(spec, { text: true });
    for (let i = 0; i < 500; i += 1) vocabulary.add(`the common words, secret${i} ignored tail`);
    const words = Object.keys(vocabulary.release(rng) as Record<string, number>);
    expect(words).toEqual(['common', 'the', 'words']);
    expect(wordsOf('Don’t stop, DON’T 2 x')).toEqual(['don’t', 'stop', 'x']);
  });
});

describe('synthetic tables', () => {
  it('cost at most what was planned', () => {
    for (const [epsilon, delta] of [
      [0.5, 1e-6],
      [3, 1e-9],
    ] as const) {
      const attributes = ['a', 'b', 'c', 'd'].map((name) => ({ name, size: 5 }));
      const { event } = createSyntheticPlan({ attributes, epsilon, delta });
      expect(epsilonOf(event, 'add-or-remove-one', delta)).toBeLessThanOrEqual(epsilon);
    }
    expect(
      rhoOf({ epsilon: 1, delta: 1e-6 }) + 2 * Math.sqrt(rhoOf({ epsilon: 1, delta: 1e-6 }) * Math.log(1e6)),
    ).toBeLessThanOrEqual(1);
  });

  it('find the pairs that depend on each other, and keep all pairs of a chain within 5 % of total variation', () => {
    const rng = createTestRng('preparation/synthetic');
    const attributes = ['a', 'b', 'c', 'd'].map((name) => ({ name, size: 6 }));
    const plan = createSyntheticPlan({ attributes, epsilon: 5, delta: 1e-6 });
    const rows: number[][] = [];
    for (let i = 0; i < 20_000; i += 1) {
      // a → b → c is a noisy chain; d is independent.
      const draw = (bound: number): number => sampleUint32Below(bound, rng);
      const a = draw(6);
      const b = draw(5) === 0 ? draw(6) : a;
      const c = draw(4) === 0 ? draw(6) : 5 - b;
      rows.push([a, b, c, draw(3)]);
    }
    for (const row of rows) plan.add(row);
    const model = plan.fit(rng);
    const names = model.edges.map(([first, second]) => `${first}${second}`);
    expect(names).toEqual(expect.arrayContaining(['01', '12']));
    const sample = Array.from({ length: 20_000 }, () => model.sample(rng));
    for (const [x, y] of [
      [0, 1],
      [1, 2],
      [0, 2],
      [0, 3],
    ] as const) {
      const table = (list: readonly number[][]): Map<string, number> => {
        const counts = new Map<string, number>();
        for (const row of list)
          counts.set(`${row[x]},${row[y]}`, (counts.get(`${row[x]},${row[y]}`) ?? 0) + 1 / list.length);
        return counts;
      };
      const [p, q] = [table(rows), table(sample)];
      const keys = new Set([...p.keys(), ...q.keys()]);
      const distance = [...keys].reduce((sum, key) => sum + Math.abs((p.get(key) ?? 0) - (q.get(key) ?? 0)), 0) / 2;
      expect(distance).toBeLessThan(0.05);
    }
  });
});
