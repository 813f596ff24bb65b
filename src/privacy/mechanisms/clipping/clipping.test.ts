import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createTestRng } from '../../../../test/statistical/assert.ts';
import { toRational } from '../../../foundations/numerics/index.ts';
import { createRdpAccountant } from '../../accounting/index.ts';
import { computeSumNoiseMultiplier, createAdaptiveClipping } from './adaptive.ts';
import { createAutomaticClipper, createFlatClipper, createLayerClipper, type Gradient } from './clipping.ts';

/** Whether the exact squared norm is at most the exact square of the bound. */
function isWithin(gradient: Gradient, bound: number): boolean {
  const exact = Array.from(gradient, (x) => toRational(x));
  const denominator = exact.reduce((d, x) => (x.denominator > d ? x.denominator : d), 1n);
  const sum = exact.reduce((s, x) => s + (x.numerator * (denominator / x.denominator)) ** 2n, 0n);
  const b = toRational(bound);
  return sum * b.denominator ** 2n <= b.numerator ** 2n * denominator ** 2n;
}

const entries = fc.array(fc.double({ min: -1e12, max: 1e12, noNaN: true }), { minLength: 1, maxLength: 30 });
const norms = fc.double({ min: 1e-3, max: 1e6, noNaN: true });

describe('clipping', () => {
  it('keeps the exact norm within the bound, in doubles and floats', () => {
    fc.assert(
      fc.property(entries, norms, (values, clipNorm) => {
        for (const clipper of [createFlatClipper({ clipNorm }), createAutomaticClipper({ clipNorm })]) {
          for (const gradient of [Float64Array.from(values), Float32Array.from(values)]) {
            clipper.clipInto(gradient);
            expect(isWithin(gradient, clipper.l2Sensitivity)).toBe(true);
          }
        }
      }),
    );
  });

  it('leaves small gradients alone, and says which were', () => {
    const clipper = createFlatClipper({ clipNorm: 5.0001 });
    const small = Float64Array.of(3, 4);
    expect(clipper.clipInto(small)).toEqual({ norm: 5, within: true, finite: true });
    expect([...small]).toEqual([3, 4]);
    const large = Float64Array.of(30, 40);
    expect(clipper.clipInto(large)).toMatchObject({ norm: 50, within: false });
    expect(Math.hypot(...large)).toBeGreaterThan(5.00009);
  });

  it('zeroes what is not finite and survives what overflows a square', () => {
    const clipper = createFlatClipper({ clipNorm: 1 });
    const poisoned = Float64Array.of(1, Number.NaN, Number.POSITIVE_INFINITY);
    expect(clipper.clipInto(poisoned)).toMatchObject({ finite: false, within: false });
    expect([...poisoned]).toEqual([0, 0, 0]);
    const huge = Float64Array.of(1e300, -1e300);
    clipper.clipInto(huge);
    expect(huge[0]).toBeCloseTo(Math.SQRT1_2, 12);
    const zero = Float32Array.of(0, 0);
    expect(clipper.clipInto(zero)).toEqual({ norm: 0, within: true, finite: true });
  });

  it('bounds every layer by itself; the sensitivity is the root of the squares', () => {
    const clipper = createLayerClipper({
      layers: [
        { length: 2, clipNorm: 3 },
        { length: 1, clipNorm: 4 },
      ],
    });
    expect(clipper.l2Sensitivity).toBeGreaterThanOrEqual(5);
    expect(clipper.l2Sensitivity).toBeLessThan(5 + 1e-12);
    const gradient = Float64Array.of(0, 300, Number.NaN);
    expect(clipper.clipInto(gradient)).toMatchObject({ finite: false, within: false });
    expect(gradient[1]).toBeCloseTo(3, 12);
    expect(gradient[2]).toBe(0);
    expect(() => clipper.clipInto(new Float64Array(2))).toThrow(RangeError);
    expect(() => createLayerClipper({ layers: [] })).toThrow(RangeError);
  });

  it('brings all gradients to nearly the same norm when automatic', () => {
    const clipper = createAutomaticClipper({ clipNorm: 2, stability: 0.01 });
    for (const scale of [1, 1000]) {
      const gradient = Float64Array.of(3 * scale, 4 * scale);
      clipper.clipInto(gradient);
      expect(Math.hypot(...gradient)).toBeCloseTo(2, 2);
    }
    expect(() => createFlatClipper({ clipNorm: 0 })).toThrow(RangeError);
  });
});

describe('adaptive clipping', () => {
  it('finds the quantile of the norms', () => {
    const rng = createTestRng('adaptive clipping');
    const clipping = createAdaptiveClipping({
      initialClipNorm: 50,
      targetQuantile: 0.5,
      countNoiseMultiplier: 10,
      expectedCount: 1_000,
    });
    for (let round = 0; round < 100; round += 1) {
      const { clipNorm } = clipping;
      clipping.update(
        Array.from({ length: 1_000 }, (_, i) => (i + 0.5) / 1_000 <= clipNorm),
        rng,
      );
    }
    expect(Math.abs(clipping.clipNorm - 0.5)).toBeLessThan(0.05);
    expect(clipping.createClipper().l2Sensitivity).toBe(clipping.clipNorm);
  });

  it('charges its count, and leaves the sum the noise that makes both cost what was asked', () => {
    const countNoiseMultiplier = 5;
    const clipping = createAdaptiveClipping({
      initialClipNorm: 1,
      targetQuantile: 0.5,
      countNoiseMultiplier,
      expectedCount: 10,
    });
    expect(clipping.event()).toMatchObject({ kind: 'discreteGaussian', sigma: 5, sensitivity: 1 });
    const sum = computeSumNoiseMultiplier({ noiseMultiplier: 1.1, countNoiseMultiplier });
    expect(sum ** -2 + countNoiseMultiplier ** -2).toBeCloseTo(1.1 ** -2, 12);
    expect(() => computeSumNoiseMultiplier({ noiseMultiplier: 5, countNoiseMultiplier: 5 })).toThrow(RangeError);
    const accountant = createRdpAccountant({ relation: 'zero-out' });
    accountant.compose(clipping.event(), 100);
    expect(accountant.epsilon(1e-6)).toBeGreaterThan(1);
  });

  it('survives empty rounds and stays between its bounds', () => {
    const rng = createTestRng('adaptive bounds');
    const clipping = createAdaptiveClipping({
      initialClipNorm: 1,
      targetQuantile: 1,
      countNoiseMultiplier: 1,
      expectedCount: 100,
      learningRate: 10,
      maxClipNorm: 2,
    });
    for (let round = 0; round < 5; round += 1) clipping.update([], rng);
    expect(clipping.clipNorm).toBe(2);
  });
});
