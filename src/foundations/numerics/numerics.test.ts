import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { clopperPearsonUpper, logBinomialUpperTail } from './binomial.ts';
import { createRealFft } from './fft.ts';
import { logBinomial, logFactorial, logGamma } from './gamma.ts';
import { createGaussLegendre } from './gauss-legendre.ts';
import { log1mExp, log1pExp, logAddExp, logExpm1, logSubExp, logSumExp } from './log-space.ts';
import { erfc, erfcx, logErfc, logNormalCdf, normalCdf, normalQuantile, normalQuantileFromLog } from './normal.ts';
import { findFirstInteger, narrowBracket } from './roots.ts';

const assertClose = (value: number, wanted: number, tolerance: number): void =>
  expect(Math.abs(value - wanted), `${value} against ${wanted}`).toBeLessThanOrEqual(tolerance * Math.abs(wanted));

describe('log space', () => {
  it('adds and subtracts without overflow', () => {
    assertClose(logAddExp(1000, 1000), 1000 + Math.LN2, 1e-15);
    expect(logAddExp(-Infinity, -5)).toBe(-5);
    assertClose(logSubExp(logAddExp(3, 2), 2), 3, 1e-14);
    expect(logSubExp(4, 4)).toBe(-Infinity);
    expect(() => logSubExp(1, 2)).toThrow(RangeError);
    assertClose(logSumExp([700, 710, -Infinity]), 710 + Math.log1p(Math.exp(-10)), 1e-15);
    expect(logSumExp([])).toBe(-Infinity);
  });

  it('keeps tiny differences', () => {
    assertClose(log1mExp(-1e-20), Math.log(1e-20), 1e-14);
    assertClose(logExpm1(1e-20), Math.log(1e-20), 1e-14);
    assertClose(logExpm1(800), 800, 1e-15);
    assertClose(log1pExp(-50), Math.exp(-50), 1e-14);
  });
});

describe('the normal distribution', () => {
  it('meets 40-digit values', () => {
    // mpmath 1.3, 40 digits: erfc(x), exp(x²)·erfc(x), log(erfc(x))
    const rows = [
      [0.2, 0.7772974107895215, 0.8090195199015807, -0.2519322337826167],
      [1, 0.15729920705028513, 0.427583576155807, -1.8496055099332482],
      [4.01, 1.4196939421371052e-8, 0.13667636742994915, -18.07023942927619],
      [8, 1.1224297172982926e-29, 0.06998516620088092, -66.65947197080516],
      [15, 7.212994172451207e-100, 0.03752960638850576, -228.28262515380638],
    ] as const;
    for (const [x, complement, scaled, log] of rows) {
      assertClose(erfc(x), complement, 4e-15);
      assertClose(erfcx(x), scaled, 4e-15);
      assertClose(logErfc(x), log, 4e-15);
    }
    assertClose(erfc(-1), 2 - 0.15729920705028513, 1e-15);
    assertClose(logErfc(1e-10), -1.1283791671591746e-10, 1e-14);
    assertClose(erfcx(1e9), 1 / (1e9 * Math.sqrt(Math.PI)), 1e-15);
  });

  it('inverts its own tail down to 1e-4000', () => {
    for (const logP of [-1e-8, -0.1, -0.69, -0.7, -1, -5, -300, -9210]) {
      assertClose(logNormalCdf(normalQuantileFromLog(logP)), logP, 4e-14);
    }
    for (const p of [1e-300, 1e-10, 0.3, 0.5, 0.9, 1 - 1e-12]) assertClose(normalCdf(normalQuantile(p)), p, 5e-13);
    expect(() => normalQuantileFromLog(0)).toThrow(RangeError);
  });
});

describe('gamma', () => {
  it('meets known values', () => {
    assertClose(logGamma(0.5), Math.log(Math.PI) / 2, 1e-14);
    assertClose(logGamma(1e6), 12815504.569147611, 1e-15);
    assertClose(logFactorial(2000), logGamma(2001), 1e-15);
    assertClose(logBinomial(100, 50), Math.log(1.0089134454556415e29), 1e-15);
    expect(logBinomial(5, 6)).toBe(-Infinity);
    expect(() => logGamma(0)).toThrow(RangeError);
  });
});

describe('binomial tails', () => {
  it('sum to one with what is left, far out too', () => {
    const of = { trials: 40, probability: 0.2 };
    for (let k = 0; k <= 41; k += 1) {
      let direct = 0;
      for (let i = k; i <= 40; i += 1)
        direct += Math.exp(logBinomial(40, i) + i * Math.log(0.2) + (40 - i) * Math.log(0.8));
      expect(Math.exp(logBinomialUpperTail(k, of))).toBeCloseTo(direct, 13);
    }
    assertClose(logBinomialUpperTail(40, of), 40 * Math.log(0.2), 1e-14);
  });

  it('bounds a proportion', () => {
    // scipy.stats.beta.ppf(0.975, 4, 7)
    assertClose(clopperPearsonUpper(3, 10, 0.025), 0.6524528500599973, 1e-11);
    assertClose(clopperPearsonUpper(0, 100, 0.05), 1 - 0.05 ** 0.01, 1e-11);
    expect(clopperPearsonUpper(10, 10, 0.05)).toBe(1);
  });
});

describe('roots', () => {
  it('narrows to neighbouring doubles and keeps the signs', () => {
    const { low, high } = narrowBracket((x) => x * x - 2, { low: 0, high: 5 });
    expect(low * low).toBeLessThanOrEqual(2);
    expect(high * high).toBeGreaterThan(2);
    expect(high - low).toBeLessThan(1e-14);
    expect(() => narrowBracket((x) => x + 10, { low: 0, high: 1 })).toThrow(RangeError);
    expect(() => narrowBracket(() => Number.NaN, { low: 0, high: 1 })).toThrow(RangeError);
  });

  it('narrows steep and flat functions alike', () => {
    for (const f of [
      (x: number) => Math.exp(50 * x) - 1e10,
      (x: number) => x ** 9 - 1e-9,
      (x: number) => Math.sign(x - 0.3),
    ]) {
      const { low, high } = narrowBracket(f, { low: 0, high: 1 }, { tolerance: 1e-12 });
      expect(f(low)).toBeLessThanOrEqual(0);
      expect(f(high)).toBeGreaterThan(0);
      expect(high - low).toBeLessThanOrEqual(1e-12);
    }
  });

  it('finds the first integer', () => {
    expect(findFirstInteger((n) => n * n >= 50, { low: 0, high: 100 })).toBe(8);
    expect(findFirstInteger(() => false, { low: 0, high: 9 })).toBe(10);
  });
});

describe('the transform of real sequences', () => {
  it('agrees with the definition', () => {
    for (const length of [4, 8, 32, 128]) {
      const signal = Float64Array.from({ length }, (_, i) => Math.sin(i * i * 1.3) + (i % 7));
      const fft = createRealFft(length);
      const spectrum = fft.createSpectrum();
      fft.forward(signal, spectrum);
      for (let k = 0; k <= length / 2; k += 1) {
        let re = 0;
        let im = 0;
        signal.forEach((value, j) => {
          const angle = (-2 * Math.PI * ((j * k) % length)) / length;
          re += value * Math.cos(angle);
          im += value * Math.sin(angle);
        });
        expect(Math.hypot(re - spectrum.re[k]!, im - spectrum.im[k]!)).toBeLessThan(1e-11);
      }
    }
    expect(() => createRealFft(12)).toThrow(RangeError);
  });

  it('undoes itself', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 64, maxLength: 64 }), (values) => {
        const fft = createRealFft(64);
        const spectrum = fft.createSpectrum();
        const out = new Float64Array(64);
        fft.forward(Float64Array.from(values), spectrum);
        fft.inverse(spectrum, out);
        out.forEach((value, i) => expect(Math.abs(value - values[i]!)).toBeLessThan(1e-14));
      }),
      { numRuns: 30 },
    );
  });
});

describe('Gauss–Legendre', () => {
  it('integrates polynomials of twice its degree', () => {
    for (const count of [1, 2, 5, 12]) {
      const { nodes, weights } = createGaussLegendre(count);
      for (let power = 0; power < 2 * count; power += 1) {
        const sum = nodes.reduce((total, node, i) => total + weights[i]! * node ** power, 0);
        assertClose(sum, 1 / (power + 1), 1e-13);
      }
    }
  });
});
