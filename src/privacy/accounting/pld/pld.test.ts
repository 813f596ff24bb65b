import { describe, expect, it } from 'vitest';

import { computeGaussianDelta, computeGaussianEpsilon } from '../analytic-gaussian.ts';
import * as make from '../events/constructors.ts';
import type { DpEvent, NeighboringRelation } from '../events/event.ts';
import { boundDelta, boundEpsilon, composeLosses } from './compose.ts';
import { connectDots } from './connect-dots.ts';
import {
  createBoundedRangePair,
  createGaussianPair,
  createLaplacePair,
  createReplacedGaussianPair,
  createReplacedLaplacePair,
} from './continuous-pairs.ts';
import { createDiscreteLaplacePair, createResponsePair } from './discrete-pairs.ts';
import { mergeCells } from './merge-cells.ts';
import { findTiltForDelta, findTiltForEpsilon } from './moments.ts';
import { type DominatingPair, samplePair, swapPair } from './pair.ts';
import { createPldAccountant, type PldTolerance } from './pld-accountant.ts';
import type { LossPmf } from './pmf.ts';
import { createWithoutReplacementPair } from './sampled-pairs.ts';
import { computeShuffleDelta, computeShuffleEpsilon } from './shuffle.ts';
import { computeHockeyStick } from './single-draw.ts';

const PAIRS: Readonly<Record<string, DominatingPair>> = {
  gaussian: createGaussianPair(0.8),
  'sampled gaussian': samplePair(createGaussianPair(1), 0.05),
  'sampled gaussian, reversed': swapPair(samplePair(createGaussianPair(1), 0.05)),
  'replaced gaussian': createReplacedGaussianPair(1, 0.2),
  'fixed-size gaussian': createWithoutReplacementPair(1, 0.2),
  laplace: createLaplacePair(1.3),
  'sampled laplace': samplePair(createLaplacePair(1.3), 0.3),
  'replaced laplace': createReplacedLaplacePair(1.3, 0.3),
  'discrete laplace': createDiscreteLaplacePair(0.3, 4),
  response: createResponsePair({ noiseParameter: 0.4, buckets: 7 }),
  'bounded range': createBoundedRangePair(1.1),
};

function stickOf({ origin, first, step, masses, infinite }: LossPmf, epsilon: number): number {
  let sum = infinite;
  masses.forEach((mass, i) => {
    sum += mass * Math.max(0, -Math.expm1(epsilon - (origin + (first + i) * step)));
  });
  return sum;
}

describe.each(Object.entries(PAIRS))('the pair of the %s mechanism', (_name, pair) => {
  const grid = { step: 0.013, cut: 1e-14 };

  it('is two distributions', () => {
    const fine = connectDots(pair, { step: 0.01, cut: 1e-15 });
    let p = fine.infinite;
    let q = 0;
    fine.masses.forEach((mass, i) => {
      p += mass;
      q += mass * Math.exp(-(fine.origin + (fine.first + i) * fine.step));
    });
    expect(p).toBeCloseTo(1, 11);
    expect(q).toBeCloseTo(1, 11);
    expect(computeHockeyStick(pair, 60)).toBeLessThan(1e-12);
  });

  it('lies between its two discretisations at every epsilon, and close to both', () => {
    const above = connectDots(pair, grid);
    const below = mergeCells(pair, grid);
    for (let epsilon = -3; epsilon < 4; epsilon += 0.0371) {
      const exact = computeHockeyStick(pair, epsilon);
      const upper = stickOf(above, epsilon);
      const lower = stickOf(below, epsilon);
      expect(upper).toBeGreaterThanOrEqual(exact * (1 - 1e-10) - 1e-13);
      expect(lower).toBeLessThanOrEqual(exact * (1 + 1e-10) + 1e-13);
      expect(upper - lower).toBeLessThan(grid.step);
    }
  });

  it('loses by the square of the step where the loss is smooth', () => {
    const gap = (step: number): number =>
      stickOf(connectDots(pair, { step, cut: 1e-15 }), 0.111) - computeHockeyStick(pair, 0.111);
    const [coarse, fine] = [gap(0.04), gap(0.005)];
    expect(fine).toBeLessThanOrEqual(Math.max(coarse / 4, 1e-12));
  });
});

describe('composition', () => {
  // Direct convolution of k copies, no transform, no tilt.
  function convolve(pmf: LossPmf, count: number): Float64Array {
    let total = Float64Array.of(1);
    for (let c = 0; c < count; c += 1) {
      const next = new Float64Array(total.length + pmf.masses.length - 1);
      total.forEach((a, i) => pmf.masses.forEach((b, j) => (next[i + j] = next[i + j]! + a * b)));
      total = next;
    }
    return total;
  }

  it('agrees with direct convolution, down to deltas of 1e-40', () => {
    const pmf = connectDots(samplePair(createGaussianPair(1), 0.1), { step: 0.05, cut: 1e-60 });
    const count = 5;
    const masses = convolve(pmf, count);
    const start = count * (pmf.origin + pmf.first * pmf.step);
    for (const epsilon of [0, 0.5, 2, 5, 10, 20]) {
      let exact = -Math.expm1(count * Math.log1p(-pmf.infinite));
      for (let i = masses.length - 1; i >= 0; i -= 1) {
        exact += masses[i]! * Math.max(0, -Math.expm1(epsilon - start - i * pmf.step));
      }
      const loss = composeLosses([{ pmf, count }], (coarse) => findTiltForEpsilon(coarse, epsilon));
      const [upper, lower] = [boundDelta(loss, epsilon, 'upper'), boundDelta(loss, epsilon, 'lower')];
      expect(upper).toBeGreaterThanOrEqual(exact * (1 - 1e-13));
      expect(lower).toBeLessThanOrEqual(exact * (1 + 1e-13));
      expect(upper - lower).toBeLessThan(exact * 1e-7);
    }
    for (const delta of [0.1, 1e-5, 1e-12, 1e-40]) {
      const loss = composeLosses([{ pmf, count }], (coarse) => findTiltForDelta(coarse, delta));
      const [upper, lower] = [boundEpsilon(loss, delta, 'upper'), boundEpsilon(loss, delta, 'lower')];
      expect(upper).toBeGreaterThanOrEqual(lower);
      expect(upper - lower).toBeLessThan(1e-6);
      expect(boundDelta(loss, upper + 1e-9, 'lower')).toBeLessThanOrEqual(delta);
    }
  });

  it('brackets the closed form of Gaussians that it is not told are Gaussians', () => {
    // Sampling at a rate of almost one keeps the grid in play; its cost lies within 1e-8 of the plain Gaussian's.
    const event = make.poissonSampled({ samplingRate: 1 - 1e-12, event: make.gaussian({ noiseMultiplier: 2 }) });
    for (const [count, delta] of [
      [4, 1e-5],
      [64, 1e-9],
    ] as const) {
      const accountant = createPldAccountant({ relation: 'add-or-remove-one', tolerance: { epsilon: 1e-4 } });
      accountant.compose(event, count);
      const exact = computeGaussianEpsilon(Math.sqrt(count) / 2, delta);
      const { lower, upper } = accountant.epsilonInterval(delta);
      expect(lower).toBeLessThanOrEqual(exact + 1e-8);
      expect(upper).toBeGreaterThanOrEqual(exact - 1e-8);
      expect(upper - lower).toBeLessThanOrEqual(1e-4);
    }
  });

  const solve = (
    event: DpEvent,
    count: number,
    tolerance: PldTolerance,
    relation: NeighboringRelation = 'zero-out',
  ) => {
    const accountant = createPldAccountant({ relation, tolerance });
    accountant.compose(event, count);
    return accountant;
  };

  it('shrinks its interval on demand, one inside the other', () => {
    const event = make.poissonSampled({ samplingRate: 0.01, event: make.gaussian({ noiseMultiplier: 1 }) });
    const intervals = [1e-1, 1e-2, 1e-3].map((epsilon) => solve(event, 500, { epsilon }).epsilonInterval(1e-5));
    intervals.forEach(({ lower, upper }, i) => {
      expect(upper - lower).toBeLessThanOrEqual(10 ** -(i + 1));
      expect(intervals[2]!.lower).toBeGreaterThanOrEqual(lower - 1e-3);
      expect(intervals[2]!.upper).toBeLessThanOrEqual(upper + 1e-3);
    });
  });

  it('answers at the ends: delta 0 and 1, epsilon 0 and beyond', () => {
    const pure = solve(make.laplace({ noiseMultiplier: 2 }), 6, {});
    expect(pure.epsilon(0)).toBeCloseTo(3, 12);
    expect(pure.epsilon(1)).toBe(0);
    expect(pure.delta(3)).toBe(0);
    expect(pure.delta(0)).toBeGreaterThan(0.2);
    const none = solve(make.gaussian({ noiseMultiplier: 2 }), 6, {});
    expect(none.epsilon(0)).toBe(Infinity);
    expect(none.delta(0)).toBeCloseTo(computeGaussianDelta(Math.sqrt(6) / 2, 0), 12);
    const failing = solve(make.epsilonDelta({ epsilon: 0.1, delta: 1e-3 }), 2, {});
    expect(failing.epsilon(1e-4)).toBe(Infinity);
    expect(failing.delta(1)).toBeCloseTo(1 - (1 - 1e-3) ** 2, 12);
    expect(() => none.epsilon(-0.1)).toThrow(RangeError);
    expect(() => none.delta(-1)).toThrow(RangeError);
  });

  it('says nothing about a lower bound where an event is only dominated', () => {
    const accountant = solve(make.exponential({ epsilon: 0.5 }), 8, {});
    expect(accountant.epsilonInterval(1e-6).lower).toBe(0);
    const mixed = createPldAccountant({ relation: 'zero-out' });
    mixed.compose(make.exponential({ epsilon: 0.5 }), 8);
    mixed.compose(make.gaussian({ noiseMultiplier: 1 }));
    expect(mixed.epsilonInterval(1e-6).lower).toBeCloseTo(computeGaussianEpsilon(1, 1e-6), 2);
  });

  it('counts lattice noise in many dimensions as slightly less continuous noise', () => {
    const lattice = make.distributedDiscreteGaussian({
      shares: 10,
      shareVariance: 1000,
      l2Sensitivity: 100,
      dimension: 10_000,
    });
    const upper = solve(lattice, 50, {}).epsilon(1e-5);
    const exact = computeGaussianEpsilon(Math.sqrt(50), 1e-5);
    expect(upper).toBeGreaterThan(exact);
    expect(upper).toBeLessThan(exact * 1.001);
    expect(solve(lattice, 50, {}).epsilonInterval(1e-5).lower).toBe(0);
    const narrow = make.distributedDiscreteGaussian({ shares: 2, shareVariance: 0.5, l2Sensitivity: 1, dimension: 4 });
    expect(() => solve(narrow, 1, {})).toThrow(/use a finer grid/);
  });
});

describe('shuffling', () => {
  it('amplifies more with more users, and never less than not at all', () => {
    const at = (reports: number): number => computeShuffleEpsilon({ reports, epsilon0: 2 }, 1e-6);
    expect(at(100)).toBeGreaterThan(at(1000));
    expect(at(1000)).toBeGreaterThan(at(10_000));
    expect(at(2)).toBeLessThanOrEqual(2);
    expect(computeShuffleDelta({ reports: 50, epsilon0: 1 }, 1)).toBe(0);
    expect(computeShuffleEpsilon({ reports: 1000, epsilon0: 0 }, 1e-6)).toBe(0);
  });

  it('composes', () => {
    const accountant = createPldAccountant({ relation: 'replace-one', tolerance: { epsilon: 0.05 } });
    const event = make.shuffledReports({ reports: 300, epsilon0: 0.5 });
    accountant.compose(event);
    const once = accountant.epsilon(1e-6);
    expect(once).toBeCloseTo(computeShuffleEpsilon({ reports: 300, epsilon0: 0.5 }, 1e-6), 6);
    accountant.compose(event, 3);
    expect(accountant.epsilon(1e-6)).toBeGreaterThan(once);
    expect(accountant.epsilon(1e-6)).toBeLessThan(4 * once);
  });
});
