import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { assertVariance, createTestRng, Z } from '../../../../test/statistical/assert.ts';
import { createRdpAccountant, type DpEvent } from '../../accounting/index.ts';
import { createBandedPoissonSampler } from './banded-sampler.ts';
import { calibrateBufferedToeplitz } from './calibrate-buffered.ts';
import { createMatrixMechanism } from './matrix-mechanism.ts';
import { computeSensitivityByEnumeration, computeToeplitzSensitivity } from './sensitivity.ts';
import {
  createBandedStrategy,
  createBufferedStrategy,
  createToeplitzStrategy,
  type MatrixStrategy,
} from './strategy.ts';
import {
  computeBufferedToeplitz,
  computeColumnNorms,
  computeOptimalToeplitz,
  computePrefixVariances,
  invertToeplitz,
} from './toeplitz.ts';
import { createTreeAggregation } from './tree.ts';

/** The matrix of a strategy, by running it on unit vectors. */
function matrixOf(strategy: MatrixStrategy): number[][] {
  const { steps } = strategy;
  const forward = strategy.createForward(steps);
  return Array.from({ length: steps }, (_, t) => {
    const row = new Float64Array(steps);
    row[t] = 1;
    forward(row);
    return [...row];
  });
}

const toeplitzMatrix = (column: ArrayLike<number>, steps: number) =>
  Array.from({ length: steps }, (_, t) =>
    Array.from({ length: steps }, (__, s) => (t >= s ? (column[t - s] ?? 0) : 0)),
  );

const epsilonOf = (event: DpEvent, relation: 'zero-out' | 'add-or-remove-one' = 'zero-out') => {
  const accountant = createRdpAccountant({ relation });
  accountant.compose(event);
  return accountant.epsilon(1e-6);
};

// Reference values: jax_privacy 2.2 matrix_factorization (toeplitz.py, buffered_toeplitz.py, sensitivity.py) in float64,
// rows ref-089 to ref-092 of the accounting reference.
describe('Toeplitz strategies', () => {
  it('match the reference: the square root of the prefix sum, n = 8', () => {
    const column = computeOptimalToeplitz(8);
    expect(Array.from(column.subarray(0, 6))).toEqual([1, 0.5, 0.375, 0.3125, 0.2734375, 0.24609375]);
    expect(Array.from(invertToeplitz(column, 8).subarray(0, 6))).toEqual([
      1, -0.5, -0.125, -0.0625, -0.0390625, -0.02734375,
    ]);
    const sensitivity = computeToeplitzSensitivity(column, { steps: 8, minSeparation: 8 });
    expect(sensitivity ** 2).toBeCloseTo(1.718379259109497, 12);
    const variances = computePrefixVariances(column, { steps: 8 });
    expect(Math.sqrt(Math.max(...variances))).toBeCloseTo(1.310869657559247, 12);
    const mean = variances.reduce((a, b) => a + b, 0) / 8;
    expect(sensitivity ** 2 * mean).toBeCloseTo(2.514944004537689, 12);
  });

  it('match the reference: buffered, two buffers, n = 100', () => {
    const parameters = { outputScales: [0.1, 0.6], decays: [0.9, 0.5] };
    const column = computeBufferedToeplitz(parameters, 100);
    [1, 0.7, 0.39, 0.231, 0.1479, 0.10311].forEach((c, i) => expect(column[i]).toBeCloseTo(c, 14));
    const inverse = invertToeplitz(column, 100);
    [1, -0.7, 0.1, -0.028, -0.0056, -0.00784].forEach((c, i) => expect(inverse[i]).toBeCloseTo(c, 14));
    const strategy = createBufferedStrategy({ steps: 100, ...parameters });
    expect(strategy.columnNorm ** 2).toBeCloseTo(1.7508133970833446, 12);
    expect(strategy.sensitivity({ minSeparation: 100 }) ** 2).toBeCloseTo(1.7508133970833446, 12);
    expect(strategy.sensitivity({ minSeparation: 25 }) ** 2).toBeCloseTo(7.126211644004232, 11);
    expect(Math.max(...strategy.prefixVariances())).toBeCloseTo(11.017669226938335, 10);
  });

  it('match the reference: banded, n = 100, ten bands, and beat it by normalising the cut columns too', () => {
    const scaled = createBandedStrategy({ steps: 100, bands: 10, normalized: false });
    const reference = scaled.prefixVariances().map((variance) => variance * scaled.columnNorm ** 2);
    expect(Math.max(...reference)).toBeCloseTo(16.37988923641794, 10);
    expect(reference.reduce((a, b) => a + b, 0) / 100).toBeCloseTo(9.237130770142965, 10);
    const strategy = createBandedStrategy({ steps: 100, bands: 10 });
    expect(strategy.columnNorm).toBe(1);
    expect(strategy.sensitivity({ minSeparation: 100, maxParticipations: 1 })).toBe(1);
    expect(strategy.sensitivity({ minSeparation: 10 })).toBeCloseTo(Math.sqrt(10), 14);
    expect(Math.max(...strategy.prefixVariances())).toBeLessThan(16);
    expect(() => strategy.sensitivity({ minSeparation: 9 })).toThrow(RangeError);
  });

  it('match the reference: separation two, two participations', () => {
    const options = { steps: 10, minSeparation: 2, maxParticipations: 2 };
    expect(computeToeplitzSensitivity([1, 0.5], options) ** 2).toBeCloseTo(2.5, 14);
    expect(() => computeToeplitzSensitivity([0.5, 1], options)).toThrow(RangeError);
  });

  it('have the sensitivity that trying every participation pattern gives, for all n ≤ 12', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }),
        (steps, minSeparation, maxParticipations, drops) => {
          let value = 1;
          const column = drops.map((drop) => (value *= drop));
          const participation = { minSeparation, maxParticipations };
          const fast = computeToeplitzSensitivity(column, { steps, ...participation });
          const slow = computeSensitivityByEnumeration(toeplitzMatrix(column, steps), participation);
          expect(Math.abs(fast - slow)).toBeLessThanOrEqual(1e-12 * (1 + slow));
        },
      ),
    );
    for (const strategy of [
      createBandedStrategy({ steps: 12, bands: 3 }),
      createBandedStrategy({ steps: 11, bands: 4, normalized: false }),
      createToeplitzStrategy({ steps: 12 }),
      createBufferedStrategy({ steps: 12, outputScales: [0.2, 0.5], decays: [0.95, 0.4] }),
    ]) {
      for (const participation of [{ minSeparation: 4 }, { minSeparation: 5, maxParticipations: 2 }]) {
        const slow = computeSensitivityByEnumeration(matrixOf(strategy), participation);
        expect(strategy.sensitivity(participation)).toBeCloseTo(slow, 12);
      }
    }
  });

  it('stream C and its inverse: one undoes the other, row by row', () => {
    for (const strategy of [
      createToeplitzStrategy({ steps: 20 }),
      createBandedStrategy({ steps: 20, bands: 5 }),
      createBufferedStrategy({ steps: 20, outputScales: [0.1, 0.6], decays: [0.9, 0.5] }),
    ]) {
      const forward = strategy.createForward(3);
      const inverse = strategy.createInverse(3);
      for (let t = 0; t < 20; t += 1) {
        const values = Float64Array.of(Math.sin(t), t, 1 / (t + 1));
        const copy = values.slice();
        forward(copy);
        inverse(copy);
        values.forEach((value, i) => expect(copy[i]).toBeCloseTo(value, 12));
      }
      const norms = strategy.kind === 'buffered' ? strategy.columnNorm : Math.max(...columnNormsOf(matrixOf(strategy)));
      expect(strategy.columnNorm).toBeCloseTo(norms, 12);
    }
    expect([...computeColumnNorms([3, 4], 3)]).toEqual([5, 5, 3]);
  });

  const columnNormsOf = (matrix: number[][]) =>
    matrix.map((_, j) => Math.hypot(...matrix.map((row) => row[j] as number)));

  it('refuse buffers that grow or increase', () => {
    expect(() => createBufferedStrategy({ steps: 5, outputScales: [1.1], decays: [0.5] })).toThrow(RangeError);
    expect(() => createBufferedStrategy({ steps: 5, outputScales: [0.5], decays: [1] })).toThrow(RangeError);
    expect(() => createBufferedStrategy({ steps: 5, outputScales: [0.5], decays: [] })).toThrow(RangeError);
  });

  it('of calibrated buffers come close to the optimum with a handful of vectors', () => {
    const steps = 256;
    const optimal = createToeplitzStrategy({ steps });
    const best = optimal.columnNorm ** 2 * Math.max(...optimal.prefixVariances());
    const found = calibrateBufferedToeplitz({ steps, minSeparation: steps, buffers: 3 });
    expect(found.loss).toBeGreaterThanOrEqual(best * (1 - 1e-9));
    expect(found.loss).toBeLessThan(best * 1.05);
    // The two-buffer reference row's strategy is far from it.
    const plain = createBufferedStrategy({ steps, outputScales: [0.1, 0.6], decays: [0.9, 0.5] });
    expect(plain.columnNorm ** 2 * Math.max(...plain.prefixVariances())).toBeGreaterThan(found.loss * 1.5);
  });
});

describe('the matrix mechanism', () => {
  const steps = 24;
  const dimension = 4_000;
  const participation = { minSeparation: 8 };
  const strategies = [
    createToeplitzStrategy({ steps }),
    createBandedStrategy({ steps, bands: 6 }),
    createBufferedStrategy({ steps, outputScales: [0.1, 0.6], decays: [0.9, 0.5] }),
  ];

  it('gives prefix sums exactly the variance of its strategy, far below fresh noise', () => {
    for (const strategy of strategies) {
      const mechanism = createMatrixMechanism({
        strategy,
        participation,
        dimension,
        clipNorm: 2,
        noiseMultiplier: 1.5,
      });
      const rng = createTestRng(`matrix ${strategy.kind}`);
      const run = mechanism.start();
      const prefix = new Float64Array(dimension);
      for (let t = 0; t < steps; t += 1) {
        const sum = new Float64Array(dimension).fill(t);
        run.releaseInto(sum, rng);
        sum.forEach((value, i) => (prefix[i] = (prefix[i] as number) + value - t));
      }
      const variance = (strategy.prefixVariances()[steps - 1] as number) * mechanism.noiseStddev ** 2;
      assertVariance(prefix, variance);
      const fresh = steps * mechanism.noiseStddev ** 2;
      expect(() => assertVariance(prefix, fresh)).toThrow(/variance/);
      expect(() => run.releaseInto(new Float64Array(dimension), rng)).toThrow(RangeError);
      expect(run.step).toBe(steps);
    }
  });

  it('charges a Gaussian of its sensitivity over all participations, widened by a hair', () => {
    for (const strategy of strategies) {
      const mechanism = createMatrixMechanism({
        strategy,
        participation,
        dimension,
        clipNorm: 2,
        noiseMultiplier: 1.5,
      });
      const event = mechanism.event();
      if (event.kind !== 'composed' || event.events[0]?.kind !== 'matrixFactorization')
        throw new Error('unexpected event');
      const [main] = event.events;
      const exact = strategy.sensitivity(participation);
      expect(main.sensitivity).toBeGreaterThanOrEqual(exact);
      expect(main.noiseMultiplier / main.sensitivity).toBeLessThanOrEqual(1.5 / exact);
      expect(main.noiseMultiplier / main.sensitivity).toBeGreaterThan((1.5 / exact) * (1 - 1e-6));
      expect(mechanism.noiseStddev).toBeGreaterThanOrEqual(3);
    }
    const [strategy] = strategies as [MatrixStrategy, ...MatrixStrategy[]];
    const options = { strategy, dimension, clipNorm: 1, noiseMultiplier: 1 };
    const once = createMatrixMechanism({ ...options, participation: { minSeparation: 24 } });
    const thrice = createMatrixMechanism({ ...options, participation: { minSeparation: 8 } });
    expect(epsilonOf(thrice.event())).toBeGreaterThan(epsilonOf(once.event()));
  });

  it('stays close to its multiplier with slow buffers, many steps and many entries', () => {
    const parameters = calibrateBufferedToeplitz({ steps: 256, minSeparation: 64, buffers: 3 });
    const strategy = createBufferedStrategy({ ...parameters, steps: 256 });
    const mechanism = createMatrixMechanism({
      strategy,
      participation: { minSeparation: 64 },
      dimension: 100_000,
      clipNorm: 1,
      noiseMultiplier: 4,
    });
    expect(mechanism.noiseStddev).toBeGreaterThanOrEqual(4);
    expect(mechanism.noiseStddev).toBeLessThan(4 * 1.001);
  });

  it('moves its integers by no more than it charges, whatever a record does', () => {
    const strategy = createBufferedStrategy({ steps: 6, outputScales: [0.3, 0.4], decays: [0.9, 0.3] });
    const g = 2 ** -8;
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 12, maxLength: 12 }),
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
        (others, own) => {
          const rows = (with_: boolean) => {
            const forward = strategy.createForward(2);
            return Array.from({ length: 6 }, (_, t) => {
              const row = Float64Array.of(others[2 * t] as number, others[2 * t + 1] as number);
              if (with_ && t % 3 === 0) {
                const size = Math.max(1, Math.hypot(own[0] as number, own[1] as number));
                row[0] = (row[0] as number) + (own[0] as number) / size;
                row[1] = (row[1] as number) + (own[1] as number) / size;
              }
              const steps2 = row.map((x) => Math.floor(x / g + 0.5));
              forward(steps2);
              return [...steps2].map(Math.round);
            }).flat();
          };
          const a = rows(true);
          const b = rows(false);
          const moved = Math.hypot(...a.map((x, i) => x - (b[i] as number)));
          const allowed = strategy.sensitivity({ minSeparation: 3 }) * (1 / g + Math.SQRT2) + Math.sqrt(12);
          expect(moved).toBeLessThanOrEqual(allowed);
        },
      ),
    );
  });

  it('is amplified by groups that take turns, when the bands fit them', () => {
    const strategy = createBandedStrategy({ steps: 40, bands: 8 });
    const mechanism = createMatrixMechanism({
      strategy,
      participation: { minSeparation: 8 },
      dimension: 100,
      clipNorm: 1,
      noiseMultiplier: 2,
    });
    const sampler = createBandedPoissonSampler({ bands: 8, samplingRate: 0.1 });
    const event = mechanism.sampledEvent(sampler);
    if (event.kind !== 'composed' || event.events[0]?.kind !== 'bandedMatrixFactorization')
      throw new Error('unexpected');
    expect(event.events[0].noiseMultiplier).toBeLessThanOrEqual(2);
    expect(event.events[0].noiseMultiplier).toBeGreaterThan(2 - 1e-4);
    expect(epsilonOf(event, 'add-or-remove-one')).toBeLessThan(epsilonOf(mechanism.event()));
    expect(() => mechanism.sampledEvent(createBandedPoissonSampler({ bands: 7, samplingRate: 0.1 }))).toThrow(
      RangeError,
    );
    const rng = createTestRng('banded sampler');
    const drawn = Array.from({ length: 200 }, (_, t) => sampler.sample({ step: t * 8 + 3, size: 1_001 }, rng));
    expect(drawn.every((indices) => indices.every((i) => i % 8 === 3 && i < 1_001))).toBe(true);
    const total = drawn.reduce((sum, indices) => sum + indices.length, 0);
    expect(Math.abs(total - 200 * 12.5)).toBeLessThan(Z * Math.sqrt(200 * 12.5) + 50);
  });
});

describe('tree aggregation', () => {
  it('answers with as many noisy nodes as the step number has ones', () => {
    const dimension = 4_000;
    const tree = createTreeAggregation({ steps: 13, dimension, clipNorm: 1, noiseMultiplier: 2 });
    const rng = createTestRng('tree');
    const run = tree.start();
    for (let t = 1; t <= 13; t += 1) {
      const prefix = run.push(new Float64Array(dimension).fill(0.5), rng);
      const nodes = t.toString(2).replaceAll('0', '').length;
      assertVariance(
        prefix.map((x) => x - 0.5 * t),
        nodes * tree.noiseStddev ** 2,
      );
    }
    expect(() => run.push(new Float64Array(dimension), rng)).toThrow(RangeError);
  });

  it('clamps to whole grid steps, so that no fraction tells a clamped sum from another', () => {
    for (const steps of [3, 7, 1000]) {
      const tree = createTreeAggregation({ steps, dimension: 2, clipNorm: 1, noiseMultiplier: 2 });
      const prefix = tree.start().push(Float64Array.of(1e300, -1e300), createTestRng('clamped'));
      for (const value of prefix) expect(Number.isInteger(value / tree.granularity)).toBe(true);
    }
  });

  it('has the sensitivity that is charged: a leaf is in ⌈log₂(n + 1)⌉ nodes at most, by enumeration', () => {
    for (let steps = 1; steps <= 12; steps += 1) {
      // Rows: every dyadic interval that is complete after `steps` leaves.
      const rows: number[][] = [];
      for (let size = 1; size <= steps; size *= 2) {
        for (let from = 0; from + size <= steps; from += size) {
          rows.push(Array.from({ length: steps }, (_, i) => Number(i >= from && i < from + size)));
        }
      }
      const sensitivity = computeSensitivityByEnumeration(rows, { minSeparation: steps, maxParticipations: 1 });
      expect(sensitivity ** 2).toBeCloseTo(Math.ceil(Math.log2(steps + 1)), 12);
    }
    const tree = createTreeAggregation({ steps: 8, dimension: 10, clipNorm: 1, noiseMultiplier: 1 });
    // Google's RdpAccountant on integer orders, row ref-044: 10.801691480042894.
    const accountant = createRdpAccountant({
      relation: 'zero-out',
      orders: Array.from({ length: 255 }, (_, i) => i + 2),
    });
    accountant.compose(tree.event());
    expect(accountant.epsilon(1e-5)).toBeGreaterThanOrEqual(10.801691480042894);
    expect(accountant.epsilon(1e-5)).toBeLessThan(10.80175);
  });
});
