import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { chooseBitWidth, clipInto, computeNoiseBound, l2Norm, quantizeInto } from './index.ts';

/** The square of the norm in exact integer arithmetic: every float64 is an integer times 2^−1074. */
function exactSquare(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = exponent === 0 ? fraction : fraction | 0x10000000000000n;
  const integer = mantissa << BigInt(Math.max(exponent, 1) - 1);
  return integer * integer;
}

describe('quantizeInto', () => {
  it('rounds to the nearest integer, ties to even', () => {
    const values = Float64Array.of(0.5, 1.5, 2.5, -0.5, -1.5, 0.49999999999999994, 1e9, -3);
    const out = new Int32Array(values.length);
    quantizeInto(values, { quantizationScale: 1, clampRange: 1000 }, out);
    expect([...out]).toEqual([0, 2, 2, 0, -2, 0, 1000, -3]);
  });

  it('refuses NaN, infinities and a grid that leaves int32', () => {
    const out = new Int32Array(2);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(() => quantizeInto(Float64Array.of(0, bad), { quantizationScale: 1, clampRange: 1 }, out)).toThrow(
        /not finite/,
      );
    }
    expect(() => quantizeInto(new Float64Array(2), { quantizationScale: 2 ** 31, clampRange: 1 }, out)).toThrow(
      /fit int32/,
    );
    expect(() => quantizeInto(new Float64Array(3), { quantizationScale: 1, clampRange: 1 }, out)).toThrow(RangeError);
  });
});

describe('clipInto', () => {
  it('leaves an exact norm of at most clipNorm, whatever the values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, min: -1e100, max: 1e100 }), { minLength: 1, maxLength: 50 }),
        fc.double({ noNaN: true, min: 1e-3, max: 1e3 }),
        (values, clipNorm) => {
          const vector = Float64Array.from(values);
          const before = clipInto(vector, clipNorm);
          expect(before).toBe(l2Norm(Float64Array.from(values)));
          let sum = 0n;
          for (const value of vector) sum += exactSquare(value);
          expect(sum <= exactSquare(clipNorm)).toBe(true);
        },
      ),
    );
  });

  it('leaves short vectors and zero alone, and refuses NaN', () => {
    const short = Float64Array.of(0.3, -0.4);
    expect(clipInto(short, 1)).toBeCloseTo(0.5, 15);
    expect([...short]).toEqual([0.3, -0.4]);
    expect(clipInto(new Float64Array(3), 1)).toBe(0);
    expect(() => clipInto(Float64Array.of(1, Number.NaN), 1)).toThrow(/not finite/);
  });
});

describe('chooseBitWidth', () => {
  it('holds the whole range of a noiseless sum, and not one bit more', () => {
    expect(chooseBitWidth({ participants: 1, maxMagnitude: 127, noiseVariance: 0, dimension: 1, rounds: 1 })).toBe(8);
    expect(chooseBitWidth({ participants: 1, maxMagnitude: 128, noiseVariance: 0, dimension: 1, rounds: 1 })).toBe(9);
    const cohort = { maxMagnitude: 2 ** 15 - 1, noiseVariance: 0, dimension: 10, rounds: 1 };
    expect(chooseBitWidth({ participants: 1000, ...cohort })).toBe(26);
  });

  it('bounds the noise by the tail of the declared distribution', () => {
    const shape = { noiseVariance: 1e6, dimension: 25_000, rounds: 200 };
    // sqrt(2 · 1e6 · ln(2 · 25,000 · 200 · 2^40)) = 9,372.…
    expect(computeNoiseBound(shape)).toBe(Math.ceil(Math.sqrt(2e6 * Math.log(2 * 25_000 * 200 * 2 ** 40))) + 1);
    const skellam = computeNoiseBound({ ...shape, noiseTail: 'skellam' });
    expect(skellam).toBeGreaterThanOrEqual(computeNoiseBound(shape) - 1);
    expect(skellam).toBeLessThan(computeNoiseBound(shape) * 1.01);
    // With a small variance the Skellam tail is far heavier than the Gaussian one.
    const small = { noiseVariance: 0.5, dimension: 1, rounds: 1 };
    expect(computeNoiseBound({ ...small, noiseTail: 'skellam' })).toBeGreaterThan(computeNoiseBound(small));
  });

  it('grows with every part, and refuses what 64 bits cannot hold', () => {
    const base = { participants: 20, maxMagnitude: 1000, noiseVariance: 1e4, dimension: 100, rounds: 10 };
    const width = chooseBitWidth(base);
    expect(chooseBitWidth({ ...base, participants: 2000 })).toBeGreaterThan(width);
    expect(chooseBitWidth({ ...base, noiseVariance: 1e10 })).toBeGreaterThan(width);
    expect(chooseBitWidth({ ...base, dimension: 1e9, rounds: 1e6, failureLog2: -200 })).toBeGreaterThanOrEqual(width);
    expect(() => chooseBitWidth({ ...base, maxMagnitude: 2 ** 62 })).toThrow(/64 bits/);
    expect(() => chooseBitWidth({ ...base, failureLog2: 1 })).toThrow(RangeError);
  });
});
