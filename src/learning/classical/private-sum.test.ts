import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createTestRng, Z } from '../../../test/statistical/assert.ts';
import { createPrivateSum, quantizeInto, STEPS } from './private-sum.ts';

const norm = (steps: ArrayLike<number>): number => Math.sqrt(Array.from(steps).reduce((sum, x) => sum + x * x, 0));

describe('quantizeInto', () => {
  it('holds every vector to the norm, whatever is in it', () => {
    const entries = fc.oneof(
      fc.double({ min: -2, max: 2, noNaN: true }),
      fc.constantFrom(Number.NaN, Infinity, -Infinity, 1e308, -1e308, 5e-324),
    );
    fc.assert(
      fc.property(
        fc.array(entries, { minLength: 1, maxLength: 40 }),
        fc.double({ min: 1e-3, max: 10, noNaN: true }),
        (all, bound) => {
          const steps = new Int32Array(all.length);
          quantizeInto(Float64Array.from(all), { norm: bound, steps });
          // Squares of integers up to 2^24 add up exactly, so this comparison is exact.
          expect(steps.reduce((sum, x) => sum + x * x, 0)).toBeLessThanOrEqual(STEPS * STEPS);
        },
      ),
    );
  });

  it('rounds a vector of the greatest norm without shrinking it', () => {
    const vector = new Float64Array(9).fill(1 / 3);
    const steps = new Int32Array(9);
    quantizeInto(vector, { norm: 1, steps });
    expect(norm(steps) / STEPS).toBeGreaterThan(1 - 1e-6);
    expect(norm(steps)).toBeLessThanOrEqual(STEPS);
  });
});

describe('createPrivateSum', () => {
  it('is the sum where the noise is next to nothing', () => {
    const sum = createPrivateSum({ dimension: 3, norm: 2, noiseMultiplier: 1e-3 });
    const run = sum.start();
    for (let i = 0; i < 100; i += 1) run.add(Float64Array.of(1, -0.5, i / 100));
    const released = run.release(createTestRng('sum'));
    [100, -50, 49.5].forEach((exact, j) => expect(Math.abs((released[j] as number) - exact)).toBeLessThan(0.02));
  });

  it('charges the noise that it adds, for all the rows that a person may have', () => {
    const event = createPrivateSum({ dimension: 2, norm: 1, noiseMultiplier: 3, maxRows: 4 }).event();
    expect(event).toMatchObject({ kind: 'discreteGaussian', dimension: 2 });
    const { sigma, sensitivity } = event as unknown as { sigma: number; sensitivity: number };
    expect(sigma / sensitivity).toBeGreaterThanOrEqual(3);
    expect(sigma / sensitivity).toBeLessThan(3 * (1 + 1e-6));
  });

  it('is released once, and refuses vectors of another length', () => {
    const run = createPrivateSum({ dimension: 1, norm: 1, noiseMultiplier: 1 }).start();
    expect(() => run.add(new Float64Array(2))).toThrow(/1 entries/);
    run.release(createTestRng('once'));
    expect(() => run.release(createTestRng('twice'))).toThrow(/charged by itself/);
  });

  // Two neighbours' releases differ in mean by at most one sensitivity, that is by 1/noiseMultiplier noise stddevs. A person
  // with two rows makes the difference; n releases of each tell it to ± Z·√(2/n) stddevs.
  const distance = (maxRows: number): number => {
    const n = 4000;
    const noiseMultiplier = 2;
    const sum = createPrivateSum({ dimension: 2, norm: 1, noiseMultiplier, maxRows });
    const rng = createTestRng(`neighbours/${maxRows}`);
    const one = Float64Array.of(Math.SQRT1_2, Math.SQRT1_2);
    const draw = (rows: number): number[] =>
      Array.from({ length: n }, () => {
        const run = sum.start();
        for (let i = 0; i < rows; i += 1) run.add(one);
        const [x = 0, y = 0] = run.release(rng);
        return (x + y) * Math.SQRT1_2;
      });
    const mean = (draws: number[]): number => draws.reduce((total, x) => total + x, 0) / n;
    const [with2, without] = [draw(2), draw(0)];
    const center = mean(without);
    const stddev = Math.sqrt(without.reduce((total, x) => total + (x - center) ** 2, 0) / (n - 1));
    return ((mean(with2) - center) / stddev) * noiseMultiplier - Z * noiseMultiplier * Math.sqrt(2 / n);
  };

  it('tells neighbours apart no better than it charges for', () => {
    expect(distance(2)).toBeLessThanOrEqual(1);
  });

  it('is caught when its sensitivity is halved: two rows of a person charged as one', () => {
    expect(distance(1)).toBeGreaterThan(1);
  });
});
