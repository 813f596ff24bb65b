import { describe, expect, it } from 'vitest';

import { assertFits, assertRejected, chiSquareTest, createTestRng } from '../../../../test/statistical/assert.ts';
import { toRational } from '../../../foundations/numerics/index.ts';
import { sampleExponentialWeights } from './weighted-choice.ts';

describe('sampleExponentialWeights', () => {
  const items = [
    { count: 3n, gamma: toRational(1.5) },
    { count: 0n, gamma: toRational(0) },
    { count: 1n, gamma: toRational(0) },
    { count: 1000n, gamma: toRational(6.25) },
    { count: 2n, gamma: toRational(0.5) },
  ];
  const weights = items.map(
    ({ count, gamma }) => Number(count) * Math.exp(-Number(gamma.numerator) / Number(gamma.denominator)),
  );
  const total = weights.reduce((a, b) => a + b, 0);

  it('chooses with exactly the stated weights, and the test sees a halved exponent', () => {
    const rng = createTestRng('weighted choice');
    const count = (list: typeof items) => {
      const counts = items.map(() => 0);
      for (let i = 0; i < 8_000; i += 1) {
        const at = sampleExponentialWeights(list, rng);
        counts[at] = (counts[at] as number) + 1;
      }
      return counts;
    };
    assertFits(
      chiSquareTest(
        count(items),
        weights.map((w) => w / total),
      ),
    );
    const halved = items.map(({ count: c, gamma }) => ({
      count: c,
      gamma: { numerator: gamma.numerator, denominator: gamma.denominator * 2n },
    }));
    assertRejected(
      chiSquareTest(
        count(halved),
        weights.map((w) => w / total),
      ),
    );
  });

  it('never chooses what has no weight, and refuses weights without a leader', () => {
    const rng = createTestRng('weighted leader');
    const lone = [
      { count: 1n, gamma: toRational(0) },
      { count: 1n, gamma: toRational(1e6) },
    ];
    for (let i = 0; i < 20; i += 1) expect(sampleExponentialWeights(lone, rng)).toBe(0);
    expect(() => sampleExponentialWeights([{ count: 1n, gamma: toRational(1) }], rng)).toThrow(RangeError);
    expect(() => sampleExponentialWeights([], rng)).toThrow(RangeError);
  });
});
