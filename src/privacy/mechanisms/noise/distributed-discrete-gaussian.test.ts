import { describe, expect, it } from 'vitest';

import { assertVariance, createTestRng } from '../../../../test/statistical/assert.ts';
import { toRational } from '../../../foundations/numerics/index.ts';
import { createDistributedDiscreteGaussian } from './distributed-discrete-gaussian.ts';

describe('createDistributedDiscreteGaussian', () => {
  it('adds shares whose honest sum has the calibrated variance', () => {
    const options = { l2Sensitivity: 150, noiseMultiplier: 1.2, honestShares: 13, dimension: 50_000 };
    const mechanism = createDistributedDiscreteGaussian(options);
    const rng = createTestRng('distributed shares');
    const sum = new Int32Array(options.dimension);
    for (let share = 0; share < options.honestShares; share += 1) mechanism.addShareInto(sum, rng.fork(`${share}`));
    assertVariance(sum, (150 * 1.2) ** 2);
    expect(() => assertVariance(sum, (150 * 1.25) ** 2)).toThrow(/variance/);
  });

  it('charges exactly the share that it draws, never below the wanted variance', () => {
    for (const honestShares of [1, 3, 7, 13]) {
      for (const noiseMultiplier of [0.7, 1.1, 12.345]) {
        const options = { l2Sensitivity: 31.7, noiseMultiplier, honestShares, dimension: 4 };
        const mechanism = createDistributedDiscreteGaussian(options);
        expect(mechanism.event()).toMatchObject({
          kind: 'distributedDiscreteGaussian',
          shares: honestShares,
          shareVariance: mechanism.shareVariance,
          l2Sensitivity: 31.7,
          dimension: 4,
        });
        const [v, m, s] = [mechanism.shareVariance, noiseMultiplier, 31.7].map((x) => toRational(x));
        if (v === undefined || m === undefined || s === undefined) throw new Error('unreachable');
        const left = v.numerator * BigInt(honestShares) * (m.denominator * s.denominator) ** 2n;
        expect(left >= (m.numerator * s.numerator) ** 2n * v.denominator).toBe(true);
      }
    }
  });

  it('refuses vectors of another length and parameters out of range', () => {
    const options = { l2Sensitivity: 10, noiseMultiplier: 1, honestShares: 2, dimension: 4 };
    const rng = createTestRng('ddg ranges');
    expect(() => createDistributedDiscreteGaussian(options).addShareInto(new Int32Array(3), rng)).toThrow(RangeError);
    for (const wrong of [{ l2Sensitivity: 0 }, { noiseMultiplier: -1 }, { honestShares: 0 }, { dimension: 0.5 }]) {
      expect(() => createDistributedDiscreteGaussian({ ...options, ...wrong })).toThrow(RangeError);
    }
  });
});
