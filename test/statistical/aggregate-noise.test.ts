/** The noise in a decoded aggregate is the calibrated one: shares of all contributors, variances added. */
import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../src/foundations/random/index.ts';
import { createDistributedDiscreteGaussian } from '../../src/privacy/mechanisms/index.ts';
import { planFor, runAttempt, DIMENSION } from '../harness/rounds.ts';
import { SIGNIFICANCE, Z } from './assert.ts';

const ids = ['a', 'b', 'c', 'd', 'e'];
const THRESHOLD = 4;
const ATTEMPTS = 60;

/** The mean square of the sums' coordinates over its expectation, as a standard normal statistic. */
async function varianceStatistic(factor: number): Promise<{ statistic: number; ratio: number }> {
  const plan = planFor(ids.length, THRESHOLD);
  if (plan.noise === undefined) throw new Error('the plan has no noise');
  const mechanism = createDistributedDiscreteGaussian({
    ...plan.noise,
    noiseMultiplier: plan.noise.noiseMultiplier * factor,
    dimension: DIMENSION,
  });
  let sum = 0;
  let n = 0;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const rng = createSeededRng(`aggregate noise/${attempt}`);
    const { result } = await runAttempt({
      plan,
      ids,
      attempt,
      // One participant leaves before it contributes: four shares are in the sum.
      answers: (id) => (id === 'e' ? 1 : 9),
      contribution(id) {
        const values = new Int32Array(DIMENSION);
        mechanism.addShareInto(values, rng.fork(id));
        return values;
      },
    });
    for (const value of result?.sum ?? []) {
      sum += value ** 2;
      n += 1;
    }
  }
  const ratio = sum / n / (4 * plan.noise.shareVariance);
  // The mean of n squares of a Gaussian has variance 2/n around its expectation.
  return { statistic: (ratio - 1) / Math.sqrt(2 / n), ratio };
}

describe('the noise of an aggregate', () => {
  it(`has the variance of its contributors' shares (significance ${SIGNIFICANCE})`, async () => {
    const { statistic } = await varianceStatistic(1);
    expect(Math.abs(statistic)).toBeLessThan(Z);
  });

  it('and the test notices a standard deviation that is a half or a double', async () => {
    for (const factor of [0.5, 2]) expect(Math.abs((await varianceStatistic(factor)).statistic)).toBeGreaterThan(Z);
  });

  it('is at least what is charged, with as few survivors as a round may have', () => {
    const { noise } = planFor(ids.length, THRESHOLD);
    if (noise === undefined) throw new Error('the plan has no noise');
    const charged = (noise.noiseMultiplier * noise.l2Sensitivity) ** 2;
    expect(noise.honestShares * noise.shareVariance).toBeGreaterThanOrEqual(charged);
    expect(noise.honestShares).toBe(THRESHOLD - 1);
  });
});
