import { describe, expect, it } from 'vitest';

import {
  assertFits,
  assertProportion,
  assertRejected,
  chiSquareTest,
  createTestRng,
  Z,
} from '../../../../test/statistical/assert.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import {
  createHadamardResponse,
  createOptimizedLocalHashing,
  createOptimizedUnaryEncoding,
  type FrequencyOracle,
} from './frequency-oracles.ts';
import { createRandomizedResponse } from './randomized-response.ts';
import { createRappor } from './rappor.ts';
import { createLocalVectorMean } from './vector-mean.ts';

describe('randomized response', () => {
  it('lies exactly as often as epsilon asks, binary and k-ary', () => {
    const rng = createTestRng('randomized response');
    for (const buckets of [2, 5]) {
      const mechanism = createRandomizedResponse({ epsilon: 1.2, buckets });
      const counts = Array.from({ length: buckets }, () => 0);
      for (let i = 0; i < 30_000; i += 1) {
        const at = mechanism.report(1, rng);
        counts[at] = (counts[at] as number) + 1;
      }
      const lie = 1 / (Math.exp(1.2) + buckets - 1);
      const law = counts.map((_, i) => (i === 1 ? Math.exp(1.2) * lie : lie));
      assertFits(chiSquareTest(counts, law));
      const wrong = counts.map((_, i) => (i === 1 ? 1 - (buckets - 1) * lie * 1.2 : lie * 1.2));
      assertRejected(chiSquareTest(counts, wrong));
      // The stated probability never lies too seldom.
      const p = mechanism.noiseParameter;
      expect(Math.log((1 - p + p / buckets) / (p / buckets))).toBeLessThanOrEqual(1.2);
      expect(mechanism.event()).toMatchObject({ kind: 'randomizedResponse', buckets, noiseParameter: p });
    }
  });

  it('estimates without bias', () => {
    const mechanism = createRandomizedResponse({ epsilon: 1, buckets: 3 });
    const p = mechanism.noiseParameter;
    const truth = [700, 200, 100];
    const expected = truth.map((count) => count * (1 - p) + (1000 * p) / 3);
    expect([...mechanism.estimate(expected)].map((x) => Math.round(x * 1e6) / 1e6)).toEqual(truth);
    expect(() => mechanism.report(3, createTestRng('q'))).toThrow(RangeError);
    expect(() => createRandomizedResponse({ epsilon: 1, buckets: 1 })).toThrow(RangeError);
  });
});

describe('frequency oracles', () => {
  const truth = [600, 300, 100, 0, 0, 0, 0, 0, 0, 0];
  const n = 1000;
  const answers = truth.flatMap((count, value) => Array.from({ length: count }, () => value));

  it('OUE sets the true bit half the time and others with 1/(e^ε + 1)', () => {
    const rng = createTestRng('oue');
    const mechanism = createOptimizedUnaryEncoding({ epsilon: 1, buckets: 50 });
    let trueBits = 0;
    let otherBits = 0;
    for (let i = 0; i < 2_000; i += 1) {
      const bits = mechanism.report(7, rng);
      trueBits += bits[7] as number;
      otherBits += bits.reduce((a, b) => a + b, 0) - (bits[7] as number);
    }
    assertProportion(trueBits, { n: 2_000, probability: 0.5 });
    assertProportion(otherBits, { n: 2_000 * 49, probability: 1 / (Math.E + 1) });
    // Symmetric unary encoding would lie with 1/(e^(ε/2) + 1).
    const symmetric = { n: 2_000 * 49, probability: 1 / (Math.exp(0.5) + 1) };
    expect(() => assertProportion(otherBits, symmetric)).toThrow(/interval/);
  });

  it('Hadamard response draws columns within e^ε of each other, uniform on either side', () => {
    const rng = createTestRng('hadamard');
    const mechanism = createHadamardResponse({ epsilon: 1, buckets: 5 });
    const counts = Array.from({ length: 8 }, () => 0);
    for (let i = 0; i < 20_000; i += 1) {
      const at = mechanism.report(2, rng);
      counts[at] = (counts[at] as number) + 1;
    }
    // Row 3 of the Hadamard matrix of order 8.
    const row = [1, -1, -1, 1, 1, -1, -1, 1];
    assertFits(
      chiSquareTest(
        counts,
        row.map((s) => (s > 0 ? Math.E : 1) / (Math.E + 1) / 4),
      ),
    );
    assertRejected(
      chiSquareTest(
        counts,
        row.map(() => 1 / 8),
      ),
    );
  });

  it('all estimate the frequencies within five deviations of their stated variance', () => {
    const rng = createTestRng('oracles');
    const epsilon = 3;
    // [WBLJ17] table 1: variance 4n·e^ε/(e^ε − 1)² for values nobody holds, plus sampling of the holders' own noise.
    const deviation = Math.sqrt((4 * n * Math.exp(epsilon)) / (Math.exp(epsilon) - 1) ** 2 + n / 4 + n);
    const estimates = [
      run(createOptimizedUnaryEncoding({ epsilon, buckets: 10 }), rng),
      run(createOptimizedLocalHashing({ epsilon, buckets: 10 }), rng),
      run(createHadamardResponse({ epsilon, buckets: 10 }), rng),
    ];
    for (const estimate of estimates) {
      truth.forEach((count, i) => expect(Math.abs((estimate[i] as number) - count)).toBeLessThan(Z * deviation));
      expect(Math.abs((estimate[0] as number) - 200)).toBeGreaterThan(Z * deviation);
    }
  });

  function run<Report>(oracle: FrequencyOracle<string, Report>, rng: Rng): Float64Array {
    return oracle.estimate(answers.map((value) => oracle.report(value, rng)));
  }

  it('refuse buckets that do not exist', () => {
    const rng = createTestRng('oracle refusals');
    expect(() => createHadamardResponse({ epsilon: 1, buckets: 4 }).report(4, rng)).toThrow(RangeError);
    expect(() => createOptimizedLocalHashing({ epsilon: 1, buckets: 1 })).toThrow(RangeError);
    expect(() => createOptimizedUnaryEncoding({ epsilon: -1, buckets: 4 })).toThrow(RangeError);
  });
});

describe('local vector means', () => {
  it('estimate the mean of many vectors without bias, and the test sees a wrong debiasing', () => {
    const rng = createTestRng('vector mean');
    const n = 6_000;
    const mechanism = createLocalVectorMean({
      epsilon: 4,
      dimension: 6,
      clipNorm: 1,
      rotationSeed: new Uint8Array(32),
    });
    const vector = [0.6, -0.2, 0, 0.3, 0.1, -0.1];
    const reports = Array.from({ length: n }, () => mechanism.report(vector, rng));
    const mean = mechanism.estimateMean(reports);
    // A rotated coordinate is estimated from n·bits/8 signs scaled by 8/bits/(1 − noise): a variance of about 8·2/n.
    const deviation = Math.sqrt((8 * 4) / n);
    vector.forEach((x, i) => expect(Math.abs((mean[i] as number) - x)).toBeLessThan(Z * deviation));
    const undebiased = Math.abs((mean[0] as number) * 0.4 - 0.6);
    expect(undebiased).toBeGreaterThan(0.2);
    expect(mechanism.event().kind).toBe('randomizedResponse');
    expect(() => mechanism.report([1], rng)).toThrow(RangeError);
  });

  it('clip long vectors, and send noise for vectors that are not finite', () => {
    const rng = createTestRng('vector mean clip');
    const mechanism = createLocalVectorMean({
      epsilon: 12,
      dimension: 2,
      clipNorm: 1,
      rotationSeed: new Uint8Array(32).fill(7),
      bits: 2,
    });
    const reports = Array.from({ length: 4_000 }, () => mechanism.report([300, 400], rng));
    const [x, y] = mechanism.estimateMean(reports) as unknown as [number, number];
    expect(Math.abs(x - 0.6)).toBeLessThan(0.15);
    expect(Math.abs(y - 0.8)).toBeLessThan(0.15);
    const poisoned = Array.from({ length: 4_000 }, () => mechanism.report([Number.NaN, 1], rng));
    expect(Math.abs(mechanism.estimateMean(poisoned)[0] as number)).toBeLessThan(0.15);
  });
});

describe('RAPPOR', () => {
  const options = { bits: 32, hashes: 2, permanentNoise: 0.5, zeroRate: 0.25, oneRate: 0.75 };

  it('charges the permanent response once, however often it reports, and refuses another value', () => {
    const rappor = createRappor(options);
    // 2·2·ln((1 − ¼)/¼).
    expect(rappor.guarantee.epsilon).toBeCloseTo(4 * Math.log(3), 9);
    expect(rappor.epsilonOfOneReport).toBeLessThan(rappor.guarantee.epsilon as number);
    const respondent = rappor.createRespondent(3);
    const rng = createTestRng('rappor');
    respondent.report('blue', rng);
    respondent.report('blue', rng);
    expect(() => respondent.report('green', rng)).toThrow(RangeError);
    expect(() => createRappor({ ...options, permanentNoise: 0 })).toThrow(RangeError);
    expect(() => createRappor({ ...options, oneRate: 0.1 })).toThrow(RangeError);
  });

  it('remembers its permanent response: reports of one respondent agree more than those of two', () => {
    const rappor = createRappor({ ...options, permanentNoise: 0.9, zeroRate: 0.05, oneRate: 0.95 });
    const rng = createTestRng('rappor memory');
    let same = 0;
    let other = 0;
    for (let i = 0; i < 200; i += 1) {
      const [a, b] = [rappor.createRespondent(0), rappor.createRespondent(0)];
      const first = a.report('x', rng);
      const again = a.report('x', rng);
      const stranger = b.report('x', rng);
      first.forEach((bit, j) => {
        same += Number(bit === again[j]);
        other += Number(bit === stranger[j]);
      });
    }
    expect(same - other).toBeGreaterThan(Z * Math.sqrt(200 * 32));
  });

  it('decodes the strings that people hold', () => {
    const rappor = createRappor({ ...options, permanentNoise: 0.25, zeroRate: 0.1, oneRate: 0.9 });
    const rng = createTestRng('rappor decoding');
    const reports = new Map<number, Uint8Array[]>();
    for (let person = 0; person < 4_000; person += 1) {
      const cohort = person % 4;
      const list = reports.get(cohort) ?? [];
      list.push(
        rappor.createRespondent(cohort).report(person % 10 < 6 ? 'red' : person % 10 < 9 ? 'green' : 'blue', rng),
      );
      reports.set(cohort, list);
    }
    const estimate = rappor.estimate(reports, ['red', 'green', 'blue', 'black', 'white']);
    [2400, 1200, 400, 0, 0].forEach((count, i) => expect(Math.abs((estimate[i] as number) - count)).toBeLessThan(300));
  });
});
