/**
 * Two more ways to choose the best of several candidates: permute-and-flip, never worse than the exponential mechanism
 * [MS20], and report-noisy-max [DR14].
 *
 * @module
 */

import { epsilonDelta, permuteAndFlip } from '../../accounting/index.ts';
import { toRational } from '../../../foundations/numerics/index.ts';
import { shuffleInto } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS } from '../mechanism.ts';
import { assertGranularity, ceilPowerOfTwo, nextDown, snapToGrid } from '../noise/grid.ts';
import { sampleBernoulliExp, sampleDiscreteLaplace, sampleGeometric } from '../samplers/exact-samplers.ts';
import { assertSelection, exponentsOf, type Selection, type SelectionOptions } from './exponential.ts';

/**
 * Creates the permute-and-flip mechanism: candidates in random order, each taken with probability
 * exp(ε·(score − best)/(2·sensitivity)) until one is.
 * Guarantee: ε-DP; exact. It is report-noisy-max with exponential noise.
 * Precondition: one record changes every score by at most `sensitivity`; the candidates do not depend on the data.
 * @throws {RangeError} when a parameter is out of range, there is no candidate, or a score is not finite.
 * @see [MS20] algorithm 1
 */
export function createPermuteAndFlip(options: SelectionOptions): Selection<'permute-and-flip'> {
  assertSelection(options);
  const { epsilon, sensitivity } = options;
  return {
    kind: 'permute-and-flip',
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: ADDITIVE_RELATIONS,
      precondition: `scores of sensitivity at most ${sensitivity}; candidates fixed in advance`,
      source: '[MS20]',
    },
    event: () => permuteAndFlip({ epsilon }),
    select(scores, rng) {
      const gammas = exponentsOf(scores, options);
      const order = gammas.map((_, i) => i);
      shuffleInto(order, rng);
      for (const i of order) if (sampleBernoulliExp(gammas[i] as (typeof gammas)[number], rng)) return i;
      throw new Error('unreachable: the best candidate is always taken');
    },
  };
}

/**
 * Creates report-noisy-max: the index of the greatest score after noise on each, ties to the first.
 * Guarantee: ε-DP; exact. Scores are snapped to a grid, and the sensitivity is widened by that; with the other noises
 * fixed, candidate i wins from a threshold on, a record moves that threshold by at most 2·sensitivity (by one when
 * monotonic), and both noises lose at most a factor e^ε over that distance, tie-breaking included.
 * Precondition: one record changes every score by at most `sensitivity`; the candidates do not depend on the data.
 * @param options - `noise`: `laplace` or one-sided `geometric` (the discrete exponential, less noise). Geometric by default.
 * @throws {RangeError} when a parameter is out of range, there is no candidate, or a score is NaN.
 * @see [DR14] claim 3.9; [DKSSWXZ21] for one-sided noise
 */
export function createReportNoisyMax(
  options: SelectionOptions & { readonly noise?: 'laplace' | 'geometric'; readonly granularity?: number },
): Selection<'report-noisy-max'> {
  assertSelection(options);
  const { epsilon, sensitivity, monotonic = false, noise = 'geometric' } = options;
  const granularity = options.granularity ?? ceilPowerOfTwo(sensitivity) / 2 ** 16;
  assertGranularity(granularity);
  const steps = Math.ceil(sensitivity / granularity);
  const { numerator, denominator } = toRational(nextDown(epsilon / ((monotonic ? 1 : 2) * steps)));
  const scale = { numerator: denominator, denominator: numerator };
  const draw = noise === 'laplace' ? sampleDiscreteLaplace : sampleGeometric;
  return {
    kind: 'report-noisy-max',
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: ADDITIVE_RELATIONS,
      precondition: `scores of sensitivity at most ${sensitivity}; candidates fixed in advance`,
      source: '[DR14] claim 3.9',
    },
    event: () => epsilonDelta({ epsilon, delta: 0 }),
    select(scores, rng) {
      if (scores.length === 0) throw new RangeError('"scores" must not be empty');
      const snapped = Array.from(scores, (score) => BigInt(snapToGrid(score, granularity)));
      let best = 0;
      let highest: bigint | undefined;
      for (const [i, score] of snapped.entries()) {
        const noisy = score + draw({ scale }, rng);
        if (highest === undefined || noisy > highest) {
          highest = noisy;
          best = i;
        }
      }
      return best;
    },
  };
}
