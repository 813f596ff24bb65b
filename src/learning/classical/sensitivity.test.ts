/** What one row can change, tried out on every row and every small table of a grid that has all kinds of cells. */
import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { createExponential } from '../../privacy/mechanisms/index.ts';
import { type Cell, createDesign, createFeatureReader, type FeatureColumn } from './columns.ts';
import type { Examples } from './examples.ts';
import { countWeight } from './k-means.ts';
import { outerProductInto, triangleSize } from './moments.ts';
import { createNaiveBayesBlock } from './naive-bayes.ts';
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
