/**
 * Private quantiles by the exponential mechanism over all grid points of the bounds. [Smith11]
 *
 * @module
 */

import { composed, exponential, type DpEvent } from '../../accounting/index.ts';
import {
  addRational,
  assertPositive,
  assertProbability,
  compareRational,
  divideRational,
  multiplyRational,
  type Rational,
  toRational,
} from '../../../foundations/numerics/index.ts';
import { sampleBigIntBelow, type Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS, type Mechanism } from '../mechanism.ts';
import { assertGranularity, ceilPowerOfTwo, snapToGrid } from '../noise/grid.ts';
import { sampleExponentialWeights, type ExponentialWeight } from '../samplers/weighted-choice.ts';

/** Quantiles of a column of numbers. Values that are not numbers count as absent records. */
export interface Quantiles extends Mechanism<'quantiles'> {
  readonly quantiles: readonly number[];
  /** One value for each quantile, in order. */
  release(values: Iterable<number>, rng: Rng): Float64Array;
}

/**
 * Creates private quantiles (0.5: the median; q/100: a percentile).
 * Guarantee: ε-DP for one record added or removed, ε/(number of quantiles) for each; exact. The utility of a point y is
 * −|#{x < y} − q·n|, which one record changes by at most max(q, 1 − q): it moves the rank by one or not, and q·n by q.
 * @param options - `lower` and `upper`, known without looking at the data; `granularity`, a power of two, a 2^32nd of the
 * range by default.
 * @throws {RangeError} when a parameter is out of range.
 * @see [Smith11] algorithm 2
 */
export function createQuantiles(options: {
  readonly quantiles: readonly number[];
  readonly epsilon: number;
  readonly lower: number;
  readonly upper: number;
  readonly granularity?: number;
}): Quantiles {
  const { quantiles, epsilon, lower, upper } = options;
  assertPositive(epsilon, 'epsilon');
  quantiles.forEach((q) => assertProbability(q, 'quantiles'));
  if (quantiles.length === 0) throw new RangeError('"quantiles" must not be empty');
  if (!(lower < upper)) throw new RangeError(`"lower" must be below "upper", got ${lower} and ${upper}`);
  const granularity = options.granularity ?? ceilPowerOfTwo((upper - lower) / 2 ** 32);
  assertGranularity(granularity);
  const first = snapToGrid(lower, granularity);
  const last = snapToGrid(upper, granularity);
  // Not above a fair share, whatever the division rounds to.
  const share = (epsilon / quantiles.length) * (1 - 2 ** -52);
  return {
    kind: 'quantiles',
    quantiles,
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: ADDITIVE_RELATIONS,
      precondition: 'bounds known without looking at the data',
      source: '[Smith11] algorithm 2',
    },
    event(): DpEvent {
      const one = exponential({ epsilon: share });
      return quantiles.length === 1 ? one : composed(quantiles.map(() => one));
    },
    release(values, rng) {
      const snapped: number[] = [];
      for (const value of values) {
        if (!Number.isNaN(value)) snapped.push(Math.min(last, Math.max(first, snapToGrid(value, granularity))));
      }
      const sorted = Float64Array.from(snapped).sort();
      return Float64Array.from(
        quantiles,
        (quantile) => choose(sorted, { quantile, epsilon: share, first, last }, rng) * granularity,
      );
    },
  };
}

/** The gaps between sorted values in which all points have the same rank: interval i holds (x_i, x_{i+1}] at rank i. */
function choose(
  sorted: Float64Array,
  { quantile, epsilon, first, last }: { quantile: number; epsilon: number; first: number; last: number },
  rng: Rng,
): number {
  const exact = toRational(quantile);
  const target = multiplyRational(exact, toRational(BigInt(sorted.length)));
  const other = addRational(toRational(1n), { numerator: -exact.numerator, denominator: exact.denominator });
  const sensitivity = compareRational(exact, other) < 0 ? other : exact;
  const rate = divideRational(toRational(epsilon), multiplyRational(toRational(2n), sensitivity));
  const startOf = (i: number) => (i === 0 ? first : (sorted[i - 1] as number) + 1);
  const endOf = (i: number) => (i === sorted.length ? last : (sorted[i] as number));

  const distances: Rational[] = [];
  let least: Rational | undefined;
  for (let i = 0; i <= sorted.length; i += 1) {
    const gap = addRational(toRational(BigInt(i)), { numerator: -target.numerator, denominator: target.denominator });
    const distance = gap.numerator < 0n ? { numerator: -gap.numerator, denominator: gap.denominator } : gap;
    distances.push(distance);
    if (endOf(i) >= startOf(i) && (least === undefined || compareRational(distance, least) < 0)) least = distance;
  }
  const closest = least as Rational;
  const weights = distances.map((distance, i): ExponentialWeight => {
    const count = BigInt(Math.max(0, endOf(i) - startOf(i) + 1));
    if (count === 0n) return { count, gamma: { numerator: 0n, denominator: 1n } };
    const excess = addRational(distance, { numerator: -closest.numerator, denominator: closest.denominator });
    return { count, gamma: multiplyRational(excess, rate) };
  });
  const interval = sampleExponentialWeights(weights, rng);
  const size = BigInt(endOf(interval) - startOf(interval) + 1);
  return startOf(interval) + Number(sampleBigIntBelow(size, rng));
}

/** Creates a private median. @see createQuantiles */
export function createMedian(options: {
  readonly epsilon: number;
  readonly lower: number;
  readonly upper: number;
  readonly granularity?: number;
}): Quantiles {
  return createQuantiles({ ...options, quantiles: [0.5] });
}
