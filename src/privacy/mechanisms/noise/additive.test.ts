import { describe, expect, it } from 'vitest';

import {
  assertFits,
  assertRejected,
  assertVariance,
  chiSquareOfDraws,
  createTestRng,
  discreteGaussianPmf,
  discreteLaplacePmf,
  ksTest,
} from '../../../../test/statistical/assert.ts';
import { createAccountant } from '../../accounting/index.ts';
import { createDiscreteGaussianMechanism } from './discrete-gaussian-mechanism.ts';
import { createDiscreteLaplaceMechanism } from './discrete-laplace-mechanism.ts';
import { createDistributedSkellam } from './distributed-skellam.ts';
import { createCalibratedGaussian, createGaussian } from './gaussian.ts';
import { createFoldedLaplace, createLaplace, createTruncatedLaplace } from './laplace.ts';

const many = (count: number, draw: () => number) => Array.from({ length: count }, draw);
const laplaceCdf = (b: number) => (x: number) => (x < 0 ? 0.5 * Math.exp(x / b) : 1 - 0.5 * Math.exp(-x / b));
function normalCdf(x: number): number {
  // Simpson's rule from zero, 400 steps: far more accurate than a test of 20,000 draws can see.
  const n = 400;
  let sum = 0;
  for (let i = 0; i <= n; i += 1) {
    const t = (x * i) / n;
    sum += (i === 0 || i === n ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp((-t * t) / 2);
  }
  return 0.5 + ((x / n / 3) * sum) / Math.sqrt(2 * Math.PI);
}

describe('the discrete Laplace mechanism', () => {
  it('adds noise of scale sensitivity ÷ epsilon and charges exactly that', () => {
    const mechanism = createDiscreteLaplaceMechanism({ l1Sensitivity: 3, epsilon: 0.75 });
    const rng = createTestRng('discrete laplace mechanism');
    const noise = many(30_000, () => mechanism.release(100, rng) - 100);
    assertFits(chiSquareOfDraws(noise, { pmf: discreteLaplacePmf(4), min: -50, max: 50 }));
    assertRejected(chiSquareOfDraws(noise, { pmf: discreteLaplacePmf(4 / 3), min: -15, max: 15 }));
    const event = mechanism.event();
    if (event.kind !== 'discreteLaplace') throw new Error('unexpected event');
    expect(event.noiseParameter * event.sensitivity).toBeLessThanOrEqual(0.75);
    expect(event.noiseParameter * event.sensitivity).toBeGreaterThan(0.75 - 1e-15);
    const values = Int32Array.of(5, -5);
    mechanism.releaseInto(values, rng);
    expect(values).toHaveLength(2);
  });

  it('draws wide noise one by one, and refuses it for vectors', () => {
    const wide = createDiscreteLaplaceMechanism({ l1Sensitivity: 1, epsilon: 1e-9 });
    const rng = createTestRng('wide');
    const noise = many(500, () => Math.abs(wide.release(0, rng)) / 1e9);
    assertFits(ksTest(noise, (x) => 1 - Math.exp(-x)));
    expect(() => wide.releaseInto(new Int32Array(1), rng)).toThrow(RangeError);
    const gaussian = createDiscreteGaussianMechanism({ l2Sensitivity: 1, noiseMultiplier: 1e9 });
    assertVariance(
      many(500, () => gaussian.release(0, rng)),
      1e18,
    );
  });

  it('refuses fractional sensitivities and values', () => {
    expect(() => createDiscreteLaplaceMechanism({ l1Sensitivity: 0.5, epsilon: 1 })).toThrow(RangeError);
    const mechanism = createDiscreteLaplaceMechanism({ l1Sensitivity: 1, epsilon: 1 });
    expect(() => mechanism.release(0.5, createTestRng('x'))).toThrow(RangeError);
  });
});

describe('the discrete Gaussian mechanism', () => {
  it('adds noise of σ = multiplier × sensitivity and charges exactly that', () => {
    const mechanism = createDiscreteGaussianMechanism({ l2Sensitivity: 2, noiseMultiplier: 1.5, dimension: 30_000 });
    const values = new Int32Array(30_000);
    mechanism.releaseInto(values, createTestRng('discrete gaussian mechanism'));
    assertFits(chiSquareOfDraws(values, { pmf: discreteGaussianPmf(9), min: -18, max: 18 }));
    expect(mechanism.event()).toMatchObject({ kind: 'discreteGaussian', sensitivity: 2, dimension: 30_000 });
    expect(() => mechanism.releaseInto(new Int32Array(3), createTestRng('y'))).toThrow(RangeError);
  });
});

describe('createLaplace', () => {
  it('follows the Laplace law on its grid, and the test sees a scale off by a fifth', () => {
    const mechanism = createLaplace({ l1Sensitivity: 0.1, epsilon: 0.5 });
    const rng = createTestRng('laplace mechanism');
    const noise = many(20_000, () => mechanism.release(17.3, rng) - 17.3);
    assertFits(ksTest(noise, laplaceCdf(0.2)));
    assertRejected(
      ksTest(
        noise.map((x) => x * 1.2),
        laplaceCdf(0.2),
      ),
    );
    expect(noise.every((x) => Number.isInteger((x + 17.3) / mechanism.granularity))).toBe(true);
    expect(Number.isInteger(Math.log2(mechanism.granularity))).toBe(true);
  });

  it('widens the sensitivity by the rounding of every coordinate', () => {
    const coarse = createLaplace({ l1Sensitivity: 3, epsilon: 1, dimension: 10, granularity: 1 });
    expect(coarse.event()).toMatchObject({ kind: 'discreteLaplace', sensitivity: 13 });
    expect(coarse.noiseScale).toBeCloseTo(13, 10);
    expect(createLaplace({ l1Sensitivity: 3, epsilon: 1, granularity: 1 }).event()).toMatchObject({ sensitivity: 3 });
    expect(createLaplace({ l1Sensitivity: 3.2, epsilon: 1, granularity: 1 }).event()).toMatchObject({ sensitivity: 4 });
  });

  it('truncates and folds without another charge', () => {
    const options = { l1Sensitivity: 1, epsilon: 0.1, lower: 0, upper: 10 };
    const rng = createTestRng('truncated');
    const truncated = createTruncatedLaplace(options);
    const folded = createFoldedLaplace(options);
    expect(truncated.event()).toEqual(createLaplace(options).event());
    expect(folded.event()).toEqual(createLaplace(options).event());
    const cut = many(2_000, () => truncated.release(5, rng));
    expect(cut.every((x) => x >= 0 && x <= 10)).toBe(true);
    expect(cut.filter((x) => x === 0 || x === 10).length).toBeGreaterThan(800);
    const turned = many(2_000, () => folded.release(5, rng));
    expect(turned.every((x) => x >= 0 && x <= 10)).toBe(true);
    expect(turned.filter((x) => x === 0 || x === 10)).toHaveLength(0);
    expect(() => createTruncatedLaplace({ ...options, upper: 0 })).toThrow(RangeError);
  });

  it('refuses NaN before it draws, and clamps infinities', () => {
    const mechanism = createLaplace({ l1Sensitivity: 1, epsilon: 1, dimension: 2 });
    const silent = { ...createTestRng('silent'), bytes: () => Promise.reject(new Error('drew')) as never };
    expect(() => mechanism.releaseInto(Float64Array.of(1, Number.NaN), silent)).toThrow(RangeError);
    const single = createLaplace({ l1Sensitivity: 1, epsilon: 1 });
    expect(Number.isFinite(single.release(Number.POSITIVE_INFINITY, createTestRng('infinite')))).toBe(true);
  });
});

describe('createGaussian', () => {
  it('follows the normal law on its grid, and the test sees a variance taken for a deviation', () => {
    const mechanism = createGaussian({ l2Sensitivity: 0.5, noiseMultiplier: 3, dimension: 20_000 });
    const values = new Float64Array(20_000).fill(-2.25);
    mechanism.releaseInto(values, createTestRng('gaussian mechanism'));
    const noise = Array.from(values, (x) => x + 2.25);
    const { noiseStddev } = mechanism;
    assertFits(ksTest(noise.slice(0, 5_000), (x) => normalCdf(x / noiseStddev)));
    assertRejected(ksTest(noise.slice(0, 5_000), (x) => normalCdf(x / noiseStddev ** 2)));
    assertVariance(noise, noiseStddev ** 2);
    expect(noiseStddev / 1.5 - 1).toBeGreaterThan(0);
    expect(noiseStddev / 1.5 - 1).toBeLessThan(1e-4);
  });

  it('keeps the noise multiplier through the widening', () => {
    const event = createGaussian({
      l2Sensitivity: 1,
      noiseMultiplier: 0.7,
      dimension: 10_000,
      granularity: 2 ** -8,
    }).event();
    if (event.kind !== 'discreteGaussian') throw new Error('unexpected event');
    expect(event.sensitivity).toBeGreaterThanOrEqual(256 + 100);
    expect(event.sigma / event.sensitivity).toBeGreaterThanOrEqual(0.7);
    expect(event.sigma / event.sensitivity).toBeLessThan(0.7 + 1e-12);
  });

  it('is calibrated to a target that it meets, barely, on any grid', () => {
    const target = { epsilon: 1, delta: 1e-5, relation: 'add-or-remove-one' } as const;
    for (const accountant of ['rdp', 'pld'] as const) {
      for (const shape of [{ l2Sensitivity: 2 }, { l2Sensitivity: 0.3, dimension: 1000 }]) {
        const mechanism = createCalibratedGaussian({ ...shape, ...target, accountant });
        const judge = createAccountant({ relation: target.relation, accountant });
        judge.compose(mechanism.event());
        expect(judge.epsilon(1e-5)).toBeLessThanOrEqual(1);
        expect(judge.epsilon(1e-5)).toBeGreaterThan(0.999);
      }
    }
    // The analytic Gaussian mechanism at ε = 1, δ = 1e-5 has σ = 3.730631 ([BW18] theorem 8): never less, hardly more.
    const { noiseMultiplier } = createCalibratedGaussian({ l2Sensitivity: 1, ...target });
    expect(noiseMultiplier).toBeGreaterThanOrEqual(3.73063);
    expect(noiseMultiplier).toBeLessThan(3.73063 * 1.001);
  });
});

describe('the distributed Skellam mechanism', () => {
  it('adds shares up to the variance that it charges', () => {
    const options = { l2Sensitivity: 40, noiseMultiplier: 1.5, honestShares: 8, dimension: 40_000 };
    const mechanism = createDistributedSkellam(options);
    const rng = createTestRng('skellam shares');
    const sum = new Int32Array(options.dimension);
    for (let share = 0; share < options.honestShares; share += 1) mechanism.addShareInto(sum, rng.fork(`${share}`));
    assertVariance(sum, 3600);
    const event = mechanism.event();
    if (event.kind !== 'skellam') throw new Error('unexpected event');
    expect(event.variance).toBeGreaterThanOrEqual(3600);
    expect(event.variance).toBeLessThanOrEqual(mechanism.shareVariance * 8);
    expect(event.l1Sensitivity).toBeNull();
    expect(createDistributedSkellam({ ...options, l1Sensitivity: 99 }).event()).toMatchObject({ l1Sensitivity: 99 });
    expect(() => mechanism.addShareInto(new Int32Array(2), rng)).toThrow(RangeError);
  });
});
