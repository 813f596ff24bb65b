/** What one row can change, tried out on every row and every small table of a grid that has all kinds of cells. */
import { beforeAll, describe, expect, it, vi } from 'vitest';

import { createTestRng, Z } from '../../../test/statistical/assert.ts';
import { createSeededRng, type Rng } from '../../foundations/random/index.ts';
import type { DpEvent } from '../../privacy/accounting/index.ts';
import { createExponential } from '../../privacy/mechanisms/index.ts';
import { type Cell, createDesign, createFeatureReader, type FeatureColumn } from './columns.ts';
import type { Examples } from './examples.ts';
import { createDecisionTree } from './forest.ts';
import { countWeight } from './k-means.ts';
import { outerProductInto, triangleSize } from './moments.ts';
import { createNaiveBayesBlock } from './naive-bayes.ts';
import type { createPrivateSum } from './private-sum.ts';
import { growChosenTree, purity } from './trees.ts';

const features: readonly FeatureColumn[] = [
  { kind: 'number', name: 'x', lower: -3, upper: 5 },
  { kind: 'number', name: 'y', lower: 0, upper: 1 },
  { kind: 'category', name: 'c', values: ['a', 'b', 'c'] },
];
const numbers: readonly Cell[] = ['', null, 'none', Number.NaN, -Infinity, Infinity, -3, 0, 0.25, 0.7, 1, 5, 1e300];
const categories: readonly Cell[] = ['a', 'b', 'c', 'unknown', null];
const grid = numbers.flatMap((x) => numbers.flatMap((y) => categories.map((c) => ({ x, y, c }))));

function valuesOf(row: (typeof grid)[number]): Float64Array {
  const values = new Float64Array(features.length);
  createFeatureReader(features)(row, values, 0);
  return values;
}
const normOf = (vector: Float64Array): number => Math.hypot(...vector);
const greatest = (norms: readonly number[]): number => norms.reduce((a, b) => Math.max(a, b));

describe('what one row adds', () => {
  it('is within the bounds, cell by cell', () => {
    for (const row of grid) {
      const [x = 2, y = 2, c = 3] = valuesOf(row);
      expect(Math.abs(x)).toBeLessThanOrEqual(1);
      expect(Math.abs(y)).toBeLessThanOrEqual(1);
      expect([-1, 0, 1, 2]).toContain(c);
    }
  });

  it('has norm √(1 + features) at most in naive Bayes, and no less at most', () => {
    const block = createNaiveBayesBlock(features);
    const norms = grid.map((row) => {
      const into = new Float64Array(block.size);
      block.write(valuesOf(row), 0, into, 0);
      return normOf(into);
    });
    expect(greatest(norms)).toBeLessThanOrEqual(2 + 1e-15);
    expect(greatest(norms)).toBeGreaterThan(2 - 1e-15);
  });

  it('has norm √2 at most in linear regression', () => {
    const { width, squaredNorm, expandInto } = createDesign(features);
    const z = new Float64Array(width);
    const norms = grid.flatMap((row) => {
      expandInto(valuesOf(row), 0, z);
      const scaled = z.map((entry) => entry / Math.sqrt(squaredNorm));
      const moments = new Float64Array(triangleSize(width));
      outerProductInto(scaled, moments);
      return [-1, 0.3, 1].map((y) => Math.hypot(normOf(moments), y * normOf(scaled)));
    });
    expect(greatest(norms)).toBeLessThanOrEqual(Math.SQRT2 + 1e-15);
    expect(greatest(norms)).toBeGreaterThan(Math.SQRT2 - 1e-12);
  });

  it('weighs the count in k-means so that the noise of a center is least', () => {
    for (const dimension of [1, 2, 5, 20]) {
      const noise = (weight: number): number => (weight * weight + dimension) * (1 + (0.45 / weight) ** 2);
      const best = noise(countWeight(dimension));
      for (const factor of [0.5, 0.9, 1.1, 2]) expect(noise(countWeight(dimension) * factor)).toBeGreaterThan(best);
    }
  });

  it('changes the purity of a set by at most 1, whatever the set', () => {
    let most = 0;
    for (let a = 0; a <= 12; a += 1) {
      for (let b = 0; b <= 12; b += 1) {
        for (let c = 0; c <= 12; c += 1) {
          for (const more of [
            [a + 1, b, c],
            [a, b + 1, c],
            [a, b, c + 1],
          ]) {
            most = Math.max(most, Math.abs(purity(more) - purity([a, b, c])));
          }
        }
      }
    }
    expect(most).toBeLessThanOrEqual(1 + 1e-15);
    expect(most).toBe(1);
  });

  it('changes the score of every split of a tree by at most 1, in every table of up to three rows', () => {
    const columns: readonly FeatureColumn[] = [features[0] as FeatureColumn, features[2] as FeatureColumn];
    const rows = [-1, 0, 1].flatMap((x) =>
      [-1, 0, 2].flatMap((c) => [-1, 0, 1].map((label) => [x, c, label] as const)),
    );
    const scoresOf = (table: readonly (readonly [number, number, number])[]): number[] => {
      const examples: Examples = {
        size: table.length,
        width: 2,
        values: Float64Array.from(table.flatMap(([x, c]) => [x, c])),
        targets: Float64Array.from(table, ([, , label]) => label),
      };
      let seen: number[] = [];
      const choose = {
        ...createExponential({ epsilon: 1, sensitivity: 1 }),
        select: (scores: ArrayLike<number>) => {
          seen = Array.from(scores);
          return 0;
        },
      };
      growChosenTree(examples, { features: columns, classes: 2, depth: 1, choose, rng: createSeededRng('tree') });
      return seen;
    };
    let most = 0;
    for (const first of rows) {
      for (const second of rows) {
        const with2 = scoresOf([first, second]);
        const change = (a: number[], b: number[]): number =>
          greatest(a.map((score, i) => Math.abs(score - (b[i] as number))));
        most = Math.max(most, change(with2, scoresOf([first])));
        for (const third of rows.filter((_, i) => i % 4 === 0)) {
          most = Math.max(most, change(scoresOf([first, second, third]), with2));
        }
      }
    }
    expect(most).toBeLessThanOrEqual(1);
    expect(most).toBeGreaterThan(0.99);
  });
});

/** How often an event says that something of a kind was done. */
function timesOf(kind: DpEvent['kind'], event: DpEvent): number {
  if (event.kind === 'composed') return event.events.reduce((sum, each) => sum + timesOf(kind, each), 0);
  if (event.kind === 'selfComposed') return event.count * timesOf(kind, event.event);
  return event.kind === kind ? 1 : 0;
}

/** What every sum was created for, the greatest norm of what was added to it, and the coins of each of its releases. */
interface SeenSum {
  readonly norm: number;
  readonly maxRows: number | undefined;
  greatest: number;
  readonly coins: bigint[];
}
describe('every sum of a model', () => {
  const sums: SeenSum[] = [];
  // Models of their own, that see watched sums: files share one module graph.
  const load = async () => ({
    ...(await import('./naive-bayes.ts')),
    ...(await import('./linear-regression.ts')),
    ...(await import('./logistic-regression.ts')),
    ...(await import('./k-means.ts')),
    ...(await import('./pca.ts')),
    ...(await import('./forest.ts')),
  });
  let models: Awaited<ReturnType<typeof load>>;
  beforeAll(async () => {
    vi.resetModules();
    vi.doMock('./private-sum.ts', async (original) => {
      const real = await original<{ createPrivateSum: typeof createPrivateSum }>();
      return {
        ...real,
        createPrivateSum(options: Parameters<typeof createPrivateSum>[0]) {
          const seen: SeenSum = { norm: options.norm, maxRows: options.maxRows, greatest: 0, coins: [] };
          sums.push(seen);
          const sum = real.createPrivateSum(options);
          return {
            ...sum,
            start() {
              const run = sum.start();
              return {
                ...run,
                add(vector: Float64Array) {
                  seen.greatest = Math.max(seen.greatest, Math.hypot(...vector));
                  run.add(vector);
                },
                release(rng: Rng) {
                  // A seeded generator's forks leave its own stream where it is.
                  seen.coins.push(rng.fork('coins').uint64());
                  return run.release(rng);
                },
              };
            },
          };
        },
      };
    });
    models = await load();
    vi.doUnmock('./private-sum.ts');
    vi.resetModules();
  });
  const label = { kind: 'category', name: 'label', values: ['no', 'yes'] } as const;
  const y = { kind: 'number', name: 'amount', lower: 0, upper: 1 } as const;
  const x = { kind: 'number', name: 'x', lower: -3, upper: 5 } as const;
  const options = { epsilon: 8, delta: 1e-6, accountant: 'rdp', person: { column: 'id', maxRows: 3 } } as const;
  it.each([
    ['naive-bayes', () => models.createNaiveBayes({ ...options, features, target: label })],
    ['linear-regression', () => models.createLinearRegression({ ...options, features, target: y })],
    ['logistic-regression', () => models.createLogisticRegression({ ...options, features, target: label, steps: 4 })],
    ['k-means', () => models.createKMeans({ ...options, features: [x], clusters: 2 })],
    ['pca', () => models.createPca({ ...options, features: [x], components: 1 })],
    ['decision-tree', () => models.createDecisionTree({ ...options, features, target: label, depth: 2 })],
    ['random-forest', () => models.createRandomForest({ ...options, features, target: label, depth: 2, trees: 3 })],
  ] as const)('of %s bounds all rows of a person, and is charged as often as it is released', async (_, create) => {
    const estimator = create();
    const calibrated = sums.splice(0).slice(-(estimator.kind === 'logistic-regression' ? 2 : 1));
    const rows = grid.flatMap((row, i) =>
      ['no', 'yes', 'other'].map((own) => ({ ...row, id: i, label: own, amount: 1 })),
    );
    await estimator.fit(rows, createSeededRng('norms'));
    for (const { norm, maxRows, greatest: most } of calibrated) {
      expect(maxRows).toBe(3);
      // The bound is met, up to rounding, and used: nothing that a row adds is cut, and no noise is for nothing.
      expect(most / norm).toBeLessThanOrEqual(1 + 1e-12);
      expect(most / norm).toBeGreaterThan(0.8);
    }
    const coins = calibrated.flatMap((each) => each.coins);
    expect(coins.length).toBe(timesOf('discreteGaussian', estimator.event()));
    expect(new Set(coins).size).toBe(coins.length);
    expect(timesOf('exponential', estimator.event())).toBe(estimator.kind === 'decision-tree' ? 2 : 0);
  });
});

describe('the choices of a tree', () => {
  // Two questions tell the classes apart but for the rows of one person, which speak for one question or for the other.
  const features2 = ['f', 'g'].map((name) => ({ kind: 'category' as const, name, values: ['a', 'b'] }));
  const label = { kind: 'category' as const, name: 'label', values: ['no', 'yes'] };
  const others = Array.from({ length: 60 }, (_, i) => {
    const side = i % 2 === 0 ? 'a' : 'b';
    return { id: i, f: side, g: side, label: side === 'a' ? 'no' : 'yes' };
  });
  const person = (own: string) => ({ id: 'p', f: 'a', g: 'b', label: own });
  it.each([
    { relation: 'add-or-remove-one', maxRows: 1, neighbour: [] },
    { relation: 'add-or-remove-one', maxRows: 2, neighbour: [] },
    { relation: 'replace-one', maxRows: 1, neighbour: ['no'] },
    { relation: 'replace-one', maxRows: 2, neighbour: ['no', 'no'] },
  ] as const)(
    'tell neighbours apart by what they charge: $relation, $maxRows rows',
    async (given) => {
      const { relation, maxRows, neighbour } = given;
      const epsilon = relation === 'replace-one' ? 9 : 4.5;
      const estimator = createDecisionTree({
        features: features2,
        target: label,
        depth: 1,
        epsilon,
        delta: 1e-6,
        relation,
        accountant: 'rdp',
        person: { column: 'id', maxRows },
      });
      const { events } = estimator.event() as unknown as {
        events: { event?: { epsilon: number }; epsilon?: number }[];
      };
      const charged = events[0]?.event?.epsilon ?? (events[0]?.epsilon as number);
      const n = 1000;
      const askedFirst = async (own: readonly string[]): Promise<number> => {
        const rng = createTestRng(`tree/${relation}/${maxRows}/${own.length}`);
        let first = 0;
        for (let i = 0; i < n; i += 1) {
          const { tensors } = await estimator.fit([...own.map(person), ...others], rng.fork(`${i}`));
          if (tensors.nodes?.data[0] === 0) first += 1;
        }
        return first;
      };
      const yes = Array.from({ length: maxRows }, () => 'yes');
      const counts = [await askedFirst(yes), await askedFirst(neighbour)] as const;
      const [odds, variance] = counts.reduce(
        ([log, sum], k, i) => [log + (i === 0 ? -1 : 1) * Math.log(k / (n - k)), sum + 1 / k + 1 / (n - k)],
        [0, 0],
      );
      // The odds of two answers differ by a factor of e^charged at most [DR19]; without the doubling by its square.
      expect(odds - Z * Math.sqrt(variance)).toBeLessThanOrEqual(charged);
      expect(odds + Z * Math.sqrt(variance)).toBeGreaterThan(0.9 * charged);
    },
    20_000,
  );
});
