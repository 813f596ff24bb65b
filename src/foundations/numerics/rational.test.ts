import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encloseExpNeg, encloseNegLog } from './enclosure.ts';
import { compareRational, floorRational, isqrt, rationalToNumber, roundRational, toRational } from './rational.ts';

const double = fc.double({ noNaN: true, noDefaultInfinity: true });

describe('rationals', () => {
  it('carry the exact value of a double', () => {
    fc.assert(
      fc.property(double, (x) => {
        expect(rationalToNumber(toRational(x))).toBe(x === 0 ? 0 : x);
      }),
    );
    expect(toRational(0.1)).toEqual({ numerator: 3602879701896397n, denominator: 36028797018963968n });
  });

  it('compare, floor and round as numbers do', () => {
    const small = fc.record({ n: fc.bigInt({ min: -1000n, max: 1000n }), d: fc.bigInt({ min: 1n, max: 50n }) });
    fc.assert(
      fc.property(small, small, (a, b) => {
        const x = { numerator: a.n, denominator: a.d };
        const y = { numerator: b.n, denominator: b.d };
        expect(Math.sign(compareRational(x, y))).toBe(Math.sign(Number(a.n * b.d - b.n * a.d)));
        expect(floorRational(x)).toBe(BigInt(Math.floor(Number(a.n) / Number(a.d))));
        const rounded = Number(roundRational(x));
        expect(Math.abs(rounded - Number(a.n) / Number(a.d))).toBeLessThanOrEqual(0.5);
      }),
    );
    expect(roundRational({ numerator: 5n, denominator: 2n })).toBe(2n);
    expect(roundRational({ numerator: -3n, denominator: 2n })).toBe(-2n);
  });

  it('take integer square roots downwards', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 200n }), (x) => {
        const root = isqrt(x);
        expect(root * root <= x && (root + 1n) * (root + 1n) > x).toBe(true);
      }),
    );
  });

  it('refuse infinities and zero denominators', () => {
    expect(() => toRational(Number.POSITIVE_INFINITY)).toThrow(RangeError);
    expect(() => toRational({ numerator: 1n, denominator: 0n })).toThrow(RangeError);
  });
});

describe('the enclosure of exp(−γ)', () => {
  // python: decimal.getcontext().prec = 120; int(Decimal(-1).exp() * Decimal(2) ** 200)
  it('holds exp(−1) to 200 bits', () => {
    const exact = BigInt('591159469719127790758744807061999149352778335726896066016048');
    const { low, high } = encloseExpNeg({ numerator: 1n, denominator: 1n }, 200);
    expect(low <= exact && exact <= high && high - low <= 3n).toBe(true);
  });

  it('is consistent between precisions and never inverted', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 1n << 40n }),
        fc.bigInt({ min: 1n, max: 1n << 32n }),
        fc.integer({ min: 1, max: 300 }),
        (numerator, denominator, bits) => {
          const coarse = encloseExpNeg({ numerator, denominator }, bits);
          const fine = encloseExpNeg({ numerator, denominator }, bits + 64);
          expect(coarse.high - coarse.low <= 3n).toBe(true);
          expect(coarse.low << 64n <= fine.high && fine.low <= coarse.high << 64n).toBe(true);
          const approximate = Math.exp(-Number(numerator) / Number(denominator)) * 2 ** bits;
          const slack = 4 + approximate * 1e-9;
          expect(Number(coarse.low)).toBeLessThanOrEqual(approximate + slack);
          expect(Number(coarse.high)).toBeGreaterThanOrEqual(approximate - slack);
        },
      ),
    );
  });
});

describe('the enclosure of −ln u', () => {
  // python: decimal.getcontext().prec = 120; int(-(Decimal(3) / Decimal(1000)).ln() * Decimal(2) ** 200)
  it('holds −ln 0.003 to 200 bits', () => {
    const exact = 9334932875676045616423508307311137320185456743807595975720431n;
    const { low, high } = encloseNegLog({ numerator: 3n, denominator: 1000n }, 200);
    expect(low <= exact && exact <= high && high - low <= 3n).toBe(true);
    expect(encloseNegLog({ numerator: 1n, denominator: 1n }, 64).low).toBe(0n);
    expect(() => encloseNegLog({ numerator: 2n, denominator: 1n }, 64)).toThrow(RangeError);
  });

  it('is consistent between precisions and with doubles', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 1n << 80n }),
        fc.bigInt({ min: 0n, max: 1n << 80n }),
        fc.integer({ min: 1, max: 200 }),
        (numerator, more, bits) => {
          const u = { numerator, denominator: numerator + more };
          const coarse = encloseNegLog(u, bits);
          const fine = encloseNegLog(u, bits + 64);
          expect(coarse.high - coarse.low <= 3n).toBe(true);
          expect(coarse.low << 64n <= fine.high && fine.low <= coarse.high << 64n).toBe(true);
          const approximate = Math.log(Number(u.denominator) / Number(numerator));
          expect(Math.abs(Number(fine.low) / 2 ** (bits + 64) - approximate)).toBeLessThan(1e-12 * (1 + approximate));
        },
      ),
    );
  });
});
