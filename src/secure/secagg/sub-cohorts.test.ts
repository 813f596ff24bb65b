import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { memberIds, runRound } from '../../../test/support/secagg-round.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { createRing, decodeRing, encodeRing } from '../../foundations/vector/index.ts';
import { combineGroupSums, splitCohort } from './index.ts';

const rng = createSeededRng('sub-cohorts');
const seed = new Uint8Array(32).fill(4);

describe('splitCohort', () => {
  it('puts everybody in exactly one group, and no group below the floor', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), fc.integer({ min: 1, max: 8 }), (members, groups) => {
        const ids = memberIds(members);
        const floor = 2;
        const split = () => splitCohort(ids, { groups, minCohort: floor, seed });
        const possible = Math.floor(members / groups) >= floor;
        const found = possible ? split().groups : [];
        expect(found.flat().toSorted()).toEqual(possible ? [...ids] : []);
        expect(found.every((group) => group.length >= floor)).toBe(true);
        expect(possible || failureOf(split) === 'secagg/unsafe-parameters').toBe(true);
      }),
    );
  });

  it('states the price of its noise', () => {
    expect(splitCohort(memberIds(36), { groups: 9, minCohort: 4, seed }).noisePrice).toBe(3);
  });
});

function failureOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return undefined;
}

describe('combineGroupSums', () => {
  const groups = [1, 2, 3, 4, 1000].map((value) => ({ sum: Float64Array.of(2 * value, -value), totalWeight: 2 }));

  it('takes means, medians and trimmed means of group means', () => {
    expect([...combineGroupSums(groups, { kind: 'mean' })]).toEqual([202, -101]);
    expect([...combineGroupSums(groups, { kind: 'median' })]).toEqual([3, -1.5]);
    expect([...combineGroupSums(groups.slice(0, 4), { kind: 'median' })]).toEqual([2.5, -1.25]);
    expect([...combineGroupSums(groups, { kind: 'trimmed-mean', trim: 1 })]).toEqual([3, -1.5]);
    expect([...combineGroupSums(groups, { kind: 'trimmed-mean', trim: 0 })]).toEqual([202, -101]);
  });

  it('refuses groups that do not fit together, empty ones, and trimming everything away', () => {
    expect(() => combineGroupSums([], { kind: 'mean' })).toThrow(RangeError);
    expect(() => combineGroupSums([...groups, { sum: new Float64Array(3), totalWeight: 1 }], { kind: 'mean' })).toThrow(
      RangeError,
    );
    expect(() => combineGroupSums([{ sum: new Float64Array(1), totalWeight: 0 }], { kind: 'mean' })).toThrow(
      /totalWeight/,
    );
    expect(() => combineGroupSums(groups, { kind: 'trimmed-mean', trim: 3 })).toThrow(/trim/);
  });

  it('limits what a poisoned group does to a real aggregate', () => {
    const ids = memberIds(15);
    const ring = createRing({ bitWidth: 24 });
    const { groups: split } = splitCohort(ids, { groups: 5, minCohort: 3, seed });
    const sums = split.map((cohort, group) => {
      const config = {
        taskId: `group ${group}`,
        round: 0,
        attempt: 0,
        bitWidth: 24,
        entries: 2,
        threshold: 2,
        maxCorrupt: 0,
        configDigest: new Uint8Array(32),
        adversary: 'honest-but-curious' as const,
      };
      // One member lies; its whole group is lost to it, and no other.
      const inputs = new Map(
        cohort.map((id) => [id, encodeRing(Int32Array.of(id === 'p0003' ? 100_000 : 10, 20), ring)]),
      );
      const { result } = runRound({ config, inputs, rng });
      return { sum: decodeRing(result.sum, ring), totalWeight: result.totalWeight };
    });
    expect([...combineGroupSums(sums, { kind: 'median' })]).toEqual([10, 20]);
    expect([...combineGroupSums(sums, { kind: 'trimmed-mean', trim: 1 })]).toEqual([10, 20]);
    expect(combineGroupSums(sums, { kind: 'mean' })[0]).toBeGreaterThan(6000);
  });
});
