/**
 * Private counts, sums, means, variances and deviations of bounded values. Values are clamped and rounded to a grid
 * before they are added, and added as integers, so that no order of summation and no rounding of a sum can move a
 * neighbour by more than is charged. [CSVW22]
 *
 * @module
 */

import { composed, type DpEvent } from '../../accounting/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS, type Guarantee, type Mechanism } from '../mechanism.ts';
import { assertGranularity, ceilPowerOfTwo, snapToGrid } from '../noise/grid.ts';
import {
  assertNoise,
  calibrateNoise,
  splitNoise,
  type CalibratedNoise,
  type StatisticNoise,
} from './additive-noise.ts';

/** A statistic of a column of numbers. Values that are not numbers count as absent records. */
export interface Statistic<Kind extends string> extends Mechanism<Kind> {
  /** Standard deviation of the released value's noise where it is the same for all data; else NaN. */
  readonly noiseStddev: number;
  release(values: Iterable<number>, rng: Rng): number;
}

/** Bounds that hold for all data, known without looking at it. */
export interface Bounds {
  readonly lower: number;
  readonly upper: number;
}

function assertBounds({ lower, upper }: Bounds): void {
  if (!(Number.isFinite(lower) && Number.isFinite(upper) && lower < upper)) {
    throw new RangeError(`"lower" must be finite and below "upper", got ${lower} and ${upper}`);
  }
}

function guaranteeOf(noise: StatisticNoise, precondition: string): Guarantee {
  const common = { relations: ADDITIVE_RELATIONS, precondition, source: '[DMNS06], [CKS20], [CSVW22]' };
  return noise.kind === 'laplace'
    ? { measure: 'pure', epsilon: noise.epsilon, ...common }
    : { measure: 'zcdp', rho: 1 / (2 * noise.noiseMultiplier * noise.noiseMultiplier), ...common };
}

/**
 * Creates a private count of records for which a predicate holds (all by default).
 * Guarantee: of the noise chosen, for one record added or removed; exact.
 */
export function createCount<Item>(options: {
  readonly noise: StatisticNoise;
  readonly where?: (item: Item) => boolean;
}): Mechanism<'count'> & { readonly noiseStddev: number; release(items: Iterable<Item>, rng: Rng): number } {
  const { noise, where = () => true } = options;
  const calibrated = calibrateNoise(noise, { sensitivity: 1 });
  return {
    kind: 'count',
    noiseStddev: calibrated.stddev,
    guarantee: guaranteeOf(noise, 'records counted once each'),
    event: () => calibrated.event(),
    release(items, rng) {
      let count = 0;
      for (const item of items) if (where(item)) count += 1;
      return count + calibrated.noise.sample(rng);
    },
  };
}

/** A sum on a grid: what it charges and how it is taken. */
interface GridSum {
  readonly granularity: number;
  readonly calibrated: CalibratedNoise;
  /** The noisy sum of clamped, rounded values. */
  release(values: Iterable<number>, rng: Rng): number;
}

/** Values per partial sum: their grid steps stay far below 2^53. */
const CHUNK = 2 ** 16;

function createGridSum(
  { lower, upper }: Bounds,
  { noise, granularity: wanted }: { readonly noise: StatisticNoise; readonly granularity?: number | undefined },
): GridSum {
  assertBounds({ lower, upper });
  assertNoise(noise);
  const magnitude = Math.max(Math.abs(lower), Math.abs(upper));
  const steps = 2 ** 20;
  const granularity = wanted ?? ceilPowerOfTwo(magnitude / steps);
  assertGranularity(granularity);
  const first = snapToGrid(lower, granularity);
  const last = snapToGrid(upper, granularity);
  const sensitivity = Math.max(1, Math.abs(first), Math.abs(last));
  if (sensitivity > 2 ** 36) throw new RangeError('"granularity" is too fine for these bounds');
  const calibrated = calibrateNoise(noise, { sensitivity });
  return {
    granularity,
    calibrated,
    release(values, rng) {
      let sum = 0n;
      let partial = 0;
      let count = 0;
      for (const value of values) {
        if (Number.isNaN(value)) continue;
        partial += Math.min(last, Math.max(first, snapToGrid(value, granularity)));
        count += 1;
        if (count === CHUNK) {
          sum += BigInt(partial);
          partial = 0;
          count = 0;
        }
      }
      return Number(sum + BigInt(partial) + BigInt(calibrated.noise.sample(rng))) * granularity;
    },
  };
}

/** What the statistics of bounded values take. */
export interface BoundedOptions extends Bounds {
  readonly noise: StatisticNoise;
  /** A power of two; a millionth of the bounds by default. */
  readonly granularity?: number;
}

/**
 * Creates a private sum of values clamped to [lower, upper].
 * Guarantee: of the noise chosen, for one record added or removed; exact, summation included.
 * @throws {RangeError} when a parameter is out of range.
 */
export function createSum(options: BoundedOptions): Statistic<'sum'> {
  const sum = createGridSum(options, options);
  return {
    kind: 'sum',
    noiseStddev: sum.calibrated.stddev * sum.granularity,
    guarantee: guaranteeOf(options.noise, 'values known to matter only within the bounds'),
    event: () => sum.calibrated.event(),
    release: (values, rng) => sum.release(values, rng),
  };
}

/** Noisy moments of values taken around the middle of their bounds, and a noisy count. */
function createMoments(options: BoundedOptions, order: 1 | 2) {
  assertBounds(options);
  const { lower, upper, granularity } = options;
  const middle = lower + (upper - lower) / 2;
  const reach = (upper - lower) / 2;
  const noise = splitNoise(options.noise, order + 1);
  const count = calibrateNoise(noise, { sensitivity: 1 });
  const first = createGridSum({ lower: -reach, upper: reach }, { noise, granularity });
  const second = createGridSum({ lower: 0, upper: reach * reach }, { noise, granularity });
  const clampOne = (value: number) => Math.min(reach, Math.max(-reach, value - middle));
  return {
    middle,
    reach,
    event(): DpEvent {
      const parts = [count.event(), first.calibrated.event()];
      return composed(order === 1 ? parts : [...parts, second.calibrated.event()]);
    },
    release(values: Iterable<number>, rng: Rng) {
      const deviations = Array.from(values)
        .filter((value) => !Number.isNaN(value))
        .map(clampOne);
      const n = Math.max(1, deviations.length + count.noise.sample(rng));
      const mean = Math.min(reach, Math.max(-reach, first.release(deviations, rng) / n));
      const squares =
        order === 1
          ? 0
          : second.release(
              deviations.map((d) => d * d),
              rng,
            ) / n;
      return { mean, squares: Math.min(reach * reach, Math.max(0, squares)) };
    },
  };
}

/**
 * Creates a private mean: the noisy sum around the middle of the bounds over a noisy count, inside the bounds.
 * Guarantee: of the noise chosen, split evenly over sum and count, for one record added or removed. The number of records
 * is not taken as public.
 */
export function createMean(options: BoundedOptions): Statistic<'mean'> {
  const moments = createMoments(options, 1);
  return {
    kind: 'mean',
    noiseStddev: Number.NaN,
    guarantee: guaranteeOf(options.noise, 'values known to matter only within the bounds'),
    event: () => moments.event(),
    release: (values, rng) => moments.middle + moments.release(values, rng).mean,
  };
}

/**
 * Creates a private (population) variance from noisy first and second moments and a noisy count, inside [0, (range/2)²].
 * Guarantee: of the noise chosen, split evenly over the three, for one record added or removed.
 */
export function createVariance(options: BoundedOptions): Statistic<'variance'> {
  const moments = createMoments(options, 2);
  return {
    kind: 'variance',
    noiseStddev: Number.NaN,
    guarantee: guaranteeOf(options.noise, 'values known to matter only within the bounds'),
    event: () => moments.event(),
    release(values, rng) {
      const { mean, squares } = moments.release(values, rng);
      return Math.max(0, squares - mean * mean);
    },
  };
}

/** Creates a private standard deviation: the root of the private variance, by post-processing. */
export function createStandardDeviation(options: BoundedOptions): Statistic<'standard-deviation'> {
  const variance = createVariance(options);
  return {
    ...variance,
    kind: 'standard-deviation',
    release: (values, rng) => Math.sqrt(variance.release(values, rng)),
  };
}
