/**
 * Randomized response, binary and k-ary: with some probability a uniform answer, else the true one. [Warner65] [KBR16]
 *
 * @module
 */

import { randomizedResponse } from '../../accounting/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import { sampleUint32Below, type Rng } from '../../../foundations/random/index.ts';
import { LOCAL_RELATIONS, type Mechanism } from '../mechanism.ts';
import { sampleBernoulliDouble } from '../samplers/exact-samplers.ts';

/** Rounding of a probability of lying upwards, past every error of the functions it is computed by. */
const UP = 1 + 2 ** -45;

/** The probability 1/(e^ε + others), rounded up: never a lie too few. */
export function lieProbability(epsilon: number, others: number): number {
  return Math.min(1, (1 / (Math.exp(epsilon) + others)) * UP);
}

/** One of `buckets` answers in, one out. */
export interface RandomizedResponse extends Mechanism<'randomized-response'> {
  readonly buckets: number;
  /** Probability of a uniform answer. */
  readonly noiseParameter: number;
  /** Answers for a true bucket in [0, buckets). */
  report(bucket: number, rng: Rng): number;
  /** Unbiased estimates of how many respondents are in each bucket, from counts of reports. */
  estimate(counts: ArrayLike<number>): Float64Array;
}

/**
 * Creates randomized response. With two buckets it is Warner's coin (the `Binary` mechanism).
 * Guarantee: ε-DP under replace-one of the respondent's answer; exact for the noise parameter, which is rounded up.
 * @param options - `buckets` ≥ 2, 2 by default.
 * @throws {RangeError} when a parameter or a bucket is out of range.
 * @see [KBR16]
 */
export function createRandomizedResponse({
  epsilon,
  buckets = 2,
}: {
  readonly epsilon: number;
  readonly buckets?: number;
}): RandomizedResponse {
  assertPositive(epsilon, 'epsilon');
  assertInteger(buckets, 'buckets', { min: 2, max: 2 ** 31 });
  const noiseParameter = Math.min(1, buckets * lieProbability(epsilon, buckets - 1));
  return {
    kind: 'randomized-response',
    buckets,
    noiseParameter,
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: LOCAL_RELATIONS,
      precondition: `one answer of one respondent out of ${buckets}`,
      source: '[KBR16]',
    },
    event: () => randomizedResponse({ noiseParameter, buckets }),
    report(bucket, rng) {
      assertInteger(bucket, 'bucket', { max: buckets - 1 });
      const uniform = sampleUint32Below(buckets, rng);
      return sampleBernoulliDouble(noiseParameter, rng) ? uniform : bucket;
    },
    estimate(counts) {
      if (counts.length !== buckets) throw new RangeError(`"counts" must have ${buckets} entries`);
      return debias(counts, { lie: noiseParameter / buckets, truth: 1 - noiseParameter + noiseParameter / buckets });
    },
  };
}

/** (count − n·lie)/(truth − lie): unbiased when a report supports its own bucket with `truth` and any other with `lie`. */
export function debias(
  counts: ArrayLike<number>,
  { lie, truth, reports }: { readonly lie: number; readonly truth: number; readonly reports?: number },
): Float64Array {
  let total = 0;
  for (let i = 0; i < counts.length; i += 1) total += counts[i] as number;
  const n = reports ?? total;
  return Float64Array.from({ length: counts.length }, (_, i) => ((counts[i] as number) - n * lie) / (truth - lie));
}
