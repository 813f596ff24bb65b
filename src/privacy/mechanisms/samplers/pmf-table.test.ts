import { describe, expect, it } from 'vitest';

import {
  assertFits,
  assertRejected,
  assertVariance,
  chiSquareOfDraws,
  createTestRng,
} from '../../../../test/statistical/assert.ts';
import { toRational } from '../../../foundations/numerics/index.ts';
import { createBinomial, encloseBinomial, sampleBinomial } from './binomial.ts';
import { createPmfTable, drawResidual, type EnclosedPmf } from './pmf-table.ts';
import { createSkellam, encloseSkellam, samplePoisson, sampleSkellam } from './skellam.ts';

/** e^−V·I_x(V) by its power series. */
function skellamPmf(variance: number): (x: number) => number {
  return (x) => {
    const m = Math.abs(x);
    let term = Math.exp(-variance);
    for (let i = 1; i <= m; i += 1) term *= variance / 2 / i;
    let sum = term;
    for (let j = 1; j < 400; j += 1) {
      term *= (variance * variance) / 4 / (j * (j + m));
      sum += term;
    }
    return sum;
  };
}

function binomialPmf(n: number, p: number): (k: number) => number {
  return (k) => {
    let value = 1;
    for (let i = 1; i <= k; i += 1) value *= ((n - i + 1) / i) * (p / (1 - p));
    return k < 0 || k > n ? 0 : value * (1 - p) ** n;
  };
}

function assertEnclosed(pmf: EnclosedPmf, exact: (x: number) => number): void {
  const { first, low, high } = pmf.enclose(80);
  low.forEach((value, i) => {
    const l = Number(value) / 2 ** 80;
    const h = Number(high[i]) / 2 ** 80;
    expect(h - l).toBeLessThan(2 ** -75);
    expect(l).toBeLessThanOrEqual(exact(first + i) * (1 + 1e-12) + 1e-22);
    expect(h).toBeGreaterThanOrEqual(exact(first + i) * (1 - 1e-12) - 1e-22);
  });
  const sum = low.reduce((a, b) => a + b, 0n);
  expect(Number((1n << 80n) - sum) / 2 ** 80).toBeLessThan(2 ** -60);
}

describe('enclosed probabilities', () => {
  it('of Skellam numbers agree with the power series', () => {
    for (const variance of [0.05, 1, 7.5, 60])
      assertEnclosed(encloseSkellam(toRational(variance)), skellamPmf(variance));
  });

  it('of binomial numbers agree with their formula', () => {
    for (const [n, p] of [
      [1, 0.5],
      [12, 0.25],
      [100, 0.01],
      [150, 0.875],
    ] as const) {
      assertEnclosed(encloseBinomial(n, toRational(p)), binomialPmf(n, p));
    }
  });

  it('of wide Skellam numbers sum to one and stay tight', () => {
    const { low, high } = encloseSkellam(toRational(1e6)).enclose(80);
    const sum = low.reduce((a, b) => a + b, 0n);
    expect(Number((1n << 80n) - sum) / 2 ** 80).toBeLessThan(2 ** -60);
    expect(high.every((value, i) => value - (low[i] as bigint) < 64n)).toBe(true);
  });
});

describe('the residual of a table', () => {
  it('is drawn with its exact probabilities, here with all of the mass left to it', () => {
    for (const [pmf, exact, max] of [
      [encloseSkellam(toRational(3)), skellamPmf(3), 10],
      [encloseBinomial(6, toRational(0.75)), binomialPmf(6, 0.75), 6],
    ] as const) {
      const table = createPmfTable(pmf);
      const all = { ...table, weights: table.weights.map(() => 0n), spaceLog2: 8, residual: 256n };
      const rng = createTestRng(`residual ${max}`);
      const draws = Array.from({ length: 1_500 }, () => drawResidual(all, rng));
      assertFits(chiSquareOfDraws(draws, { pmf: exact, min: pmf.centre === 0 ? -max : 0, max }));
    }
  });

  it('gives what the weights leave: a mode cut to half comes back', () => {
    const table = createPmfTable(encloseSkellam(toRational(2)));
    const at = -table.kernel.first;
    const half = (table.weights[at] as bigint) >> 1n;
    const cut = table.weights.map((weight, i) => (i === at ? weight - half : weight));
    const rng = createTestRng('residual mode');
    const draws = Array.from({ length: 50 }, () =>
      drawResidual({ ...table, weights: cut, residual: table.residual + half }, rng),
    );
    expect(draws.every((x) => x === 0)).toBe(true);
  });
});

describe('createSkellam', () => {
  it('has exactly the Skellam probabilities, batched and plain, and the test sees a wrong variance', () => {
    for (const variance of [0.5, 4, 60]) {
      const rng = createTestRng(`skellam ${variance}`);
      const reach = Math.ceil(6 * Math.sqrt(variance)) + 3;
      const test = { pmf: skellamPmf(variance), min: -reach, max: reach };
      const batch = new Int32Array(300_000);
      createSkellam({ variance }).sampleInto(batch, rng);
      assertFits(chiSquareOfDraws(batch, test));
      const plain = Array.from({ length: 4_000 }, () => Number(sampleSkellam({ variance }, rng)));
      assertFits(chiSquareOfDraws(plain, test));
      // The classical fault: a variance of `variance` for each of the two Poisson numbers.
      createSkellam({ variance: 2 * variance }).sampleInto(batch, rng);
      assertRejected(chiSquareOfDraws(batch, test));
    }
  });

  it('adds up shares to the variance of the sum, beyond one table too', () => {
    const rng = createTestRng('skellam sum');
    const sum = new Int32Array(50_000);
    for (let share = 0; share < 10; share += 1) createSkellam({ variance: 1e5 }).addInto(sum, rng);
    assertVariance(sum, 1e6);
    const wide = new Int32Array(50_000);
    createSkellam({ variance: 2 ** 26 }).sampleInto(wide, rng);
    assertVariance(wide, 2 ** 26);
    expect(() => createSkellam({ variance: 2 ** 35 })).toThrow(RangeError);
    expect(() => createSkellam({ variance: 0 })).toThrow(RangeError);
  });
});

describe('samplePoisson', () => {
  it('has the Poisson probabilities below and above one, and the test sees a mean off by a tenth', () => {
    const rng = createTestRng('poisson numbers');
    for (const mean of [0.3, 2.6]) {
      let p = Math.exp(-mean);
      const pmf = [p];
      for (let k = 1; k < 20; k += 1) pmf.push((p *= mean / k));
      const draws = Array.from({ length: 8_000 }, () => Number(samplePoisson({ mean }, rng)));
      assertFits(chiSquareOfDraws(draws, { pmf: (k) => pmf[k] ?? 0, min: 0, max: 19 }));
      const wrong = Array.from({ length: 8_000 }, () => Number(samplePoisson({ mean: mean * 1.15 }, rng)));
      assertRejected(chiSquareOfDraws(wrong, { pmf: (k) => pmf[k] ?? 0, min: 0, max: 19 }));
    }
  });
});

describe('createBinomial', () => {
  it('has exactly the binomial probabilities, batched and plain, and the test sees one trial too many', () => {
    for (const [trials, probability] of [
      [10, 0.5],
      [60, 0.25],
      [100, 0.875],
    ] as const) {
      const rng = createTestRng(`binomial ${trials}`);
      const test = { pmf: binomialPmf(trials, probability), min: 0, max: trials };
      const batch = new Int32Array(300_000);
      createBinomial({ trials, probability }).sampleInto(batch, rng);
      assertFits(chiSquareOfDraws(batch, test));
      const plain = Array.from({ length: 2_000 }, () => sampleBinomial({ trials, probability }, rng));
      assertFits(chiSquareOfDraws(plain, test));
      createBinomial({ trials: trials + 1, probability }).sampleInto(batch, rng);
      assertRejected(chiSquareOfDraws(batch, test));
    }
  });

  it('sums tables for many trials, and knows the certain cases', () => {
    const rng = createTestRng('binomial wide');
    const trials = 2 ** 24 + 5;
    const wide = new Int32Array(20_000);
    createBinomial({ trials, probability: 0.5 }).sampleInto(wide, rng);
    assertVariance(
      Float64Array.from(wide, (x) => x - trials / 2),
      trials / 4,
    );
    expect(createBinomial({ trials: 7, probability: 1 }).sample(rng)).toBe(7);
    expect(createBinomial({ trials: 7, probability: 0 }).sample(rng)).toBe(0);
    expect(createBinomial({ trials: 0, probability: 0.5 }).sample(rng)).toBe(0);
    expect(() => createBinomial({ trials: -1, probability: 0.5 })).toThrow(RangeError);
    expect(() => createBinomial({ trials: 1, probability: 1.5 })).toThrow(RangeError);
  });
});
