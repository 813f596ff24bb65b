import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { sortSample, splitIntoBlocks } from './blocks.ts';
import { computeClipFactor, computeClippedSumSensitivity, gridStep } from './clipping.ts';

const norm = fc.double({ min: 2 ** -30, max: 2 ** 30, noNaN: true });

describe('clip factors', () => {
  it('keep the product within the clip norm, in exact arithmetic', () => {
    fc.assert(
      fc.property(norm, norm, (gradientNorm, clipNorm) => {
        const factor = computeClipFactor(gradientNorm * gradientNorm, clipNorm);
        expect(factor).toBe(Math.fround(factor));
        expect(factor).toBeLessThanOrEqual(1);
        // Room for one more float32 rounding of the product.
        expect(factor === 1 || factor * (1 + 2 ** -24) * gradientNorm <= clipNorm).toBe(true);
        expect(factor).toBeGreaterThanOrEqual(Math.min(1, clipNorm / gradientNorm) * (1 - 2 ** -20));
        expect(factor < 1 || gradientNorm <= clipNorm).toBe(true);
      }),
    );
  });

  it('are below clip norm ÷ norm in automatic clipping', () => {
    fc.assert(
      fc.property(norm, norm, (gradientNorm, clipNorm) => {
        const factor = computeClipFactor(gradientNorm ** 2, clipNorm, 0.01);
        expect(factor * gradientNorm).toBeLessThanOrEqual(clipNorm);
      }),
    );
  });

  it('of zero gradients are one, of hopeless ones zero', () => {
    expect(computeClipFactor(0, 1)).toBe(1);
    expect(computeClipFactor(1e300, 1e-10)).toBe(0);
  });
});

describe('blocks', () => {
  const indices = fc.uniqueArray(fc.integer({ min: 0, max: 5000 }), { maxLength: 400 });

  it('hold every example once, at most 64 each', () => {
    fc.assert(
      fc.property(indices, (drawn) => {
        const sorted = sortSample(drawn, 5001);
        const blocks = splitIntoBlocks(sorted);
        let next = 0;
        for (const { from, count } of blocks) {
          expect(from).toBe(next);
          expect(count).toBeGreaterThan(0);
          expect(count).toBeLessThanOrEqual(64);
          next += count;
        }
        expect(next).toBe(drawn.length);
      }),
    );
  });

  it('change for one example of a block of at most 65 alone, and leave all others as they are', () => {
    fc.assert(
      fc.property(indices, fc.integer({ min: 0, max: 5000 }), (drawn, extra) => {
        const members = (list: readonly number[]): string[] => {
          const sorted = sortSample(list, 5001);
          return splitIntoBlocks(sorted).map(({ from, count }) => sorted.subarray(from, from + count).join());
        };
        const rest = drawn.filter((i) => i !== extra);
        const before = new Set(members(rest));
        const after = new Set(members([...rest, extra]));
        const gone = [...before].filter((block) => !after.has(block));
        const came = [...after].filter((block) => !before.has(block));
        expect(gone.length).toBeLessThanOrEqual(1);
        expect(came.length).toBeLessThanOrEqual(33);
        expect(came.join().split(',').length).toBeLessThanOrEqual(65);
      }),
    );
  });

  it('are as small as the tree must make them for clustered examples', () => {
    const clustered = Uint32Array.from({ length: 65 }, (_, i) => i);
    expect(splitIntoBlocks(clustered)).toEqual([
      { from: 0, count: 64 },
      { from: 64, count: 1 },
    ]);
  });
});

describe('the sensitivity of a clipped sum', () => {
  it('is the clip norm plus the rounding error, about half a thousandth', () => {
    const sensitivity = computeClippedSumSensitivity({ clipNorm: 2, parameterCount: 25_450 });
    expect(sensitivity).toBeGreaterThan(2 * 1.000_496);
    expect(sensitivity).toBeLessThan(2 * 1.000_51);
  });

  it('is the root of the sum of squares when layers are clipped apart', () => {
    const clipping = { kind: 'perLayer', clipNorms: [3, 4] } as const;
    const sensitivity = computeClippedSumSensitivity({ clipping, parameterCount: 100 });
    expect(sensitivity / computeClippedSumSensitivity({ clipNorm: 5, parameterCount: 100 })).toBeCloseTo(1, 9);
  });

  it('has a grid that is a power of two below the clip norm', () => {
    fc.assert(
      fc.property(norm, (clipNorm) => {
        const step = gridStep({ kind: 'flat', clipNorm });
        expect(Number.isInteger(Math.log2(step))).toBe(true);
        expect(step).toBeLessThanOrEqual(clipNorm * 2 ** -29);
        expect(step).toBeGreaterThan(clipNorm * 2 ** -31);
      }),
    );
  });

  it('is refused without a finite clip norm', () => {
    expect(() => computeClippedSumSensitivity({ clipNorm: Infinity, parameterCount: 10 })).toThrow('unclipped sum');
    expect(() => computeClippedSumSensitivity({ parameterCount: 10 })).toThrow('"clipNorm" must be');
  });
});
