import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { compareRational, type Rational, rationalToNumber, toRational } from '../../../foundations/numerics/index.ts';
import { computeOneRunEpsilon, computeOneRunPValue } from './one-run.ts';

const numRuns = process.env.SLOW === '1' ? 2000 : 100;

/**
 * The bound of [SNJ23] for e^ε = odds in whole numbers: sums of C(r, k) odds^k over (1 + odds)^r, nothing rounded.
 */
function exactPValue(
  { canaries, guesses, correct }: { canaries: number; guesses: number; correct: number },
  { odds, delta }: { odds: bigint; delta: number },
): Rational {
  const whole = (1n + odds) ** BigInt(guesses);
  const weights: bigint[] = [];
  let binomial = 1n;
  for (let k = 0; k <= guesses; k += 1) {
    weights.push(binomial * odds ** BigInt(k));
    binomial = (binomial * BigInt(guesses - k)) / BigInt(k + 1);
  }
  const tail = weights.slice(correct).reduce((sum, weight) => sum + weight, 0n);
  let most: Rational = { numerator: 0n, denominator: 1n };
  let below = 0n;
  for (let i = 1; i <= correct; i += 1) {
    below += weights[correct - i] as bigint;
    const mean = { numerator: below, denominator: BigInt(i) };
    if (compareRational(mean, most) > 0) most = mean;
  }
  const share = toRational(2 * canaries * delta, 'delta');
  const denominator = whole * most.denominator * share.denominator;
  return {
    numerator: tail * most.denominator * share.denominator + most.numerator * share.numerator,
    denominator,
  };
}

/** m ≥ r ≥ v. */
const seen = fc
  .record({
    canaries: fc.integer({ min: 1, max: 300 }),
    a: fc.double({ min: 0, max: 1, noNaN: true }),
    b: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ canaries, a, b }) => {
    const guesses = Math.max(1, Math.round(a * canaries));
    return { canaries, guesses, correct: Math.round((0.5 + b / 2) * guesses) };
  });
const terms = { delta: 1e-5, significance: 0.05 };

describe('the bound of one run', () => {
  it('is that of the paper: appendix D and §7 of arXiv 2305.08846v1 print 0.673 and 2.675', () => {
    const first = computeOneRunEpsilon(
      { canaries: 1000, guesses: 100, correct: 75 },
      { delta: 1e-4, significance: 0.05 },
    );
    const second = computeOneRunEpsilon({ canaries: 100_000, guesses: 1510, correct: 1439 }, terms);
    // The paper rounds the one and cuts the other.
    expect(Math.abs(first - 0.673)).toBeLessThan(5e-4);
    expect(Math.floor(second * 1000)).toBe(2675);
  });

  it('equals exact sums of rational numbers, rounded up', () => {
    fc.assert(
      fc.property(
        seen,
        fc.bigInt({ min: 1n, max: 60n }),
        fc.constantFrom(0, 1e-9, 1e-5, 1e-3),
        (guessed, odds, delta) => {
          const epsilon = Math.log(Number(odds));
          const exact = Math.min(1, rationalToNumber(exactPValue(guessed, { odds, delta })));
          const computed = computeOneRunPValue(guessed, { epsilon, delta });
          expect(computed).toBeGreaterThanOrEqual(exact * (1 - 1e-15));
          expect(computed).toBeLessThanOrEqual(exact * (1 + 1e-7));
        },
      ),
      { numRuns },
    );
  });

  it('refutes more the more guesses are right, and less at a larger δ or a smaller significance', () => {
    fc.assert(
      fc.property(seen, ({ canaries, guesses, correct }) => {
        fc.pre(correct < guesses);
        const at = (correct: number, changed: Partial<typeof terms> = {}): number =>
          computeOneRunEpsilon({ canaries, guesses, correct }, { ...terms, ...changed });
        const here = at(correct);
        expect(at(correct + 1)).toBeGreaterThanOrEqual(here);
        expect(at(correct, { delta: 1e-4 })).toBeLessThanOrEqual(here + 1e-9);
        expect(at(correct, { significance: 1e-3 })).toBeLessThanOrEqual(here);
      }),
      { numRuns: Math.min(numRuns, 100) },
    );
  });

  it('refutes an interval that begins at 0, which bisection relies on, however large 2mδ is', () => {
    const range = (max: number) => fc.double({ min: 0, max, noNaN: true });
    fc.assert(
      fc.property(seen, range(8), range(2), range(20), (guessed, epsilon, more, c) => {
        const delta = Math.min(1, c / (2 * guessed.canaries));
        const low = computeOneRunPValue(guessed, { epsilon, delta });
        const high = computeOneRunPValue(guessed, { epsilon: epsilon + more, delta });
        expect(high).toBeGreaterThanOrEqual(Math.min(low, 1 / 8) * (1 - 1e-7));
      }),
      { numRuns },
    );
  });

  it('proves nothing from half of the guesses, nor where δ leaves nothing to prove', () => {
    expect(computeOneRunEpsilon({ canaries: 100, guesses: 100, correct: 50 }, terms)).toBe(0);
    expect(computeOneRunEpsilon({ canaries: 100, guesses: 0, correct: 0 }, terms)).toBe(0);
    const much = { canaries: 1000, guesses: 1000, correct: 1000 };
    expect(computeOneRunEpsilon(much, { delta: 0.5, significance: 0.05 })).toBe(0);
    // All right: q^1000 = 0.05 without δ.
    const all = computeOneRunEpsilon(much, { delta: 0, significance: 0.05 });
    const q = 0.05 ** (1 / 1000);
    expect(Math.abs(all - Math.log(q / (1 - q)))).toBeLessThan(1e-6);
  });
});
