import { describe, expect, it } from 'vitest';

import { clopperPearsonUpper } from '../../../foundations/numerics/index.ts';
import { computeScoresEpsilon } from './scores.ts';

const significance = 0.05;
const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);

describe('ε from scores of independent runs', () => {
  it('divides the significance by the thresholds that were fixed before, not by those that the scores show', () => {
    // Everybody is told apart: the hull of the curve has three corners. Thresholds 0, 1, 2, 4 … 64 of 100 others, two bounds each.
    const bound = clopperPearsonUpper(0, 100, significance / 16);
    const found = computeScoresEpsilon({ inScores: upTo(100, 1000), outScores: upTo(100) }, { significance });
    expect(found).toBe(Math.log((1 - bound) / bound));
  });

  it('counts what both kinds of error prove', () => {
    // Half of those outside are known to be outside, and nobody inside is taken for one of them.
    const outScores = [...upTo(64, -1000), ...upTo(64)];
    const scores = { inScores: upTo(128).map((i) => i / 2 + 0.25), outScores };
    const share = significance / 16;
    // 64 others exceed the threshold, which is the best of the lower half; everybody inside exceeds it too.
    const [fnr, fpr] = [clopperPearsonUpper(0, 128, share), clopperPearsonUpper(64, 128, share)];
    expect(computeScoresEpsilon(scores, { significance })).toBe(Math.log((1 - fpr) / fnr));
    expect(computeScoresEpsilon(scores, { significance, delta: 0.01 })).toBe(Math.log((1 - fpr - 0.01) / fnr));
  });

  it('proves nothing of scores that are all alike, and refuses a group without members', () => {
    const alike = { inScores: upTo(50).fill(1), outScores: upTo(50).fill(1) };
    expect(computeScoresEpsilon(alike, { significance })).toBe(0);
    expect(() => computeScoresEpsilon({ inScores: [], outScores: [1] }, { significance })).toThrow(/must have members/);
  });
});
