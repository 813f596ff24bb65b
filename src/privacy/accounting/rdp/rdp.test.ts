import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import * as make from '../events/constructors.ts';
import { computeGeneralSampledRdp, computeSymmetricSampledRdp, interpolateRdp } from './amplification.ts';
import { computeDiscreteLaplaceRdp, computeLaplaceRdp } from './closed-forms.ts';
import { computeTau } from './distributed-noise.ts';
import { createRdpAccountant } from './rdp-accountant.ts';
import { computeReplacedGaussianRdp, computeSampledGaussianRdp } from './sampled-gaussian.ts';
import { computeRepeatAndSelectRdp, computeStoppingParameter } from './tuning.ts';
import { createWithoutReplacementCurve } from './without-replacement.ts';

describe('sampled Gaussian', () => {
  it('rises smoothly through integer and fractional orders', () => {
    const step = { samplingRate: 0.03, noiseMultiplier: 0.9 };
    let before = 0;
    for (let order = 1.05; order < 30; order += 0.05) {
      const value = computeSampledGaussianRdp(step, Number(order.toFixed(2)));
      expect(value).toBeGreaterThan(before);
      before = value;
    }
  });

  it('agrees between the finite sum and the integral at integer orders', () => {
    for (const [q, sigma] of [
      [0.01, 1],
      [0.3, 0.5],
      [0.9, 3],
    ] as const) {
      for (const order of [2, 5, 17]) {
        const sum = computeSampledGaussianRdp({ samplingRate: q, noiseMultiplier: sigma }, order);
        const left = computeSampledGaussianRdp({ samplingRate: q, noiseMultiplier: sigma }, order * (1 - 1e-9));
        expect(Math.abs(left / sum - 1)).toBeLessThan(1e-7);
      }
    }
  });

  it('meets high precision under replace-one', () => {
    // mpmath 1.3, 30 digits: log(quad(P**α·Q**(1−α)))/(α−1), P, Q = (1−q)·N(0) + q·N(±1)
    const exact = [
      [0.01, 1, 1.5, 0.000342821652733399],
      [0.01, 1, 8, 0.00198445452305646],
      [0.5, 1, 2, 0.830941584743908],
      [0.3, 0.4, 3.3, 8.94173761763567],
      [0.001, 2, 30, 1.5153497038912e-5],
      [0.9, 1.5, 1.1, 0.754052704318809],
      [0.01, 0.3, 20, 106.273613882767],
    ] as const;
    for (const [samplingRate, noiseMultiplier, order, value] of exact) {
      const computed = computeReplacedGaussianRdp({ samplingRate, noiseMultiplier }, order);
      expect(Math.abs(computed / value - 1)).toBeLessThan(1e-13);
    }
  });
});

describe('amplification by sampling', () => {
  it('bounds both directions: the pairing that the proof averages is never negative', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: -6, max: 6, noNaN: true }),
        fc.double({ min: 1, max: 60, noNaN: true }),
        (q, logR, alpha) => {
          const r = Math.exp(logR);
          const h = (x: number): number => (1 - q + q * x) ** alpha - (1 - q + q * x) ** (1 - alpha);
          const value = h(r) + r * h(1 / r);
          // Rounding: the powers err by alpha units, and the second is multiplied by r.
          const rounding = 1e-15 * alpha * (1 + r) * (1 + Math.abs(h(r)) + Math.abs(h(1 / r)));
          expect(value).toBeGreaterThanOrEqual(-rounding);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('is never below either direction of discrete noise, by direct sums', () => {
    const lattice = (s2: number, shift: number): number[] =>
      Array.from({ length: 61 }, (_, i) => Math.exp(-((i - 30 - shift) ** 2) / (2 * s2)));
    for (const [s2, shift, q] of [
      [2, 1, 0.1],
      [4, 3, 0.4],
      [9, 1, 0.01],
    ] as const) {
      const [rawP, rawQ] = [lattice(s2, shift), lattice(s2, 0)];
      const normalise = (x: number[]): number[] => x.map((value) => value / x.reduce((a, b) => a + b, 0));
      const [p, base] = [normalise(rawP), normalise(rawQ)];
      const mixed = base.map((b, i) => (1 - q) * b + q * p[i]!);
      const divergence = (x: number[], y: number[], a: number): number =>
        Math.log(x.reduce((sum, v, i) => sum + Math.exp(a * Math.log(v) + (1 - a) * Math.log(y[i]!)), 0)) / (a - 1);
      for (const order of [2, 3, 7]) {
        const bound = computeSymmetricSampledRdp(q, order, (k) => (k * shift * shift) / (2 * s2));
        expect(bound).toBeGreaterThanOrEqual(divergence(mixed, base, order) * (1 - 1e-9));
        expect(bound).toBeGreaterThanOrEqual(divergence(base, mixed, order) * (1 - 1e-9));
        expect(computeGeneralSampledRdp(q, order, (k) => (k * shift * shift) / (2 * s2))).toBeGreaterThanOrEqual(bound);
      }
    }
  });

  it('is an upper bound between integer orders', () => {
    const exact = (order: number): number =>
      computeSampledGaussianRdp({ samplingRate: 0.05, noiseMultiplier: 1.2 }, order);
    for (const order of [1.1, 1.5, 2.3, 7.7]) {
      expect(interpolateRdp(order, exact)).toBeGreaterThanOrEqual(exact(order));
    }
    expect(interpolateRdp(4, exact)).toBe(exact(4));
  });
});

describe('sums of discrete Gaussians', () => {
  it('stay within the oscillation that tau allows, by direct convolution', () => {
    for (const [shares, s2] of [
      [2, 0.25],
      [3, 0.3],
      [8, 0.5],
      [12, 1],
    ] as const) {
      const half = 60;
      const at = (variance: number): number[] =>
        Array.from({ length: 2 * half + 1 }, (_, i) => Math.exp(-((i - half) ** 2) / (2 * variance)));
      const share = at(s2);
      const total = share.reduce((a, b) => a + b, 0);
      let sum = share.map((value) => value / total);
      for (let n = 1; n < shares; n += 1) {
        const next = Array.from({ length: 2 * half + 1 }, () => 0);
        for (let i = 0; i <= 2 * half; i += 1) {
          for (let j = Math.max(0, i - half); j <= Math.min(2 * half, i + half); j += 1) {
            next[i]! += sum[j]! * (share[i - j + half]! / total);
          }
        }
        sum = next;
      }
      const plain = at(shares * s2);
      const norm = plain.reduce((a, b) => a + b, 0);
      // Inside eight deviations rounding does not matter.
      const reach = Math.floor(8 * Math.sqrt(shares * s2));
      const ratios = sum.map((value, i) => Math.log(value / (plain[i]! / norm))).slice(half - reach, half + reach + 1);
      const oscillation = Math.max(...ratios) - Math.min(...ratios);
      expect(oscillation).toBeLessThanOrEqual(0.41 * computeTau(shares, s2) + 1e-12);
      expect(Math.max(...ratios.map(Math.abs))).toBeLessThanOrEqual(0.41 * computeTau(shares, s2) + 1e-12);
    }
  });

  it('cost what their tau says, and refuse narrow shares', () => {
    const event = (shareVariance: number) =>
      make.distributedDiscreteGaussian({ shares: 10, shareVariance, l2Sensitivity: 5, dimension: 100 });
    const cost = (shareVariance: number): number => {
      const accountant = createRdpAccountant({ relation: 'zero-out', orders: [8] });
      accountant.compose(event(shareVariance));
      return accountant.rdp()[0]!;
    };
    const gaussian = (shareVariance: number): number => (8 * 25) / (2 * 10 * shareVariance);
    expect(cost(100)).toBeCloseTo(gaussian(100), 12);
    expect(cost(0.5)).toBeGreaterThan(gaussian(0.5));
    expect(cost(0.5)).toBeLessThanOrEqual(gaussian(0.5) + computeTau(10, 0.5) * 100 + 1e-12);
    expect(() => cost(0.2)).toThrow(/at least 1\/4/);
  });
});

describe('closed forms', () => {
  it('carry the discrete Laplace into the continuous one as the grid gets finer', () => {
    for (const order of [1.5, 3, 20]) {
      const scale = 2000;
      const discrete = computeDiscreteLaplaceRdp({ noiseParameter: 0.7 / scale, sensitivity: scale }, order);
      expect(discrete).toBeCloseTo(computeLaplaceRdp(0.7, order), 5);
    }
  });

  it('sum the discrete Laplace exactly', () => {
    const [a, s, order] = [0.4, 3, 4];
    let sum = 0;
    for (let x = -200; x <= 200; x += 1) {
      const p = Math.tanh(a / 2) * Math.exp(-a * Math.abs(x));
      const q = Math.tanh(a / 2) * Math.exp(-a * Math.abs(x - s));
      sum += p ** order * q ** (1 - order);
    }
    expect(computeDiscreteLaplaceRdp({ noiseParameter: a, sensitivity: s }, order)).toBeCloseTo(Math.log(sum) / 3, 12);
  });

  it('keep a fixed-size sample below the whole, and above nothing', () => {
    const whole = createWithoutReplacementCurve({ fraction: 1, noiseMultiplier: 30 });
    const tenth = createWithoutReplacementCurve({ fraction: 0.1, noiseMultiplier: 30 });
    for (const order of [2, 3, 8, 40, 300]) {
      expect(tenth(order)).toBeGreaterThan(0);
      expect(tenth(order)).toBeLessThan(whole(order));
    }
  });
});

describe('repeat and select', () => {
  it('finds the stopping parameter of a mean', () => {
    for (const shape of [0, 0.5, 1, 3]) {
      for (const mean of [1, 1.5, 10, 1000]) {
        const gamma = computeStoppingParameter(mean, shape);
        // Σ k·P(K = k) with the weights of the truncated negative binomial.
        let weight = gamma === 1 ? 1 : shape === 0 ? 1 - gamma : shape * (1 - gamma);
        let total = 0;
        let moment = 0;
        for (let k = 1; k < 2e5 && weight > 0; k += 1) {
          total += weight;
          moment += k * weight;
          weight *= ((k + shape) / (k + 1)) * (1 - gamma) * (shape === 0 ? k / (k + shape) : 1);
        }
        expect(moment / total / mean).toBeCloseTo(1, 6);
      }
    }
  });

  it('costs more than one run, and more with more runs', () => {
    const orders = [1.5, 2, 4, 8, 32];
    const rdp = Float64Array.from(orders, (order) => order * 0.01);
    for (const shape of [0, 1, Infinity]) {
      const few = computeRepeatAndSelectRdp({ orders, rdp }, { mean: 2, shape });
      const many = computeRepeatAndSelectRdp({ orders, rdp }, { mean: 200, shape });
      orders.forEach((_, i) => {
        expect(few[i]).toBeGreaterThan(rdp[i]!);
        expect(many[i]).toBeGreaterThan(few[i]!);
      });
    }
  });
});
