import { describe, expect, it } from 'vitest';

import {
  assertFits,
  assertRejected,
  chiSquareOfDraws,
  chiSquareTest,
  createTestRng,
  ksTest,
  upperGamma,
} from '../../../../test/statistical/assert.ts';
import { toRational } from '../../../foundations/numerics/index.ts';
import {
  computeTruncationMass,
  createBoundedDomainLaplace,
  createBoundedNoiseLaplace,
  createUniform,
  findTruncationBound,
} from './bounded-laplace.ts';
import { createStaircase, sampleStaircase } from './staircase.ts';
import { createVectorMechanism, sampleRoundedVector } from './vector-mechanism.ts';

const many = (count: number, draw: () => number) => Array.from({ length: count }, draw);

describe('createBoundedDomainLaplace', () => {
  const options = { sensitivity: 2, epsilon: 1, lower: -3, upper: 5, granularity: 1 } as const;
  const points = Array.from({ length: 9 }, (_, i) => i - 3);

  /** The exact law at x, found again from the draws' own rate. */
  function law(x: number, rate: number): number[] {
    const weights = points.map((y) => Math.exp(-rate * Math.abs(y - x)));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((w) => w / total);
  }

  function epsilonOf(rate: number): number {
    let worst = 0;
    for (const x of points) {
      for (const y of points) {
        if (Math.abs(x - y) > 2) continue;
        law(x, rate).forEach((p, i) => (worst = Math.max(worst, Math.log(p / (law(y, rate)[i] as number)))));
      }
    }
    return worst;
  }

  it('has the largest rate whose loss, found by brute force, is at most epsilon', () => {
    let low = 0.1;
    let high = 1;
    for (let i = 0; i < 50; i += 1) {
      const middle = (low + high) / 2;
      if (epsilonOf(middle) <= 1) low = middle;
      else high = middle;
    }
    const rng = createTestRng('bounded domain');
    const mechanism = createBoundedDomainLaplace(options);
    const fits = (x: number, rate: number) =>
      chiSquareTest(
        points.map((y) => draws[x + 3]?.filter((d) => d === y).length ?? 0),
        law(x, rate),
      );
    const draws = points.map((x) => many(4_000, () => mechanism.release(x, rng)));
    for (const x of points) assertFits(fits(x, low));
    assertRejected(fits(-3, low * 1.2));
  });

  it('stays inside when the value does not, narrow or wide', () => {
    const rng = createTestRng('bounded domain ends');
    for (const epsilon of [0.01, 20]) {
      const mechanism = createBoundedDomainLaplace({ sensitivity: 1, epsilon, lower: 0.1, upper: 0.9 });
      for (const x of [-7, 0.5, 7]) {
        const y = mechanism.release(x, rng);
        expect(y >= 0.1 && y <= 0.9).toBe(true);
      }
    }
    expect(() => createBoundedDomainLaplace({ ...options, lower: 6 })).toThrow(RangeError);
    expect(() => createBoundedDomainLaplace({ ...options, lower: 4.2, upper: 4.8 })).toThrow(RangeError);
  });
});

describe('createBoundedNoiseLaplace', () => {
  it('uses the least bound whose outermost mass is at most delta, by brute force', () => {
    for (const [rate, steps, delta] of [
      [0.5, 1, 0.01],
      [0.3, 4, 1e-3],
      [1, 2, 1e-6],
    ] as const) {
      const bound = findTruncationBound({ rate, steps, delta });
      const mass = (b: number) => {
        let top = 0;
        let all = 0;
        for (let x = -b; x <= b; x += 1) {
          const w = Math.exp(-rate * Math.abs(x));
          all += w;
          if (x > b - steps) top += w;
        }
        return top / all;
      };
      expect(computeTruncationMass({ rate, steps, bound }) / mass(bound)).toBeCloseTo(1, 10);
      expect(mass(bound)).toBeLessThanOrEqual(delta);
      expect(mass(bound - 1)).toBeGreaterThan(delta);
    }
  });

  it('draws the cut law and never leaves it', () => {
    const mechanism = createBoundedNoiseLaplace({ sensitivity: 1, epsilon: 0.5, delta: 0.01, granularity: 1 });
    const rng = createTestRng('bounded noise');
    const noise = many(20_000, () => mechanism.release(3, rng) - 3);
    const b = mechanism.noiseBound;
    expect(noise.every((x) => Math.abs(x) <= b)).toBe(true);
    const weights = Array.from({ length: 2 * b + 1 }, (_, i) => Math.exp(-0.5 * Math.abs(i - b)));
    const total = weights.reduce((x, y) => x + y, 0);
    const pmf = (x: number) => (weights[x + b] ?? 0) / total;
    assertFits(chiSquareOfDraws(noise, { pmf, min: -b, max: b }));
    // Clamped instead of cut: the ends would hold the tails.
    const clamped = noise.map((x, i) => (i % 50 === 0 ? b : x));
    assertRejected(chiSquareOfDraws(clamped, { pmf, min: -b, max: b }));
    expect(mechanism.event()).toMatchObject({ kind: 'epsilonDelta', epsilon: 0.5, delta: 0.01 });
    expect(() => createBoundedNoiseLaplace({ sensitivity: 1, epsilon: 1, delta: 0 })).toThrow(RangeError);
  });
});

describe('createUniform', () => {
  it('is uniform on an interval that overlaps its neighbour in all but delta', () => {
    const mechanism = createUniform({ sensitivity: 2, delta: 0.1, granularity: 1 });
    const rng = createTestRng('uniform');
    const b = mechanism.noiseBound;
    expect(2 / (2 * b + 1)).toBeLessThanOrEqual(0.1);
    const noise = many(10_000, () => mechanism.release(0, rng));
    assertFits(chiSquareOfDraws(noise, { pmf: () => 1 / (2 * b + 1), min: -b, max: b }));
    const doubledZero = noise.map((x, i) => (i % 25 === 0 ? 0 : x));
    assertRejected(chiSquareOfDraws(doubledZero, { pmf: () => 1 / (2 * b + 1), min: -b, max: b }));
  });
});

describe('createStaircase', () => {
  it('has exactly the staircase probabilities, each within e^ε of any neighbour', () => {
    const [steps, tread, epsilon] = [5, 2, 0.8];
    const weight = (x: number) => {
      const m = Math.abs(x);
      const level = Math.floor(m / steps) + (m % steps >= tread ? 1 : 0);
      return Math.exp(-level * epsilon);
    };
    let total = 0;
    for (let x = -400; x <= 400; x += 1) total += weight(x);
    const rng = createTestRng('staircase');
    const draws = many(15_000, () => sampleStaircase({ steps, tread, epsilon }, rng));
    assertFits(chiSquareOfDraws(draws, { pmf: (x) => weight(x) / total, min: -50, max: 50 }));
    for (let x = -60; x <= 60; x += 1) {
      for (let shift = -steps; shift <= steps; shift += 1) {
        expect(Math.abs(Math.log(weight(x) / weight(x + shift)))).toBeLessThanOrEqual(epsilon + 1e-12);
      }
    }
    const wrongTread = many(15_000, () => sampleStaircase({ steps, tread: 3, epsilon }, rng));
    assertRejected(chiSquareOfDraws(wrongTread, { pmf: (x) => weight(x) / total, min: -50, max: 50 }));
  });

  it('beats Laplace noise in expected magnitude at a large epsilon', () => {
    const rng = createTestRng('staircase magnitude');
    const mechanism = createStaircase({ sensitivity: 1, epsilon: 4 });
    const mean = many(8_000, () => Math.abs(mechanism.release(0, rng))).reduce((a, b) => a + b, 0) / 8_000;
    // [GV16]: e^(ε/2)/(e^ε − 1) = 0.138 against 1/ε = 0.25.
    expect(mean).toBeGreaterThan(0.12);
    expect(mean).toBeLessThan(0.16);
    expect(() => createStaircase({ sensitivity: 1, epsilon: 1, gamma: 0 })).toThrow(RangeError);
  });
});

describe('createVectorMechanism', () => {
  it('has a gamma norm and a uniform direction', () => {
    const dimension = 5;
    const scale = 10_000;
    const rng = createTestRng('vector norm');
    const draws = Array.from({ length: 1_200 }, () =>
      sampleRoundedVector({ dimension, scale: toRational(scale) }, rng).map(Number),
    );
    const norms = draws.map((z) => Math.hypot(...z) / scale);
    assertFits(ksTest(norms, (r) => 1 - upperGamma(dimension, r)));
    assertRejected(ksTest(norms, (r) => 1 - upperGamma(dimension + 1, r)));
    // In five dimensions the first coordinate of a uniform direction has density ∝ (1 − t²).
    const first = draws.map((z) => (z[0] as number) / Math.hypot(...z));
    assertFits(ksTest(first, (t) => 0.5 + 0.75 * (t - t ** 3 / 3)));
    const sameSigns = draws.filter((z) => Math.sign(z[0] as number) === Math.sign(z[1] as number)).length;
    assertFits(chiSquareTest([sameSigns, draws.length - sameSigns], [0.5, 0.5]));
  });

  it('rounds one dimension to the integral of a Laplace over each cell', () => {
    const rng = createTestRng('vector one');
    const draws = many(4_000, () => Number(sampleRoundedVector({ dimension: 1, scale: toRational(2) }, rng)[0]));
    const pmf = (x: number) =>
      x === 0 ? 1 - Math.exp(-0.25) : (Math.exp(-(Math.abs(x) - 0.5) / 2) - Math.exp(-(Math.abs(x) + 0.5) / 2)) / 2;
    assertFits(chiSquareOfDraws(draws, { pmf, min: -30, max: 30 }));
  });

  it('releases on its grid, widened, for its dimension alone', () => {
    const mechanism = createVectorMechanism({ l2Sensitivity: 1, epsilon: 1, dimension: 3, granularity: 2 ** -10 });
    const values = Float64Array.of(0.3, -0.3, 1e6);
    mechanism.releaseInto(values, createTestRng('vector release'));
    expect(values.every((x) => Number.isInteger(x * 1024))).toBe(true);
    expect(mechanism.event()).toMatchObject({ kind: 'epsilonDelta', epsilon: 1, delta: 0 });
    expect(() => mechanism.releaseInto(new Float64Array(2), createTestRng('z'))).toThrow(RangeError);
    expect(() => mechanism.releaseInto(Float64Array.of(1, Number.NaN, 2), createTestRng('z'))).toThrow(RangeError);
  });
});
