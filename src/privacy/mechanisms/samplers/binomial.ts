/**
 * Binomial numbers, batched and exact: the classical integer noise of secure aggregation before Skellam, and the counts
 * of randomized reports. [DKMMN06] §3
 *
 * @module
 */

import {
  assertInteger,
  floorRational,
  rationalToNumber,
  toRational,
  type Rational,
  type RationalLike,
} from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { sampleBernoulli } from './exact-samplers.ts';
import { createSummedNoise, type IntegerNoise } from './integer-noise.ts';
import { createPmfNoise, createPmfTable, normalise, type EnclosedPmf, type PmfTable } from './pmf-table.ts';
import { reachOf } from './skellam.ts';

/** Binomial numbers with their exact parameters. */
export interface Binomial extends IntegerNoise {
  readonly trials: number;
  readonly probability: number;
}

/** Trials of one table; more are drawn as a sum. */
const MAX_TABLE_TRIALS = 2 ** 24;

/**
 * The enclosed binomial probabilities, from their exact ratios C(n, k+1)p/(C(n, k)(1−p)) = (n−k)·p/((k+1)·(1−p)) on both
 * sides of the mode, rounded outwards; beyond the window the ratios only fall, so the rest is below a geometric series.
 */
export function encloseBinomial(trials: number, { numerator: p, denominator }: Rational): EnclosedPmf {
  const q = denominator - p;
  const n = BigInt(trials);
  const mode = Number(floorRational({ numerator: (n + 1n) * p, denominator }));
  const centre = Math.min(mode, trials);
  const variance = trials * rationalToNumber({ numerator: p * q, denominator: denominator * denominator });

  /** Weights of k = centre + 1, centre + 2, … (or downwards), relative to the centre's, and a bound of the rest. */
  function walk(reach: number, work: bigint, down: boolean) {
    const low = [1n << work];
    const high = [1n << work];
    const last = Math.min(reach, down ? centre : trials - centre);
    let outside = 0n;
    for (let i = 1; i <= last + 1; i += 1) {
      const k = BigInt(down ? centre - i : centre + i);
      const top = down ? (k + 1n) * q : (n - k + 1n) * p;
      const bottom = down ? (n - k) * p : k * q;
      if (top <= 0n || k < 0n || k > n) break;
      const highHere = ((high[i - 1] as bigint) * top) / bottom + 1n;
      if (i <= last) {
        low.push(((low[i - 1] as bigint) * top) / bottom);
        high.push(highHere);
      } else if (top >= bottom) throw new RangeError('the binomial window is too narrow');
      else outside = (highHere * bottom) / (bottom - top) + 1n;
    }
    return { low, high, outside };
  }

  return {
    centre,
    enclose(bits) {
      const reach = reachOf(variance, bits);
      const work = BigInt(bits + 2 * reach.toString(2).length + 24);
      const up = walk(reach, work, false);
      const down = walk(reach, work, true);
      return normalise(
        centre - down.low.length + 1,
        {
          low: [...down.low.slice(1).reverse(), ...up.low],
          high: [...down.high.slice(1).reverse(), ...up.high],
          outside: up.outside + down.outside,
        },
        bits,
      );
    },
  };
}

const tables = new Map<string, PmfTable>();

function tableOf(trials: number, probability: Rational): PmfTable {
  const key = `${trials} ${probability.numerator}/${probability.denominator}`;
  let table = tables.get(key);
  if (table === undefined) {
    table = createPmfTable(encloseBinomial(trials, probability));
    if (tables.size >= 8) tables.clear();
    tables.set(key, table);
  }
  return table;
}

function readProbability(probability: RationalLike): Rational {
  const rational = toRational(probability, 'probability');
  if (rational.numerator < 0n || rational.numerator > rational.denominator) {
    throw new RangeError(`"probability" must be in [0, 1], got ${rationalToNumber(rational)}`);
  }
  return rational;
}

/**
 * Creates a source of binomial numbers.
 * @param options - `trials`, an integer in [0, 2^31); `probability` of success, a rational in [0, 1] taken exactly.
 * @throws {RangeError} when a parameter is out of range.
 */
export function createBinomial({ trials, probability }: { trials: number; probability: RationalLike }): Binomial {
  assertInteger(trials, 'trials', { max: 2 ** 31 - 1 });
  const rational = readProbability(probability);
  const described = { trials, probability: rationalToNumber(rational) };
  const certain = rational.numerator === 0n ? 0 : rational.numerator === rational.denominator ? trials : undefined;
  if (certain !== undefined || trials === 0) return { ...described, ...createConstant(certain ?? 0) };
  const parts = Math.ceil(trials / MAX_TABLE_TRIALS);
  const each = Math.floor(trials / parts);
  const rest = trials - each * parts;
  const common = createSummedNoise(createPmfNoise(tableOf(each, rational)), parts);
  return { ...described, ...(rest === 0 ? common : addNoises(common, createPmfNoise(tableOf(rest, rational)))) };
}

function createConstant(value: number): IntegerNoise {
  return {
    sample: () => value,
    sampleInto: (out) => void out.fill(value),
    addInto(values) {
      for (let i = 0; i < values.length; i += 1) values[i] = (values[i] as number) + value;
    },
  };
}

function addNoises(a: IntegerNoise, b: IntegerNoise): IntegerNoise {
  return {
    sample: (rng) => a.sample(rng) + b.sample(rng),
    sampleInto(out, rng) {
      a.sampleInto(out, rng);
      b.addInto(out, rng);
    },
    addInto(values, rng) {
      a.addInto(values, rng);
      b.addInto(values, rng);
    },
  };
}

/** Draws a binomial number with exact coins, one a trial: the plain form. */
export function sampleBinomial(
  { trials, probability }: { trials: number; probability: RationalLike },
  rng: Rng,
): number {
  assertInteger(trials, 'trials');
  const rational = readProbability(probability);
  let successes = 0;
  for (let i = 0; i < trials; i += 1) if (sampleBernoulli(rational, rng)) successes += 1;
  return successes;
}
