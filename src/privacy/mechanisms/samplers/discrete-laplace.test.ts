import { describe, expect, it } from 'vitest';

import {
  assertFits,
  assertRejected,
  chiSquareOfDraws,
  chiSquareTest,
  createTestRng,
  discreteLaplacePmf,
} from '../../../../test/statistical/assert.ts';
import { createBlockTable, decideBlockDraw } from './block-table.ts';
import { createDiscreteLaplace } from './discrete-laplace.ts';

function drawMany(scale: number, count: number, name: string): Int32Array {
  const out = new Int32Array(count);
  createDiscreteLaplace({ scale }).sampleInto(out, createTestRng(name));
  return out;
}

describe('createDiscreteLaplace', () => {
  it('has exactly the discrete Laplace probabilities at small and large scales', () => {
    for (const scale of [0.1, 1, 3.7, 40, 1000.25]) {
      const reach = Math.ceil(14 * scale) + 1;
      const sample = drawMany(scale, 300_000, `laplace ${scale}`);
      assertFits(chiSquareOfDraws(sample, { pmf: discreteLaplacePmf(scale), min: -reach, max: reach }));
    }
  });

  it('is seen when its scale is off by two percent, or its zero doubled', () => {
    const test = { pmf: discreteLaplacePmf(4), min: -60, max: 60 };
    assertRejected(chiSquareOfDraws(drawMany(4.08, 300_000, 'laplace fault'), test));
    const doubled = drawMany(4, 100_000, 'laplace zero').map((x, i) => (i % 10 === 0 ? 0 : x));
    assertRejected(chiSquareOfDraws(doubled, test));
  });

  it('draws its tail exactly', () => {
    const law = { linear: { numerator: 1n, denominator: 1n }, quadratic: { numerator: 0n, denominator: 1n } };
    const table = createBlockTable(law);
    const cut = { ...table, scale: 1n, weights: table.weights.slice(0, 4) };
    const rng = createTestRng('laplace tail');
    const counts = Array.from({ length: 8 }, () => 0);
    for (let drawn = 0; drawn < 1_000;) {
      const x = decideBlockDraw(cut, { kind: 'tail', negative: true }, rng);
      if (x === undefined) continue;
      drawn += 1;
      const cell = Math.min(-x - 4, 7);
      counts[cell] = (counts[cell] as number) + 1;
    }
    const f = counts.map((_, i) => (i === 7 ? Math.exp(-7) : Math.exp(-i) * (1 - Math.exp(-1))));
    assertFits(chiSquareTest(counts, f));
  });

  it('refuses scales outside (0, 2^24]', () => {
    for (const scale of [0, -1, 2 ** 25, Number.NaN]) {
      expect(() => createDiscreteLaplace({ scale })).toThrow(RangeError);
    }
    expect(createDiscreteLaplace({ scale: { numerator: 7n, denominator: 2n } }).scale).toBe(3.5);
  });
});
