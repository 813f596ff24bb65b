import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  clearSum,
  configFor,
  everyPattern,
  everySubset,
  expectedOutcome,
  outcomeOf,
  randomInputs,
  rng,
  STAGES,
} from '../../../test/support/secagg-patterns.ts';
import { createIdentities, memberIds, runRound } from '../../../test/support/secagg-round.ts';
import { createSecAggSetup, type SecAggStage } from './index.ts';

function assertEveryPattern(members: number, patterns: Iterable<ReadonlyMap<string, SecAggStage>>): void {
  const ids = memberIds(members);
  const config = configFor(members);
  const inputs = randomInputs(ids, config);
  for (const lostIn of patterns) {
    expect({ lost: [...lostIn], ...outcomeOf({ config, inputs, rng, lostIn }) }).toEqual({
      lost: [...lostIn],
      ...expectedOutcome(ids, lostIn, { threshold: config.threshold, stages: STAGES }),
    });
  }
}

describe('a round on the complete graph', () => {
  it.each([2, 3, 4])('gives the exact sum, or says who is missing, for every pattern of losses among %i', (members) => {
    assertEveryPattern(members, everyPattern(members));
  });

  it.each([5, 6])('survives every subset lost in every stage among %i, or refuses', (members) => {
    assertEveryPattern(members, everySubset(members));
  });

  it('gives the exact sum for random losses among 20, with the aggregator restored at every step', () => {
    const ids = memberIds(20);
    const stages = [undefined, undefined, undefined, ...STAGES];
    fc.assert(
      fc.property(fc.array(fc.nat(stages.length - 1), { minLength: 20, maxLength: 20 }), (losses) => {
        const lostIn = new Map<string, SecAggStage>();
        ids.forEach((id, i) => {
          const stage = stages[losses[i] as number];
          if (stage !== undefined) lostIn.set(id, stage);
        });
        const config = configFor(20);
        const inputs = randomInputs(ids, config);
        expect(outcomeOf({ config, inputs, rng, lostIn, restart: true })).toEqual(
          expectedOutcome(ids, lostIn, { threshold: config.threshold, stages: STAGES }),
        );
      }),
      { numRuns: 15 },
    );
  });

  it.each([1, 8, 12, 16, 17, 31, 32, 33, 48, 64])('sums exactly modulo 2^%i', (bitWidth) => {
    const ids = memberIds(5);
    const config = configFor(5, { bitWidth, entries: 41 });
    const inputs = randomInputs(ids, config);
    const lostIn = new Map<string, SecAggStage>([['p0002', 'maskedInput']]);
    expect(outcomeOf({ config, inputs, rng, lostIn })).toEqual({
      contributors: ['p0000', 'p0001', 'p0003', 'p0004'],
      exact: true,
    });
  });

  it('needs ids in no order, and takes the order of the ids', () => {
    const config = configFor(4);
    const inputs = randomInputs(['zoe', 'ana', 'Émile', 'ben'], config);
    expect(outcomeOf({ config, inputs, rng })).toEqual({ contributors: ['ana', 'ben', 'zoe', 'Émile'], exact: true });
  });

  it('takes exactly survivors + lost × surviving neighbours mask expansions', () => {
    const ids = memberIds(12);
    const config = configFor(12);
    const lostIn = new Map<string, SecAggStage>([
      ['p0001', 'advertiseKeys'],
      ['p0002', 'shareKeys'],
      ['p0003', 'maskedInput'],
      ['p0004', 'maskedInput'],
      ['p0005', 'unmask'],
    ]);
    const { result } = runRound({ config, inputs: randomInputs(ids, config), rng, lostIn });
    expect(result.contributors.length).toBe(8);
    expect(result.costs.maskExpansions).toBe(8 + 2 * 8);
    expect(result.dropouts).toEqual({
      advertiseKeys: ['p0001'],
      drawGraph: [],
      shareKeys: ['p0002'],
      maskedInput: ['p0003', 'p0004'],
      consistency: [],
      unmask: ['p0005'],
    });
  });
});

describe('a round against a malicious coordinator', () => {
  it('gives the exact sum, or says who is missing, for every subset of 4 lost in every stage', () => {
    const ids = memberIds(4);
    const { identities, admission } = createIdentities(ids, rng);
    const config = configFor(4, { adversary: 'malicious-coordinator' });
    const inputs = randomInputs(ids, config);
    const stages = ['advertiseKeys', 'shareKeys', 'maskedInput', 'consistency', 'unmask'] as const;
    for (const stage of stages) {
      for (let subset = 0; subset < 16; subset += 1) {
        const lostIn = new Map(ids.filter((_, i) => ((subset >> i) & 1) === 1).map((id) => [id, stage]));
        expect(outcomeOf({ config, inputs, rng, lostIn, identities, policy: { admission }, restart: true })).toEqual(
          expectedOutcome(ids, lostIn, { threshold: config.threshold, stages }),
        );
      }
    }
  });
});

describe('keys for a whole task', () => {
  it('costs a participant no key agreement in a later round without losses, and recovers from losses', () => {
    const ids = memberIds(6);
    const setups = new Map(ids.map((id) => [id, createSecAggSetup({ taskId: 'rounds', rng })]));
    const lostIn = new Map<string, SecAggStage>([
      ['p0001', 'maskedInput'],
      ['p0004', 'unmask'],
    ]);
    const agreements: number[] = [];
    for (let round = 1; round <= 4; round += 1) {
      const config = configFor(6, { round, setup: 'task' });
      const inputs = randomInputs(ids, config);
      const script = { config, inputs, rng, setups, ...(round === 3 ? { lostIn } : {}) };
      const { result, participants } = runRound(script);
      expect(result.sum).toEqual(clearSum(script, result.contributors));
      expect(result.costs.agreements).toBe(0);
      expect(result.costs.maskExpansions).toBe(round === 3 ? 5 + 5 : 6);
      agreements.push(...[...participants.values()].map(({ costs }) => costs.agreements));
    }
    expect(agreements).toEqual([...Array.from({ length: 6 }, () => 10), ...Array.from({ length: 18 }, () => 0)]);
  });
});
