/**
 * Skellam noise: the difference of two Poisson numbers of mean variance/2, P(x) = e^−V·I_x(V). Closed under sums, so that
 * shares of it add up to exactly what is charged. [AKL21]
 *
 * @module
 */

import {
  addRational,
  floorRational,
  rationalToNumber,
  reduceRational,
  toPositiveRational,
  type Rational,
  type RationalLike,
} from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { sampleBernoulli } from './exact-samplers.ts';
import { createSummedNoise, type IntegerNoise } from './integer-noise.ts';
import { createPmfNoise, createPmfTable, normalise, type EnclosedPmf, type PmfTable } from './pmf-table.ts';

/** Skellam noise with its exact parameter. */
export interface Skellam extends IntegerNoise {
  readonly variance: number;
}

/** Above this the noise is drawn as a sum of equal parts. */
const MAX_TABLE_VARIANCE = 1n << 24n;
const MAX_PARTS = 1n << 10n;

/** A reach N with P(|X| > N) below 2^−bits by Bernstein's bound; the enclosure proves it again by itself. */
export function reachOf(variance: number, bits: number): number {
  const wanted = (bits + 4) * Math.LN2;
  // N²/(2(V + N/3)) ≥ wanted.
  return Math.ceil(wanted / 3 + Math.sqrt((wanted / 3) ** 2 + 2 * wanted * variance)) + 2;
}

/**
 * The enclosed Skellam probabilities. The ratios r_x = I_{x+1}/I_x follow from r_{x−1} = 1/(2x/V + r_x) ([DLMF]
 * 10.29.1), downwards from 0 ≤ r < min(1, V/(2x + 2)) at twice the reach, with both ends rounded outwards; the map
 * contracts, so the ends meet. I_x/I_0 is their product, and beyond the window the ratios only fall ([Amos74]), so the
 * rest is below a geometric series.
 */
export function encloseSkellam(variance: Rational): EnclosedPmf {
  const { numerator, denominator } = variance;
  return {
    centre: 0,
    enclose(bits) {
      const reach = reachOf(rationalToNumber(variance), bits);
      const work = BigInt(bits + 2 * reach.toString(2).length + 24);
      const one = 1n << work;
      const lowRatio: bigint[] = [];
      const highRatio: bigint[] = [];
      const start = 2 * reach;
      let low = 0n;
      let high = (one * numerator) / (denominator * BigInt(2 * start + 2)) + 1n;
      if (high > one) high = one;
      for (let x = start; x > 0; x -= 1) {
        const step = ((BigInt(2 * x) * denominator) << work) / numerator;
        [low, high] = [(one * one) / (step + 1n + high), (one * one) / (step + low) + 1n];
        if (x - 1 <= reach) {
          lowRatio[x - 1] = low;
          highRatio[x - 1] = high;
        }
      }
      const lowSide = [one];
      const highSide = [one];
      for (let x = 1; x <= reach; x += 1) {
        lowSide.push(((lowSide[x - 1] as bigint) * (lowRatio[x - 1] as bigint)) >> work);
        highSide.push((((highSide[x - 1] as bigint) * (highRatio[x - 1] as bigint)) >> work) + 1n);
      }
      const outer = highRatio[reach] as bigint;
      if (outer >= one) throw new RangeError('the Skellam window is too narrow');
      const outside = 2n * (((highSide[reach] as bigint) * outer) / (one - outer) + 1n);
      const mirror = (side: readonly bigint[]) => [...side.slice(1).reverse(), ...side];
      return normalise(-reach, { low: mirror(lowSide), high: mirror(highSide), outside }, bits);
    },
  };
}

const tables = new Map<string, PmfTable>();

/**
 * Creates a source of Skellam noise.
 * Guarantee: none by itself; added to an integer vector it costs what the accountant computes from a `skellam` event.
 * @param options - `variance`, a rational in (0, 2^34]; beyond 2^24 a draw is a sum of draws and slower in proportion.
 * @throws {RangeError} when the variance is out of range.
 * @see [AKL21] arXiv 2110.04995
 */
export function createSkellam({ variance }: { variance: RationalLike }): Skellam {
  const rational = toPositiveRational(variance, 'variance');
  const parts =
    floorRational({
      numerator: rational.numerator - 1n,
      denominator: rational.denominator * MAX_TABLE_VARIANCE,
    }) + 1n;
  if (parts > MAX_PARTS) throw new RangeError(`"variance" must be at most 2^34, got ${rationalToNumber(rational)}`);
  const part = reduceRational({ numerator: rational.numerator, denominator: rational.denominator * parts });
  const key = `${part.numerator}/${part.denominator}`;
  let table = tables.get(key);
  if (table === undefined) {
    table = createPmfTable(encloseSkellam(part));
    if (tables.size >= 8) tables.clear();
    tables.set(key, table);
  }
  return { variance: rationalToNumber(rational), ...createSummedNoise(createPmfNoise(table), Number(parts)) };
}

/**
 * Draws a Poisson number with exact arithmetic: a sum of Poisson numbers of mean at most one, each a geometric(1/2)
 * number k accepted with probability (2·mean)^k / (2·k!), which is at most one.
 */
export function samplePoisson({ mean }: { mean: RationalLike }, rng: Rng): bigint {
  const rational = toPositiveRational(mean, 'mean');
  const whole = floorRational(rational);
  let sum = 0n;
  for (let i = 0n; i < whole; i += 1n) sum += smallPoisson({ numerator: 1n, denominator: 1n }, rng);
  const rest = addRational(rational, { numerator: -whole, denominator: 1n });
  return rest.numerator === 0n ? sum : sum + smallPoisson(rest, rng);
}

function smallPoisson({ numerator, denominator }: Rational, rng: Rng): bigint {
  for (;;) {
    let k = 0n;
    let acceptance: Rational = { numerator: 1n, denominator: 2n };
    while ((rng.uint32() & 1) === 1) {
      k += 1n;
      acceptance = {
        numerator: acceptance.numerator * 2n * numerator,
        denominator: acceptance.denominator * denominator * k,
      };
    }
    if (sampleBernoulli(acceptance, rng)) return k;
  }
}

/** Draws a Skellam number with exact arithmetic, in time proportional to the variance: the plain form. */
export function sampleSkellam({ variance }: { variance: RationalLike }, rng: Rng): bigint {
  const rational = toPositiveRational(variance, 'variance');
  const mean = { numerator: rational.numerator, denominator: 2n * rational.denominator };
  return samplePoisson({ mean }, rng) - samplePoisson({ mean }, rng);
}
