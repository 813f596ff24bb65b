/**
 * The sparse vector technique: a stream of queries against a threshold; only the few that lie above it cost anything.
 * [LSL17]
 *
 * @module
 */

import { epsilonDelta } from '../../accounting/index.ts';
import { assertInteger, toRational } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS, type Mechanism } from '../mechanism.ts';
import { assertGranularity, ceilPowerOfTwo, nextDown, snapToGrid } from '../noise/grid.ts';
import { sampleDiscreteLaplace } from '../samplers/exact-samplers.ts';
import { assertSelection, type SelectionOptions } from './exponential.ts';

/** One run over a stream. */
export interface SparseVectorSession {
  /** How many more answers "above" may be given; at zero the session is over. */
  readonly remaining: number;
  /** Tells whether the query's value lies above the threshold, noisily. @throws {RangeError} when the session is over. */
  isAbove(value: number): boolean;
}

/** Opens sessions; the event is the cost of one session, however many queries it answers. */
export interface SparseVector extends Mechanism<'sparse-vector'> {
  open(threshold: number, rng: Rng): SparseVectorSession;
}

/**
 * Creates the sparse vector mechanism.
 * Guarantee: ε-DP for a whole session of adaptively chosen queries, exact on its grid. ε is split between the threshold
 * and the queries as 1 : (2c)^(2/3) (c^(2/3) when monotonic), the best split.
 * Precondition: one record changes every query by at most `sensitivity`.
 * @param options - `maxAbove`: answers "above" before the session ends. `monotonic`: a record moves all queries in the
 * same direction.
 * @throws {RangeError} when a parameter is out of range.
 * @see [LSL17] algorithm 7 without numeric answers, theorems 4 and 5, §4.2 for the split
 */
export function createSparseVector(
  options: SelectionOptions & { readonly maxAbove: number; readonly granularity?: number },
): SparseVector {
  assertSelection(options);
  const { epsilon, sensitivity, maxAbove, monotonic = false } = options;
  assertInteger(maxAbove, 'maxAbove', { min: 1 });
  const granularity = options.granularity ?? ceilPowerOfTwo(sensitivity) / 2 ** 16;
  assertGranularity(granularity);
  const steps = Math.ceil(sensitivity / granularity);
  const factor = monotonic ? maxAbove : 2 * maxAbove;
  const forThreshold = epsilon / (1 + factor ** (2 / 3));
  const forQueries = epsilon - forThreshold;
  // Rounded down, so that the two parts never exceed epsilon together.
  const inverse = (rate: number) => {
    const { numerator, denominator } = toRational(nextDown(nextDown(rate)));
    return { numerator: denominator, denominator: numerator };
  };
  const thresholdScale = inverse(forThreshold / steps);
  const queryScale = inverse(forQueries / (factor * steps));
  return {
    kind: 'sparse-vector',
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: ADDITIVE_RELATIONS,
      precondition: `queries of sensitivity at most ${sensitivity}`,
      source: '[LSL17] theorem 4',
    },
    event: () => epsilonDelta({ epsilon, delta: 0 }),
    open(threshold, rng) {
      const noisyThreshold =
        BigInt(snapToGrid(threshold, granularity)) + sampleDiscreteLaplace({ scale: thresholdScale }, rng);
      let remaining = maxAbove;
      return {
        get remaining() {
          return remaining;
        },
        isAbove(value) {
          if (remaining === 0) throw new RangeError('the session is over: open another, at another charge');
          const noisy = BigInt(snapToGrid(value, granularity)) + sampleDiscreteLaplace({ scale: queryScale }, rng);
          if (noisy < noisyThreshold) return false;
          remaining -= 1;
          return true;
        },
      };
    },
  };
}
