import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compareRational, toRational } from '../../../foundations/numerics/index.ts';
import { assertGranularity, ceilPowerOfTwo, nextDown, nextUp, snapToGrid, widenSensitivity } from './grid.ts';

const values = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const granularities = fc.integer({ min: -30, max: 6 }).map((log) => 2 ** log);

describe('the grid', () => {
  it('rounds to the nearest step with exact arithmetic', () => {
    fc.assert(
      fc.property(values, granularities, (value, granularity) => {
        const steps = snapToGrid(value, granularity);
        const exact = toRational(value);
        const g = toRational(granularity);
        const at = (twice: bigint) => ({ numerator: twice * g.numerator, denominator: 2n * g.denominator });
        // steps − ½ ≤ value/granularity < steps + ½, in rationals.
        expect(compareRational(at(2n * BigInt(steps) - 1n), exact)).toBeLessThanOrEqual(0);
        expect(compareRational(exact, at(2n * BigInt(steps) + 1n))).toBeLessThan(0);
      }),
    );
    expect(snapToGrid(0.49999999999999994, 1)).toBe(0);
    expect(snapToGrid(Number.POSITIVE_INFINITY, 1)).toBe(2 ** 52);
    expect(() => snapToGrid(Number.NaN, 1)).toThrow(RangeError);
  });

  it('never moves neighbours apart by more than the widened sensitivity', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(values, values), { minLength: 1, maxLength: 6 }), granularities, (pairs, g) => {
        const moved = pairs.map(([a, b]) => Math.abs(snapToGrid(a, g) - snapToGrid(b, g)));
        const distances = pairs.map(([a, b]) => Math.abs(a - b) * (1 + 1e-15));
        const l1 = distances.reduce((x, y) => x + y, 0) || Number.MIN_VALUE;
        const l2 = Math.hypot(...distances) || Number.MIN_VALUE;
        const shape = { granularity: g, dimension: pairs.length };
        expect(moved.reduce((x, y) => x + y, 0)).toBeLessThanOrEqual(widenSensitivity(l1, { ...shape, norm: 'l1' }));
        expect(Math.hypot(...moved)).toBeLessThanOrEqual(widenSensitivity(l2, { ...shape, norm: 'l2' }) * (1 + 1e-12));
      }),
    );
  });

  it('knows the neighbours of a double and powers of two', () => {
    expect(nextUp(1)).toBe(1 + 2 ** -52);
    expect(nextDown(1)).toBe(1 - 2 ** -53);
    fc.assert(
      fc.property(fc.double({ min: 1e-200, max: 1e200, noNaN: true }), (x) => {
        const power = ceilPowerOfTwo(x);
        expect(power >= x && power / 2 < x).toBe(true);
        expect(() => assertGranularity(power)).not.toThrow();
      }),
    );
    expect(() => assertGranularity(3)).toThrow(RangeError);
  });
});
