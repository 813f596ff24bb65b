import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createAccountant, createRdpAccountant } from '../../privacy/accounting/index.ts';
import { createAggregator, secaggConfig } from './aggregator.ts';
import { planTask, type RoundsTask } from './index.ts';

const task = ({
  participants = 20,
  threshold = 15,
  maxCorrupt = 1,
  epsilon = 3,
  rounds = 50,
  spareRounds = 2,
  samplingRate = 0.1,
  accountant = 'rdp' as 'rdp' | 'pld',
} = {}): RoundsTask => ({
  name: 'test',
  participants,
  privacy: {
    privacyUnit: 'example',
    trust: 'nobody',
    aggregation: {
      kind: 'secagg',
      threshold,
      shareRatio: 1,
      adversary: 'honest-but-curious',
      setup: 'round',
      stageTimeoutMs: 1000,
    },
    maxCorrupt,
    epsilon,
    delta: 1e-5,
    relation: 'add-or-remove-one',
    accountant,
  },
  rounds: { rounds, spareRounds, samplingRate, clipNorm: 1, clampRange: 64, expectedBatchSize: 100 },
});
const facts = { dimension: 1000, clippedSumSensitivity: 1.0005 };

describe('a plan', () => {
  it('spends no more than the task allows, over all attempts, and almost all of it', () => {
    fc.assert(
      fc.property(
        fc.record({
          epsilon: fc.double({ min: 0.3, max: 12, noNaN: true }),
          rounds: fc.integer({ min: 1, max: 300 }),
          samplingRate: fc.double({ min: 0.001, max: 0.5, noNaN: true }),
        }),
        (options) => {
          const { event, attempts, epsilonAtEnd } = planTask(task(options), facts);
          const accountant = createRdpAccountant({ relation: 'add-or-remove-one' });
          if (event === undefined) throw new Error('no event');
          accountant.compose(event, attempts);
          expect(accountant.epsilon(1e-5)).toBe(epsilonAtEnd);
          expect(epsilonAtEnd).toBeLessThanOrEqual(options.epsilon);
          expect(epsilonAtEnd).toBeGreaterThan(options.epsilon * 0.98);
        },
      ),
      { numRuns: process.env.SLOW === '1' ? 25 : 5 },
    );
  });

  it('lets everybody see the whole cohort on a sparse graph with noise against a malicious coordinator', () => {
    const usual = task({ participants: 60, maxCorrupt: 3 });
    const aggregation = {
      kind: 'secagg',
      shareRatio: 'auto',
      dropoutFraction: 0.1,
      adversary: 'malicious-coordinator',
      setup: 'round',
      stageTimeoutMs: 1000,
    } as const;
    const plan = planTask({ ...usual, privacy: { ...usual.privacy, aggregation } }, facts);
    const address = { taskId: 'sparse', round: 0, attempt: 0 };
    expect(secaggConfig(plan, address).graph).toMatchObject({ kind: 'harary', draw: 'commit-reveal' });
    const cohort = Array.from({ length: 60 }, (_, i) => `member-${i}`);
    // Anything less is refused where the aggregator is made.
    expect(createAggregator({ plan, address, cohort }).stage).toBe('advertiseKeys');
  });

  it('takes less noise with the tight accountant, which agrees that the budget is kept', () => {
    const loose = planTask(task(), facts);
    const tight = planTask(task({ accountant: 'pld' }), facts);
    expect(tight.noise?.noiseMultiplier).toBeLessThan(0.99 * (loose.noise?.noiseMultiplier ?? 0));
    const accountant = createAccountant({ accountant: 'pld', relation: 'add-or-remove-one' });
    if (tight.event === undefined) throw new Error('no event');
    accountant.compose(tight.event, tight.attempts);
    expect(accountant.epsilon(1e-5)).toBe(tight.epsilonAtEnd);
    expect(tight.epsilonAtEnd).toBeLessThanOrEqual(3);
    expect(tight.epsilonAtEnd).toBeGreaterThan(2.99);
    expect(tight.digest).not.toEqual(loose.digest);
  });

  it('has a grid so fine that its rounding is at most 1 % of the clip norm, and charges that rounding', () => {
    for (const dimension of [1, 25_450, 1_000_000]) {
      const { quantizationScale, noise, clipNorm } = planTask(task(), { ...facts, dimension });
      const root = Math.sqrt(dimension);
      expect(root).toBeLessThanOrEqual(0.01 * clipNorm * quantizationScale);
      expect(Number.isInteger(Math.log2(quantizationScale))).toBe(true);
      expect(noise?.l2Sensitivity).toBeGreaterThanOrEqual(1.0005 * quantizationScale + root);
    }
  });

  it('provides noise for the honest survivors of the worst round: threshold − maxCorrupt, at least one', () => {
    for (const [threshold, maxCorrupt, honest] of [
      [15, 1, 14],
      [16, 1, 15],
      [20, 19, 1],
    ] as const) {
      const { noise } = planTask(task({ threshold, maxCorrupt }), facts);
      expect(noise?.honestShares).toBe(honest);
      const sigma = (noise?.noiseMultiplier ?? 0) * (noise?.l2Sensitivity ?? 0);
      expect((noise?.shareVariance ?? 0) * honest).toBeGreaterThanOrEqual(sigma ** 2);
    }
  });

  it('has a ring that holds the largest sum with its noise', () => {
    const { bitWidth, clampRange, quantizationScale, noise, participants } = planTask(task(), facts);
    const largest = participants * clampRange * quantizationScale;
    const noiseTail = 7 * Math.sqrt((noise?.shareVariance ?? 0) * participants);
    expect(largest + noiseTail).toBeLessThan(2 ** (bitWidth - 1));
  });

  it('is refused when two survivor sets need not share an honest participant', () => {
    expect(() => planTask(task({ threshold: 10 }), facts)).toThrow(/2 · threshold > participants \+ maxCorrupt/);
    expect(() => planTask(task({ threshold: 21 }), facts)).toThrow(/threshold must be in/);
    expect(() => planTask(task({ threshold: 11, maxCorrupt: 1 }), facts)).not.toThrow();
  });

  it('has another digest whenever anything in it differs', () => {
    const digests = [
      {},
      { epsilon: 2.9 },
      { rounds: 51 },
      { threshold: 16 },
      { maxCorrupt: 2 },
      { samplingRate: 0.11 },
    ].map((options) => planTask(task(options), facts).digest.toString());
    expect(new Set(digests).size).toBe(digests.length);
    expect(planTask(task(), facts).digest.toString()).toBe(digests[0]);
  });
});
