import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../random/index.ts';
import { createRotation, ditherInto, l2Norm, roundConditionallyInto, walshHadamardInto } from './index.ts';

const { cases } = JSON.parse(
  readFileSync(new URL('../../../test/vectors/secagg/walsh-hadamard.json', import.meta.url), 'utf8'),
) as {
  cases: {
    name: string;
    input: number[];
    signs?: number[];
    transformUnnormalised: number[];
    transformNormalised: number[];
  }[];
};

describe('walshHadamardInto', () => {
  it.each(cases)('transforms as the vector "$name"', ({ input, signs, transformUnnormalised, transformNormalised }) => {
    const values = Float64Array.from(input, (value, i) => value * (signs?.[i] ?? 1));
    walshHadamardInto(values);
    expect([...values].map((value) => value + 0)).toEqual(transformUnnormalised);
    const root = Math.sqrt(input.length);
    const worst = Math.max(
      ...transformNormalised.map((value, i) => Math.abs((values[i] as number) / root - value) / (Math.abs(value) || 1)),
    );
    expect(worst).toBeLessThan(1e-12);
  });

  it('refuses lengths that are not powers of two', () => {
    expect(() => walshHadamardInto(new Float64Array(6))).toThrow(/power of two/);
    expect(() => walshHadamardInto(new Float64Array(0))).toThrow(/power of two/);
  });
});

describe('createRotation', () => {
  it('keeps lengths and comes back, at any dimension', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.integer().map((value) => value / 1024),
          { minLength: 1, maxLength: 70 },
        ),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (input, seed) => {
          const values = Float64Array.from(input);
          const rotation = createRotation({ dimension: input.length, seed });
          const rotated = rotation.apply(values);
          const norm = l2Norm(values);
          expect(Math.abs(l2Norm(rotated) - norm)).toBeLessThanOrEqual(norm * 1e-13);
          const back = rotation.invertInto(rotated);
          expect(back.length).toBe(input.length);
          for (let i = 0; i < back.length; i += 1) {
            expect(Math.abs((back[i] as number) - (values[i] as number))).toBeLessThanOrEqual(norm * 1e-13);
          }
        },
      ),
    );
  });

  it('spreads a single spike evenly', () => {
    const values = new Float64Array(1000);
    values[3] = 32;
    const rotated = createRotation({ dimension: 1000, seed: new Uint8Array(32) }).apply(values);
    expect(rotated.length).toBe(1024);
    expect(new Set(rotated.map(Math.abs))).toEqual(new Set([1]));
  });
});

describe('stochastic rounding', () => {
  const rng = createSeededRng('rounding');

  it('keeps the mean: each value rounds up as often as its fraction says', () => {
    const draws = 40_000;
    for (const value of [0.25, -0.25, 7.9, -3.5]) {
      const out = new Int32Array(draws);
      ditherInto(new Float64Array(draws).fill(value), out, rng);
      const floor = Math.floor(value);
      const up = out.reduce((sum, rounded) => sum + (rounded - floor), 0);
      expect(new Set(out).size).toBe(2);
      const fraction = value - floor;
      // Five standard deviations: two-sided probability 6e-7.
      expect(Math.abs(up - draws * fraction)).toBeLessThan(5 * Math.sqrt(draws * fraction * (1 - fraction)));
    }
  });

  it('leaves integers alone', () => {
    const out = new Int32Array(3);
    ditherInto(Float64Array.of(-2, 0, 5), out, rng);
    expect([...out]).toEqual([-2, 0, 5]);
  });

  it('meets the norm bound whatever the coins', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 1, maxLength: 60 }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        fc.integer({ min: 1, max: 3 }),
        (input, slack, maxTries) => {
          const values = Float64Array.from(input);
          const normBound = l2Norm(values) * (1 + 1e-9) + slack + 1e-6;
          const out = new Int32Array(input.length);
          const tries = roundConditionallyInto(values, { normBound, maxTries }, out, rng);
          expect(tries).toBeLessThanOrEqual(maxTries + 1);
          expect(out.reduce((sum, value) => sum + value * value, 0)).toBeLessThanOrEqual(normBound ** 2);
          expect(out.every((value, i) => Math.abs(value - (input[i] as number)) < 1)).toBe(true);
        },
      ),
    );
  });

  it('refuses vectors that are too long, values that leave int32 and NaN', () => {
    const out = new Int32Array(1);
    expect(() => roundConditionallyInto(Float64Array.of(9.5), { normBound: 2, maxTries: 3 }, out, rng)).toThrow(
      /clip it first/,
    );
    expect(out[0]).toBe(0);
    for (const bad of [2 ** 31, Number.NaN]) {
      expect(() => ditherInto(Float64Array.of(bad), out, rng)).toThrow(RangeError);
    }
  });
});
