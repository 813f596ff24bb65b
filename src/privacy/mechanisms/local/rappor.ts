/**
 * RAPPOR: strings in Bloom filters, a permanent randomized response remembered for each value, and a fresh instantaneous
 * one at every report, so that a respondent can be asked again and again. [EPK14]
 *
 * @module
 */

import { sha256 } from '@noble/hashes/sha2.js';

import { epsilonDelta, selfComposed } from '../../accounting/index.ts';
import { assertInteger, assertProbability } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { LOCAL_RELATIONS, type Mechanism } from '../mechanism.ts';
import { sampleBernoulliDouble } from '../samplers/exact-samplers.ts';

/** Parameters that all respondents and the collector share. */
export interface RapporOptions {
  /** Bits of the Bloom filter, a power of two up to 2^16. */
  readonly bits: number;
  /** Hash functions, 1 to 8. */
  readonly hashes: number;
  /** Noise of the permanent response, in (0, 1]: a bit is replaced by a fair coin with this probability. */
  readonly permanentNoise: number;
  /** Probability that a permanent zero is reported as one. */
  readonly zeroRate: number;
  /** Probability that a permanent one is reported as one. */
  readonly oneRate: number;
  /** Different values one respondent may report over time; each is charged. 1 by default. */
  readonly maxValues?: number;
}

/** One respondent: remembers its permanent responses. Keep `memory` as safe as the values themselves. */
export interface RapporRespondent {
  readonly cohort: number;
  report(value: string, rng: Rng): Uint8Array;
}

/** The mechanism; the event is the cost of one respondent for all time. */
export interface Rappor extends Mechanism<'rappor'> {
  /** ε of a single report, for those who see only one. */
  readonly epsilonOfOneReport: number;
  createRespondent(cohort: number): RapporRespondent;
  /** The bits that a value sets in a cohort's filter. */
  filterOf(value: string, cohort: number): readonly number[];
  /** Unbiased estimates of how many respondents of a cohort have each bit set. */
  estimateBits(reports: readonly Uint8Array[]): Float64Array;
  /** Estimates of how many respondents hold each candidate, ≥ 0, by least squares over all cohorts. */
  estimate(reports: ReadonlyMap<number, readonly Uint8Array[]>, candidates: readonly string[]): Float64Array;
}

const encoder = new TextEncoder();

/**
 * Creates RAPPOR.
 * Guarantee: ε-DP under replace-one of a respondent's value, ε = 2·hashes·ln((1 − f/2)/(f/2)), for any number of reports
 * of it; `maxValues` different values cost that many times as much. Coins are exact for their doubles.
 * Not covered: a respondent who forgets its permanent responses (each new one is a new charge), and what the choice of
 * the time of a report gives away.
 * @throws {RangeError} when a parameter is out of range; from a report, when the respondent has used up its values.
 * @see [EPK14] §3.1 and theorem 1; §4 for decoding, here with non-negative least squares instead of lasso
 */
export function createRappor(options: RapporOptions): Rappor {
  const { bits, hashes, permanentNoise: f, zeroRate, oneRate, maxValues = 1 } = options;
  assertInteger(bits, 'bits', { min: 2, max: 2 ** 16 });
  if (Math.log2(bits) % 1 !== 0) throw new RangeError(`"bits" must be a power of two, got ${bits}`);
  assertInteger(hashes, 'hashes', { min: 1, max: 8 });
  assertProbability(f, 'permanentNoise');
  if (f === 0) throw new RangeError('"permanentNoise" must be above 0');
  assertProbability(zeroRate, 'zeroRate');
  assertProbability(oneRate, 'oneRate');
  if (!(zeroRate < oneRate)) throw new RangeError('"zeroRate" must be below "oneRate"');
  assertInteger(maxValues, 'maxValues', { min: 1 });
  // The error of the logarithm is far below the slack.
  const epsilon = 2 * hashes * Math.log((1 - f / 2) / (f / 2)) * (1 + 2 ** -45);
  const truth = (1 - f) * oneRate + (f / 2) * (zeroRate + oneRate);
  const lie = (1 - f) * zeroRate + (f / 2) * (zeroRate + oneRate);

  const filterOf = (value: string, cohort: number): readonly number[] => {
    const digest = sha256(encoder.encode(`sotto/rappor/${cohort}/${value}`));
    const view = new DataView(digest.buffer, digest.byteOffset);
    return Array.from({ length: hashes }, (_, i) => view.getUint32(4 * i) % bits);
  };

  const estimateBits = (reports: readonly Uint8Array[]): Float64Array => {
    const counts = new Float64Array(bits);
    for (const report of reports) {
      for (let i = 0; i < bits; i += 1) counts[i] = (counts[i] as number) + (report[i] as number);
    }
    return counts.map((count) => (count - reports.length * lie) / (truth - lie));
  };

  return {
    kind: 'rappor',
    epsilonOfOneReport:
      lie === 0 || truth === 1 ? Infinity : hashes * Math.log((truth * (1 - lie)) / (lie * (1 - truth))),
    guarantee: {
      measure: 'pure',
      epsilon: epsilon * maxValues,
      relations: LOCAL_RELATIONS,
      precondition: `at most ${maxValues} values of one respondent, who keeps its permanent responses`,
      source: '[EPK14] theorem 1',
    },
    event: () => selfComposed(epsilonDelta({ epsilon, delta: 0 }), maxValues),
    filterOf,
    estimateBits,
    createRespondent(cohort) {
      assertInteger(cohort, 'cohort');
      const memory = new Map<string, Uint8Array>();
      return {
        cohort,
        report(value, rng) {
          let permanent = memory.get(value);
          if (permanent === undefined) {
            if (memory.size >= maxValues) {
              throw new RangeError(`a respondent may report ${maxValues} values; raise "maxValues", at a charge`);
            }
            const filter = new Set(filterOf(value, cohort));
            permanent = Uint8Array.from({ length: bits }, (_, i) => {
              const coin = rng.uint32() & 1;
              return sampleBernoulliDouble(f, rng) ? coin : Number(filter.has(i));
            });
            memory.set(value, permanent);
          }
          return permanent.map((bit) => Number(sampleBernoulliDouble(bit === 1 ? oneRate : zeroRate, rng)));
        },
      };
    },
    estimate(reports, candidates) {
      const counts = new Float64Array(candidates.length);
      const columns = [...reports.keys()].map((cohort) => ({
        target: estimateBits(reports.get(cohort) ?? []),
        share: (reports.get(cohort) ?? []).length,
        filters: candidates.map((candidate) => [...new Set(filterOf(candidate, cohort))]),
      }));
      const total = columns.reduce((sum, { share }) => sum + share, 0);
      solveNonNegative(counts, columns, total);
      return counts;
    },
  };
}

interface CohortColumn {
  readonly target: Float64Array;
  readonly share: number;
  readonly filters: readonly (readonly number[])[];
}

/** Coordinate descent on Σ (target − Σ counts·share/total·filter)², counts ≥ 0. */
function solveNonNegative(counts: Float64Array, columns: readonly CohortColumn[], total: number): void {
  for (let sweep = 0; sweep < 200; sweep += 1) {
    let moved = 0;
    for (let candidate = 0; candidate < counts.length; candidate += 1) {
      let gradient = 0;
      let curvature = 0;
      for (const { target, share, filters } of columns) {
        const weight = share / total;
        for (const bit of filters[candidate] as readonly number[]) {
          gradient += weight * (target[bit] as number);
          curvature += weight * weight;
        }
      }
      if (curvature === 0) continue;
      const before = counts[candidate] as number;
      const after = Math.max(0, before + gradient / curvature);
      counts[candidate] = after;
      for (const { target, share, filters } of columns) {
        for (const bit of filters[candidate] as readonly number[]) {
          target[bit] = (target[bit] as number) - (after - before) * (share / total);
        }
      }
      moved = Math.max(moved, Math.abs(after - before));
    }
    if (moved < 1e-9 * Math.max(1, total)) return;
  }
}
