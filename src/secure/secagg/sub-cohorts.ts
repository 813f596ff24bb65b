/**
 * Robustness inside secure aggregation: the cohort is split into disjoint groups, each forms a sum of its own, and the
 * group means are combined coordinate by coordinate with a median or a trimmed mean, so that a group that was poisoned
 * does not carry the result. Nobody sees more than group sums, so each group meets the floors and carries the whole noise
 * by itself: for g groups the combined mean has √g times the noise that one sum of everybody would have.
 *
 * @module
 */

import { assertInteger } from '../../foundations/numerics/index.ts';
import { SecAggError } from './errors.ts';
import { permutePlaces } from './graph.ts';

/** How a cohort is split. */
export interface SubCohortPlan {
  /** Ids of each group, in an order drawn from the seed. */
  readonly groups: readonly (readonly string[])[];
  /** Standard deviation of the combined mean's noise over that of one sum of everybody. */
  readonly noisePrice: number;
}

/**
 * Splits a cohort into groups of nearly equal size.
 * @param options - `groups`; `minCohort`: the floor every group has to meet; `seed`: 32 bytes that no participant and no
 *   coordinator chose (a beacon, or the draw of a round), else the groups could be chosen around a victim.
 * @throws {SecAggError} `secagg/unsafe-parameters` when a group would fall below the floor.
 */
export function splitCohort(
  cohort: readonly string[],
  { groups, minCohort, seed }: { readonly groups: number; readonly minCohort: number; readonly seed: Uint8Array },
): SubCohortPlan {
  assertInteger(groups, 'groups', { min: 1 });
  assertInteger(minCohort, 'minCohort', { min: 2 });
  const smallest = Math.floor(cohort.length / groups);
  if (smallest < minCohort) {
    throw new SecAggError(
      'secagg/unsafe-parameters',
      `${groups} groups of ${cohort.length} participants have as few as ${smallest} members, the floor is ${minCohort}: ` +
        `use at most ${Math.floor(cohort.length / minCohort)} groups`,
      { details: { groups, smallest, minCohort } },
    );
  }
  const sorted = cohort.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const split: string[][] = Array.from({ length: groups }, () => []);
  permutePlaces(sorted.length, seed).forEach((place, i) => {
    (split[i % groups] as string[]).push(sorted[place] as string);
  });
  return { groups: split, noisePrice: Math.sqrt(groups) };
}

/** How group means are combined. */
export type CombinationRule =
  | { readonly kind: 'mean' }
  | { readonly kind: 'median' }
  /** Drops the `trim` smallest and the `trim` largest group means of each coordinate. */
  | { readonly kind: 'trimmed-mean'; readonly trim: number };

/** One group's opened sum. */
export interface GroupSum {
  readonly sum: Float64Array;
  /** Contributors, or the sum of their public weights: the denominator of the group's mean. */
  readonly totalWeight: number;
}

/**
 * Combines group sums to one mean.
 * Guarantee: with the median, each coordinate lies between honest group means while fewer than half of the groups are
 * corrupt; with a trimmed mean, while at most `trim` are. What happens inside a corrupt group is not limited by it.
 * @throws {RangeError} when the groups have different lengths, a group is empty, or nothing is left after trimming.
 */
export function combineGroupSums(groups: readonly GroupSum[], rule: CombinationRule): Float64Array {
  const length = groups[0]?.sum.length ?? 0;
  if (groups.length === 0 || groups.some(({ sum }) => sum.length !== length)) {
    throw new RangeError('"groups" must hold at least one sum, all of one length');
  }
  for (const { totalWeight } of groups) {
    if (!(totalWeight > 0)) throw new RangeError(`"totalWeight" of a group must be > 0, got ${totalWeight}`);
  }
  const trim = rule.kind === 'trimmed-mean' ? rule.trim : 0;
  assertInteger(trim, 'trim', { min: 0, max: Math.ceil(groups.length / 2) - 1 });
  const out = new Float64Array(length);
  const means = new Float64Array(groups.length);
  for (let i = 0; i < length; i += 1) {
    groups.forEach(({ sum, totalWeight }, group) => {
      means[group] = (sum[i] as number) / totalWeight;
    });
    out[i] = combine(means, rule, trim);
  }
  return out;
}

function combine(means: Float64Array, rule: CombinationRule, trim: number): number {
  if (rule.kind === 'mean') return means.reduce((sum, mean) => sum + mean, 0) / means.length;
  means.sort();
  if (rule.kind === 'median') {
    const middle = means.length >> 1;
    const upper = means[middle] as number;
    return means.length % 2 === 1 ? upper : ((means[middle - 1] as number) + upper) / 2;
  }
  const kept = means.subarray(trim, means.length - trim);
  return kept.reduce((sum, mean) => sum + mean, 0) / kept.length;
}
