import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  assertFits,
  assertRejected,
  assertVariance,
  chiSquareOfDraws,
  chiSquareTest,
  createTestRng,
  discreteGaussianPmf,
} from '../../../../test/statistical/assert.ts';
import { encloseExpNeg, toRational, type RationalLike } from '../../../foundations/numerics/index.ts';
import { createSeededRng, createSystemRng } from '../../../foundations/random/index.ts';
import { drawNoiseInto } from '../../../foundations/kernels/index.ts';
import { createAliasColumns } from './alias.ts';
import { createBlockTable, decideBlockDraw } from './block-table.ts';
import { createDiscreteGaussian } from './discrete-gaussian.ts';

const gaussianLaw = (variance: RationalLike) => {
  const { numerator, denominator } = toRational(variance);
  return {
    linear: { numerator: 0n, denominator: 1n },
    quadratic: { numerator: denominator, denominator: 2n * numerator },
  };
};

function drawMany(variance: number, count: number, name: string): Int32Array {
  const out = new Int32Array(count);
  createDiscreteGaussian({ variance }).sampleInto(out, createTestRng(name));
  return out;
}

describe('the alias table', () => {
  it('gives every item exactly its weight', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 24 }), { minLength: 1, maxLength: 255 }), (some) => {
        const weights = [...some, 2 ** 32 - some.reduce((a, b) => a + b, 0)];
        const columns = createAliasColumns(weights, { columnsLog2: 8, capacityLog2: 24 });
        const mass = weights.map(() => 0);
        for (let column = 0; column < 256; column += 1) {
          const own = columns[2 * column] as number;
          const other = columns[2 * column + 1] as number;
          if (own > 0) mass[column] = (mass[column] as number) + own;
          mass[other] = (mass[other] as number) + 2 ** 24 - own;
        }
        expect(mass).toEqual(weights);
      }),
    );
    expect(() => createAliasColumns([1, 2], { columnsLog2: 8, capacityLog2: 24 })).toThrow(RangeError);
  });
});

describe('the discrete Gaussian table', () => {
  const variances = fc.double({ min: 1e-3, max: 2 ** 52, noNaN: true });

  it('dominates the density in every block, squeezes below it and leaves a negligible tail', () => {
    fc.assert(
      fc.property(variances, fc.nat(254), (variance, pick) => {
        const sigma2 = toRational(variance);
        const { kernel, scale, weights } = createBlockTable(gaussianLaw(variance));
        expect(weights.reduce((a, b) => a + b, 1n)).toBe(1n << 32n);
        const k = pick % weights.length;
        const length = 1n << BigInt(kernel.lengthLog2);
        const gamma = (m: bigint) => ({ numerator: m * m * sigma2.denominator, denominator: 2n * sigma2.numerator });
        const first = encloseExpNeg(gamma(BigInt(k) * length), 256);
        const last = encloseExpNeg(gamma(BigInt(k + 1) * length - 1n), 256);
        const weight = weights[k] as bigint;
        // A·f(first) ≤ W_k, and squeeze/2^31 ≤ A·f(last)/W_k.
        expect(scale * first.high <= weight << 256n).toBe(true);
        expect((BigInt(kernel.squeezes[k] as number) * weight) << 225n <= scale * last.low + (1n << 225n)).toBe(true);
        const height = Number((scale * first.low) >> 128n) / Number(weight << 128n);
        expect(Math.abs((kernel.heights[k] as number) / height - 1)).toBeLessThan(1e-15);
        const tail = encloseExpNeg(gamma(BigInt(weights.length) * length), 256);
        expect(tail.high <= 1n << (256n - 46n)).toBe(true);
        // The error bound of the double test holds: t ≤ 0.51.
        const sigma = Math.sqrt(variance);
        const l = kernel.lengthLog2 === 0 ? 0 : 2 ** kernel.lengthLog2;
        expect((l * (2 * l * weights.length)) / (2 * sigma * sigma)).toBeLessThan(0.51);
      }),
      { numRuns: 40 },
    );
  });

  it('decides the tail with the right distribution', () => {
    const table = createBlockTable(gaussianLaw(0.5));
    // A table cut short on purpose: K = 2 instead of 6, so that the tail has mass to test. Its acceptance stays ≤ 1.
    const cut = { ...table, scale: 1n, weights: table.weights.slice(0, 2) };
    const rng = createTestRng('tail');
    const counts = [0, 0, 0, 0];
    let drawn = 0;
    while (drawn < 1_500) {
      const pending = { kind: 'tail', negative: false } as const;
      const x = decideBlockDraw(cut, pending, rng);
      if (x === undefined) continue;
      drawn += 1;
      counts[Math.min(x - 2, 3)] = (counts[Math.min(x - 2, 3)] as number) + 1;
    }
    const f = [2, 3, 4, 5].map((m) => Math.exp(-m * m));
    const total = f.reduce((a, b) => a + b, 0);
    assertFits(
      chiSquareTest(
        counts,
        f.map((v) => v / total),
      ),
    );
  });
});

describe('the three ways to decide a draw', () => {
  it('agree: without the squeeze every draw goes through the double test and keeps its distribution', () => {
    const table = createBlockTable(gaussianLaw(10_000.5));
    const kernel = { ...table.kernel, squeezes: new Uint32Array(table.kernel.squeezes.length) };
    const rng = createTestRng('no squeeze');
    const out = new Int32Array(400_000);
    drawNoiseInto(out, kernel, { key: rng.bytes(32), decide: (draw) => decideBlockDraw(table, draw, rng) });
    assertFits(chiSquareOfDraws(out, { pmf: discreteGaussianPmf(10_000.5), min: -450, max: 450 }));
    const lower = { ...kernel, heights: kernel.heights.map((h, k) => (k === 10 ? h * 0.8 : h)) };
    drawNoiseInto(out, lower, { key: rng.bytes(32), decide: (draw) => decideBlockDraw(table, draw, rng) });
    assertRejected(chiSquareOfDraws(out, { pmf: discreteGaussianPmf(10_000.5), min: -450, max: 450 }));
  });

  it('settle a draw inside the error band by the exact probability', () => {
    const table = createBlockTable(gaussianLaw(1e10));
    const rng = createTestRng('band');
    for (const [block, offset] of [
      [0, 5],
      [7, 123],
      [100, 4000],
    ] as const) {
      const m = BigInt((table.kernel.bases[block] as number) + offset);
      const { low } = encloseExpNeg({ numerator: m * m, denominator: 20_000_000_000n }, 256);
      const uniform = (low * table.scale) / ((table.weights[block] as bigint) << 193n);
      const decide = (by: bigint, negative = false) =>
        decideBlockDraw(table, { kind: 'band', block, offset, negative, uniform: uniform + by }, rng);
      expect(decide(-1n)).toBe(Number(m));
      expect(decide(-1n, true)).toBe(-Number(m));
      expect(decide(1n)).toBeUndefined();
    }
  });
});

describe('createDiscreteGaussian', () => {
  it('has exactly the discrete Gaussian probabilities at small and large variances', () => {
    for (const variance of [0.05, 0.5, 1, 9, 100, 400.5, 1e4]) {
      const reach = Math.ceil(6 * Math.sqrt(variance)) + 1;
      const sample = drawMany(variance, 400_000, `pmf ${variance}`);
      assertFits(chiSquareOfDraws(sample, { pmf: discreteGaussianPmf(variance), min: -reach, max: reach }));
    }
  });

  it('keeps every residue equally likely when the deviation is far above the grid', () => {
    const sample = drawMany(1e12, 400_000, 'residues');
    const counts = Array.from({ length: 64 }, () => 0);
    for (const x of sample) counts[x & 63] = (counts[x & 63] as number) + 1;
    assertFits(
      chiSquareTest(
        counts,
        counts.map(() => 1 / 64),
      ),
    );
  });

  it('has the shape of the normal at σ = 10^6, and its variance', () => {
    const sigma = 1e6;
    const sample = drawMany(sigma * sigma, 400_000, 'shape');
    assertVariance(sample, sigma * sigma);
    const cells = (values: Iterable<number>) =>
      chiSquareOfDraws(
        Array.from(values, (x) => Math.floor((x / sigma) * 10)),
        { pmf: (cell) => normalCell(cell / 10, (cell + 1) / 10), min: -50, max: 49 },
      );
    assertFits(cells(sample));
    assertRejected(cells(sample.map((x) => Math.trunc(x * 1.02))));
  });

  it('is seen when it is wrong: deviation for variance, off by one, a doubled zero', () => {
    const test = { pmf: discreteGaussianPmf(9), min: -18, max: 18 };
    assertRejected(chiSquareOfDraws(drawMany(3, 100_000, 'fault 1'), test));
    assertRejected(
      chiSquareOfDraws(
        drawMany(9, 100_000, 'fault 2').map((x) => x + 1),
        test,
      ),
    );
    const zeros = drawMany(9, 100_000, 'fault 3').map((x, i) => (i % 20 === 0 ? 0 : x));
    assertRejected(chiSquareOfDraws(zeros, test));
  });

  it('adds what it samples, follows its seed and never repeats with entropy', () => {
    const noise = createDiscreteGaussian({ variance: 1000 });
    const base = Int32Array.from({ length: 50_000 }, (_, i) => i - 7);
    const sampled = new Int32Array(base.length);
    noise.sampleInto(sampled, createSeededRng('a'));
    const added = base.slice();
    noise.addInto(added, createSeededRng('a'));
    expect(added).toEqual(base.map((x, i) => x + (sampled[i] as number)));
    const other = new Int32Array(base.length);
    const rng = createSystemRng();
    noise.sampleInto(other, rng);
    expect(other).not.toEqual(sampled);
    noise.sampleInto(sampled, rng);
    expect(other).not.toEqual(sampled);
    expect(Number.isInteger(noise.sample(rng))).toBe(true);
    noise.sampleInto(new Int32Array(0), rng);
  });

  it('keeps draws of different sources apart', () => {
    const rng = createTestRng('interleaved');
    const narrow = createDiscreteGaussian({ variance: 1 });
    const wide = createDiscreteGaussian({ variance: 1e8 });
    const a = Array.from({ length: 2_000 }, () => [narrow.sample(rng), wide.sample(rng)] as const);
    assertVariance(
      a.map((pair) => pair[1]),
      1e8,
    );
    expect(Math.max(...a.map((pair) => Math.abs(pair[0])))).toBeLessThan(10);
  });

  it('refuses variances outside (0, 2^52]', () => {
    for (const variance of [0, -1, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => createDiscreteGaussian({ variance })).toThrow(RangeError);
    }
    expect(createDiscreteGaussian({ variance: { numerator: 1n, denominator: 4n } }).variance).toBe(0.25);
    expect(createDiscreteGaussian({ variance: 9n }).variance).toBe(9);
  });
});

function normalCell(low: number, high: number): number {
  // Simpson's rule on a tenth of a deviation: an error below 1e-10.
  const density = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  let sum = 0;
  for (let i = 0; i < 8; i += 1) {
    const a = low + ((high - low) * i) / 8;
    const b = low + ((high - low) * (i + 1)) / 8;
    sum += ((b - a) / 6) * (density(a) + 4 * density((a + b) / 2) + density(b));
  }
  return sum;
}
