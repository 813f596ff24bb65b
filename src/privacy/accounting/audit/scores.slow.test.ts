import { describe, expect, it } from 'vitest';

import { createTestRng, SIGNIFICANCE } from '../../../../test/statistical/assert.ts';
import { logBinomialUpperTail } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { computeScoresEpsilon } from './scores.ts';

const draw = (count: number, rng: Rng): number[] => Array.from({ length: count }, () => rng.uint32() / 2 ** 32);

/** The chance of so many refutations or more when each has the stated one. */
function chanceOf(refuted: number, trials: number, probability: number): number {
  return Math.exp(logBinomialUpperTail(refuted, { trials, probability }));
}

describe('scores that say nothing', () => {
  it('refute ε = 0 no more often than the significance says', () => {
    const rng = createTestRng('scores that say nothing');
    const [trials, significance] = [400, 0.3];
    let refuted = 0;
    for (let i = 0; i < trials; i += 1) {
      const scores = { inScores: draw(4000, rng), outScores: draw(100, rng) };
      if (computeScoresEpsilon(scores, { significance }) > 0) refuted += 1;
    }
    console.log(`refuted ${refuted} of ${trials} at ${significance}`);
    expect(chanceOf(refuted, trials, significance)).toBeGreaterThan(SIGNIFICANCE);
  });

  it('refute it more often than that when the significance is divided among the corners of the hull', () => {
    const rng = createTestRng('corners of the hull');
    const [trials, significance, others] = [1600, 0.05, 1000];
    let refuted = 0;
    for (let i = 0; i < trials; i += 1) {
      // Uniform scores, and so many members that the share of them above x is 1 − x.
      const tprs = [...draw(others, rng).sort((a, b) => a - b), 1];
      const hull = [{ j: 0, tpr: 0 }];
      for (const [j, tpr] of tprs.entries()) {
        for (;;) {
          const [a, b] = [hull.at(-2), hull.at(-1)];
          if (a === undefined || b === undefined || (b.j - a.j) * (tpr - b.tpr) < (b.tpr - a.tpr) * (j - b.j)) break;
          hull.pop();
        }
        hull.push({ j, tpr });
      }
      const share = significance / hull.length / 2;
      // The bound of Clopper and Pearson at j is below tpr where j or fewer of the others have so small a chance.
      const below = ({ j, tpr }: { j: number; tpr: number }): boolean =>
        j < others && Math.exp(logBinomialUpperTail(others - j, { trials: others, probability: 1 - tpr })) < share;
      if (hull.some(below)) refuted += 1;
    }
    console.log(`by the hull: refuted ${refuted} of ${trials} at ${significance}`);
    expect(chanceOf(refuted, trials, significance)).toBeLessThan(SIGNIFICANCE);
  });
});
