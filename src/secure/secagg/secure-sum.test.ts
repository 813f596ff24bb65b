import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { secureSum as sharesSum } from '../mpc/index.ts';
import { secureSum } from './index.ts';

const rng = createSeededRng('sum by masks');

describe('secureSum', () => {
  it('sums numbers, vectors and tables', async () => {
    const [number] = await secureSum([1.5, -2, 4], { clampRange: 10 }, rng);
    expect(number?.sum).toBe(3.5);
    const [vector] = await secureSum([[1, 2], [3, 4], Float64Array.of(5, 6.25)], { clampRange: 10 }, rng);
    expect(vector?.sum).toEqual(Float64Array.of(9, 12.25));
    const tables = [1, 2, 3].map((n) => ({ patients: n, ages: [10 * n, n] }));
    const [table] = await secureSum(tables, { clampRange: 100, fractionBits: 0 }, rng);
    expect(table?.sum).toEqual({ patients: 6, ages: Float64Array.of(60, 6) });
  });

  it('gives what the shares form gives, by the same signature', async () => {
    const contributions = Array.from({ length: 5 }, (_, party) => [party / 3, -party, 100 - party]);
    const options = { clampRange: 128, fractionBits: 20 };
    const [masks] = await secureSum(contributions, options, rng);
    const [shares] = await sharesSum(contributions, options, rng);
    expect(masks?.sum).toEqual(shares?.sum);
    expect(masks?.maxError).toBe(shares?.maxError);
  });

  it('goes on when a party leaves, and says who is in the sum', async () => {
    const results = await secureSum([1, 2, 3, 4, 5], { clampRange: 10, lost: { 1: 'maskedInput', 4: 'unmask' } }, rng);
    expect(results[0]?.sum).toBe(13);
    expect(results[0]?.contributors).toEqual([0, 2, 3, 4]);
    expect(results[0]?.trust).toMatch(/^honest-but-curious coordinator/);
  });

  it('uses 64 bits where 32 cannot hold the sum', async () => {
    const [wide] = await secureSum([2 ** 30, 2 ** 30, 2 ** 30], { clampRange: 2 ** 30 }, rng);
    expect(wide?.sum).toBe(3 * 2 ** 30);
    expect(wide?.bitWidth).toBe(64);
  });

  it('refuses two parties, too many losses, values out of range and unlike shapes', async () => {
    await expect(secureSum([1, 2], { clampRange: 10 }, rng)).rejects.toMatchObject({
      code: 'secagg/unsafe-parameters',
    });
    await expect(
      secureSum([1, 2, 3, 4], { clampRange: 10, lost: { 0: 'shareKeys', 1: 'shareKeys' } }, rng),
    ).rejects.toMatchObject({ code: 'secagg/too-few-survivors' });
    await expect(secureSum([1, 2, 30], { clampRange: 10 }, rng)).rejects.toMatchObject({ code: 'sharing/overflow' });
    await expect(secureSum<readonly number[]>([[1], [2], [3, 4]], { clampRange: 10 }, rng)).rejects.toMatchObject({
      code: 'secagg/input',
    });
    const [clamped] = await secureSum([1, 2, 30], { clampRange: 10, onOverflow: 'clamp' }, rng);
    expect(clamped?.sum).toBe(13);
  });
});
