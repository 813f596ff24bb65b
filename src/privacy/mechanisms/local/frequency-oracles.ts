/**
 * Frequency oracles for large domains: optimized unary encoding and optimized local hashing [WBLJ17], and Hadamard
 * response [ASZ19]. A respondent reports once; the collector estimates how many hold each value.
 *
 * @module
 */

import { epsilonDelta } from '../../accounting/index.ts';
import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';
import { sampleUint32Below, type Rng } from '../../../foundations/random/index.ts';
import { walshHadamardInto } from '../../../foundations/vector/index.ts';
import { LOCAL_RELATIONS, type Guarantee, type Mechanism } from '../mechanism.ts';
import { createPoissonSampler } from '../sampling/poisson-sampler.ts';
import { sampleBernoulliDouble } from '../samplers/exact-samplers.ts';
import { createRandomizedResponse, debias, lieProbability } from './randomized-response.ts';

/** A local mechanism from which frequencies are estimated. */
export interface FrequencyOracle<Kind extends string, Report> extends Mechanism<Kind> {
  readonly buckets: number;
  report(bucket: number, rng: Rng): Report;
  /** Unbiased estimates of how many respondents hold each value. */
  estimate(reports: readonly Report[]): Float64Array;
}

interface OracleOptions {
  readonly epsilon: number;
  readonly buckets: number;
}

function assertOracle({ epsilon, buckets }: OracleOptions): void {
  assertPositive(epsilon, 'epsilon');
  assertInteger(buckets, 'buckets', { min: 2, max: 2 ** 22 });
}

function guaranteeOf({ epsilon, buckets }: OracleOptions, source: string): Guarantee {
  return {
    measure: 'pure',
    epsilon,
    relations: LOCAL_RELATIONS,
    precondition: `one value of one respondent out of ${buckets}, reported once`,
    source,
  };
}

/**
 * Creates optimized unary encoding: one bit a value; the true one is kept with probability ½, any other one set with
 * 1/(e^ε + 1).
 * Guarantee: ε-DP under replace-one of the respondent's value; exact for its probabilities, rounded to the safe side.
 * @see [WBLJ17] §4.3
 */
export function createOptimizedUnaryEncoding(options: OracleOptions): FrequencyOracle<'oue', Uint8Array> {
  assertOracle(options);
  const { epsilon, buckets } = options;
  const lie = Math.min(0.5, lieProbability(epsilon, 1));
  const lies = createPoissonSampler({ samplingRate: lie });
  return {
    kind: 'oue',
    buckets,
    guarantee: guaranteeOf(options, '[WBLJ17] §4.3'),
    event: () => epsilonDelta({ epsilon, delta: 0 }),
    report(bucket, rng) {
      assertInteger(bucket, 'bucket', { max: buckets - 1 });
      const bits = new Uint8Array(buckets);
      for (const i of lies.sample(buckets, rng)) bits[i] = 1;
      bits[bucket] = rng.uint32() & 1;
      return bits;
    },
    estimate(reports) {
      const counts = new Float64Array(buckets);
      for (const bits of reports) {
        for (let i = 0; i < buckets; i += 1) counts[i] = (counts[i] as number) + (bits[i] as number);
      }
      return debias(counts, { lie, truth: 0.5, reports: reports.length });
    },
  };
}

/** A report of local hashing: the respondent's own hash function and the noisy bucket of its value. */
export interface HashedReport {
  readonly multiplier: number;
  readonly offset: number;
  readonly bucket: number;
}

/** 2^31 − 1: products with values below 2^22 stay exact in a double. */
const PRIME = 2 ** 31 - 1;

/** ((multiplier·value + offset) mod PRIME) mod range: two values collide with probability 1/range, up to 1 in 2^31. */
function hashInto(value: number, { multiplier, offset }: Omit<HashedReport, 'bucket'>, range: number): number {
  return ((multiplier * value + offset) % PRIME) % range;
}

/**
 * Creates optimized local hashing: the value is hashed to g = ⌊e^ε⌋ + 1 buckets by a function of the respondent's own,
 * and the bucket goes through randomized response. Reports are small whatever the domain.
 * Guarantee: ε-DP under replace-one of the respondent's value.
 * @see [WBLJ17] §4.4
 */
export function createOptimizedLocalHashing(options: OracleOptions): FrequencyOracle<'olh', HashedReport> {
  assertOracle(options);
  const { epsilon, buckets } = options;
  const range = Math.min(2 ** 20, Math.floor(Math.exp(epsilon)) + 1);
  const response = createRandomizedResponse({ epsilon, buckets: range });
  return {
    kind: 'olh',
    buckets,
    guarantee: guaranteeOf(options, '[WBLJ17] §4.4'),
    event: () => response.event(),
    report(bucket, rng) {
      assertInteger(bucket, 'bucket', { max: buckets - 1 });
      const own = { multiplier: 1 + sampleUint32Below(PRIME - 1, rng), offset: sampleUint32Below(PRIME, rng) };
      return { ...own, bucket: response.report(hashInto(bucket, own, range), rng) };
    },
    estimate(reports) {
      const counts = new Float64Array(buckets);
      for (const report of reports) {
        for (let i = 0; i < buckets; i += 1) {
          if (hashInto(i, report, range) === report.bucket) counts[i] = (counts[i] as number) + 1;
        }
      }
      const truth = 1 - response.noiseParameter + response.noiseParameter / range;
      return debias(counts, { lie: 1 / range, truth, reports: reports.length });
    },
  };
}

/** The sign of entry (row, column) of the Hadamard matrix: the parity of the common bits. */
function isNegative(row: number, column: number): boolean {
  let bits = row & column;
  bits ^= bits >>> 16;
  bits ^= bits >>> 8;
  bits ^= bits >>> 4;
  bits ^= bits >>> 2;
  bits ^= bits >>> 1;
  return (bits & 1) === 1;
}

/**
 * Creates Hadamard response: a report is a column of the Hadamard matrix, drawn from those where the value's row is
 * positive with probability e^ε/(e^ε + 1), else from those where it is negative. Estimates take one fast transform.
 * Guarantee: ε-DP under replace-one of the respondent's value; exact for its probability, rounded to the safe side.
 * @see [ASZ19], with the row of ones left out
 */
export function createHadamardResponse(options: OracleOptions): FrequencyOracle<'hadamard-response', number> {
  assertOracle(options);
  const { epsilon, buckets } = options;
  const size = 2 ** Math.ceil(Math.log2(buckets + 1));
  const lie = Math.min(0.5, lieProbability(epsilon, 1));
  return {
    kind: 'hadamard-response',
    buckets,
    guarantee: guaranteeOf(options, '[ASZ19]'),
    event: () => epsilonDelta({ epsilon, delta: 0 }),
    report(bucket, rng) {
      assertInteger(bucket, 'bucket', { max: buckets - 1 });
      const negative = sampleBernoulliDouble(lie, rng);
      for (;;) {
        const column = sampleUint32Below(size, rng);
        if (isNegative(bucket + 1, column) === negative) return column;
      }
    },
    estimate(reports) {
      const counts = new Float64Array(size);
      for (const column of reports) counts[column] = (counts[column] as number) + 1;
      walshHadamardInto(counts);
      return counts.slice(1, buckets + 1).map((sum) => sum / (1 - 2 * lie));
    },
  };
}
