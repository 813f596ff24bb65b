import { describe, expect, it } from 'vitest';

import {
  assertFits,
  assertProportion,
  assertRejected,
  chiSquareOfDraws,
  createTestRng,
  discreteGaussianPmf,
  discreteLaplacePmf,
} from '../../../../test/statistical/assert.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import {
  sampleBernoulliDouble,
  sampleBernoulliExp,
  sampleBernoulliScaledExp,
  sampleDiscreteGaussian,
  sampleDiscreteLaplace,
  sampleGeometric,
} from './exact-samplers.ts';

const draws = (count: number, draw: () => bigint | number) => Array.from({ length: count }, () => Number(draw()));

/** A generator that returns scripted words, to walk through the lazily extended comparisons. */
function scripted(words: readonly number[]): Rng {
  let at = 0;
  const uint32 = () => {
    const word = words[at];
    if (word === undefined) throw new Error('the script is used up');
    at += 1;
    return word;
  };
  const rng: Rng = {
    seeded: true,
    fill() {
      throw new Error('not scripted');
    },
    bytes: () => new Uint8Array(),
    uint32,
    uint64: () => (BigInt(uint32()) << 32n) | BigInt(uint32()),
    fork: () => rng,
  };
  return rng;
}

describe('exact samplers', () => {
  it('flip coins of exp(−γ) at, below and above one, and the test sees 1 − γ instead', () => {
    const rng = createTestRng('bernoulli-exp');
    for (const gamma of [0.1, 1, 2.75]) {
      let heads = 0;
      for (let i = 0; i < 20_000; i += 1) heads += Number(sampleBernoulliExp(gamma, rng));
      assertProportion(heads, { n: 20_000, probability: Math.exp(-gamma) });
      const linear = Math.max(0.01, 1 - gamma - 0.02);
      expect(() => assertProportion(heads, { n: 20_000, probability: linear })).toThrow(/interval/);
    }
    expect(sampleBernoulliExp(0, rng)).toBe(true);
  });

  it('compare a coin with every digit of a double', () => {
    // 0.75·2^-32: the first word must be 0, the second decides against 0.75·2^32.
    const p = 0.75 * 2 ** -32;
    expect(sampleBernoulliDouble(p, scripted([0, 0xbfffffff]))).toBe(true);
    expect(sampleBernoulliDouble(p, scripted([0, 0xc0000000]))).toBe(false);
    expect(sampleBernoulliDouble(p, scripted([1]))).toBe(false);
    expect(sampleBernoulliDouble(Number.MIN_VALUE, scripted(Array.from({ length: 40 }, () => 0)))).toBe(true);
    expect(sampleBernoulliDouble(0, scripted([]))).toBe(false);
    expect(sampleBernoulliDouble(1, scripted([]))).toBe(true);
  });

  it('decide a scaled exponential from a prefix, extending it when it must', () => {
    const rng = createTestRng('scaled-exp');
    const factor = { numerator: 3n, denominator: 2n };
    const gamma = { numerator: 1n, denominator: 1n };
    let heads = 0;
    for (let i = 0; i < 20_000; i += 1) heads += Number(sampleBernoulliScaledExp({ factor, gamma }, {}, rng));
    assertProportion(heads, { n: 20_000, probability: 1.5 * Math.exp(-1) });
    // The 63-bit prefix that straddles 1.5·exp(−1): the next bits decide, both ways.
    const exact = 591159469719127790758744807061999149352778335726896066016048n; // floor(exp(−1)·2^200)
    const prefix = (exact * 3n) >> 138n;
    const next = (exact * 3n - (prefix << 138n)) >> 74n;
    const tail = (offset: bigint) => {
      const word = next + offset;
      return [Number(word >> 32n), Number(word & 0xffffffffn)];
    };
    const decide = (offset: bigint) =>
      sampleBernoulliScaledExp({ factor, gamma }, { prefix, prefixBits: 63 }, scripted(tail(offset)));
    expect(decide(-4n)).toBe(true);
    expect(decide(4n)).toBe(false);
  });

  it('draw geometric numbers, and the test sees a support that starts at one', () => {
    const rng = createTestRng('geometric');
    const a = Math.exp(-2 / 7);
    const sample = draws(20_000, () => sampleGeometric({ scale: 3.5 }, rng));
    assertFits(chiSquareOfDraws(sample, { pmf: (x) => (1 - a) * a ** x, min: 0, max: 40 }));
    const shifted = sample.map((x) => x + 1);
    assertRejected(chiSquareOfDraws(shifted, { pmf: (x) => (1 - a) * a ** x, min: 0, max: 40 }));
  });

  it('draw discrete Laplace numbers, and the test sees a wrong scale and a doubled zero', () => {
    const rng = createTestRng('discrete-laplace');
    const pmf = discreteLaplacePmf(2.5);
    const sample = draws(20_000, () => sampleDiscreteLaplace({ scale: 2.5 }, rng));
    assertFits(chiSquareOfDraws(sample, { pmf, min: -30, max: 30 }));
    const wrongScale = draws(20_000, () => sampleDiscreteLaplace({ scale: 2.8 }, rng));
    assertRejected(chiSquareOfDraws(wrongScale, { pmf, min: -30, max: 30 }));
    // The classical fault: negative zero is not refused.
    const doubledZero = draws(20_000, () => {
      const x = sampleGeometric({ scale: 2.5 }, rng);
      return (rng.uint32() & 1) === 1 ? -x : x;
    });
    assertRejected(chiSquareOfDraws(doubledZero, { pmf, min: -30, max: 30 }));
  });

  it('draw discrete Gaussian numbers, and the test sees a variance taken for a deviation', () => {
    const rng = createTestRng('discrete-gaussian-plain');
    for (const variance of [0.3, 4, 30.25]) {
      const reach = Math.ceil(6 * Math.sqrt(variance));
      const test = { pmf: discreteGaussianPmf(variance), min: -reach, max: reach };
      assertFits(
        chiSquareOfDraws(
          draws(5_000, () => sampleDiscreteGaussian({ variance }, rng)),
          test,
        ),
      );
      const wrong = draws(5_000, () => sampleDiscreteGaussian({ variance: variance * variance }, rng));
      assertRejected(chiSquareOfDraws(wrong, test));
      const offByOne = draws(5_000, () => sampleDiscreteGaussian({ variance }, rng) + 1n);
      assertRejected(chiSquareOfDraws(offByOne, test));
    }
  });

  it('refuse parameters outside their range', () => {
    const rng = createTestRng('ranges');
    expect(() => sampleDiscreteGaussian({ variance: 0 }, rng)).toThrow(RangeError);
    expect(() => sampleDiscreteLaplace({ scale: -1 }, rng)).toThrow(RangeError);
    expect(() => sampleBernoulliExp(-1, rng)).toThrow(RangeError);
    expect(() => sampleBernoulliDouble(1.5, rng)).toThrow(RangeError);
  });
});
