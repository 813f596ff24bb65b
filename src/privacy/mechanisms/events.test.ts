/** Every mechanism against the accountants: the event of a run never costs more than the mechanism says it does. */
import { describe, expect, it } from 'vitest';

import { createAccountant, type DpEvent, eventFromJson, eventToJson } from '../accounting/index.ts';
import * as mechanisms from './index.ts';
import type { Mechanism } from './index.ts';

const noise = { kind: 'laplace', epsilon: 0.7 } as const;
const bounds = { lower: 0, upper: 10 };
const strategy = mechanisms.createBandedStrategy({ steps: 12, bands: 4 });

const all: readonly Mechanism[] = [
  mechanisms.createAdaptiveClipping({
    initialClipNorm: 1,
    targetQuantile: 0.5,
    countNoiseMultiplier: 3,
    expectedCount: 10,
  }),
  mechanisms.createBoundedDomainLaplace({ sensitivity: 1, epsilon: 0.7, ...bounds }),
  mechanisms.createBoundedNoiseLaplace({ sensitivity: 1, epsilon: 0.7, delta: 1e-4 }),
  mechanisms.createCategoricalExponential({
    epsilon: 0.7,
    categories: ['a', 'b'],
    distances: [
      [0, 1],
      [1, 0],
    ],
  }),
  mechanisms.createCategoryHistogram({ categories: ['a', 'b'], noise }),
  mechanisms.createCount({ noise }),
  mechanisms.createDiscreteGaussianMechanism({ l2Sensitivity: 3, noiseMultiplier: 2, dimension: 7 }),
  mechanisms.createDiscreteLaplaceMechanism({ l1Sensitivity: 3, epsilon: 0.7 }),
  mechanisms.createDistributedDiscreteGaussian({
    l2Sensitivity: 30,
    noiseMultiplier: 2,
    honestShares: 4,
    dimension: 10,
  }),
  mechanisms.createDistributedSkellam({ l2Sensitivity: 30, noiseMultiplier: 2, honestShares: 4, dimension: 10 }),
  mechanisms.createExponential({ epsilon: 0.7, sensitivity: 1 }),
  mechanisms.createFoldedLaplace({ l1Sensitivity: 1, epsilon: 0.7, ...bounds }),
  mechanisms.createGaussian({ l2Sensitivity: 1, noiseMultiplier: 2, dimension: 100 }),
  mechanisms.createHadamardResponse({ epsilon: 0.7, buckets: 5 }),
  mechanisms.createHistogram({ edges: [0, 1, 2], noise }),
  mechanisms.createHistogramNd({
    edges: [
      [0, 1, 2],
      [0, 1],
    ],
    noise,
  }),
  mechanisms.createLaplace({ l1Sensitivity: 1, epsilon: 0.7, dimension: 5 }),
  mechanisms.createLocalVectorMean({ epsilon: 0.7, dimension: 8, clipNorm: 1, rotationSeed: new Uint8Array(32) }),
  mechanisms.createMatrixMechanism({
    strategy,
    participation: { minSeparation: 4 },
    dimension: 10,
    clipNorm: 1,
    noiseMultiplier: 4,
  }),
  mechanisms.createMean({ ...bounds, noise }),
  mechanisms.createMedian({ epsilon: 0.7, ...bounds }),
  mechanisms.createOptimizedLocalHashing({ epsilon: 0.7, buckets: 5 }),
  mechanisms.createOptimizedUnaryEncoding({ epsilon: 0.7, buckets: 5 }),
  mechanisms.createPartitionSelection({ epsilon: 0.7, delta: 1e-4, maxPartitions: 2 }),
  mechanisms.createPermuteAndFlip({ epsilon: 0.7, sensitivity: 1 }),
  mechanisms.createQuantiles({ quantiles: [0.1, 0.5, 0.9], epsilon: 0.7, ...bounds }),
  mechanisms.createRandomizedResponse({ epsilon: 0.7, buckets: 4 }),
  mechanisms.createRappor({
    bits: 16,
    hashes: 2,
    permanentNoise: 0.9,
    zeroRate: 0.2,
    oneRate: 0.8,
    maxValues: 2,
  }),
  mechanisms.createReportNoisyMax({ epsilon: 0.7, sensitivity: 1 }),
  mechanisms.createSparseVector({ epsilon: 0.7, sensitivity: 1, maxAbove: 3 }),
  mechanisms.createStaircase({ sensitivity: 1, epsilon: 0.7 }),
  mechanisms.createStandardDeviation({ ...bounds, noise }),
  mechanisms.createSum({ ...bounds, noise }),
  mechanisms.createTreeAggregation({ steps: 9, dimension: 10, clipNorm: 1, noiseMultiplier: 4 }),
  mechanisms.createTruncatedLaplace({ l1Sensitivity: 1, epsilon: 0.7, ...bounds }),
  mechanisms.createUniform({ sensitivity: 1, delta: 1e-4 }),
  mechanisms.createVariance({ ...bounds, noise }),
  mechanisms.createVectorMechanism({ l2Sensitivity: 1, epsilon: 0.7, dimension: 4 }),
];

function epsilonOf(event: DpEvent, { guarantee }: Mechanism, delta: number): number {
  const accountant = createAccountant({ accountant: 'rdp', relation: guarantee.relations[0] ?? 'zero-out' });
  accountant.compose(event);
  return accountant.epsilon(delta);
}

describe('every mechanism', () => {
  it('is in this list: all that the door makes and that issues an event of its own', () => {
    // Samplers wrap events, strategies and clippers have none, and integer noise knows no sensitivity.
    const others =
      /Sampler$|Strategy$|Clipper$|^createDiscreteGaussian$|^createDiscreteLaplace$|^createSkellam$|^createBinomial$|Calibrated/;
    const made = Object.keys(mechanisms).filter((name) => name.startsWith('create') && !others.test(name));
    expect(all).toHaveLength(made.length);
  });

  it.each(all.map((mechanism) => [mechanism.kind, mechanism] as const))(
    '%s charges no more than it says, and its event survives JSON',
    (_, mechanism) => {
      const { measure, epsilon, delta = 0, rho } = mechanism.guarantee;
      const event = mechanism.event();
      expect(eventFromJson(JSON.parse(JSON.stringify(eventToJson(event))))).toEqual(event);
      const stated =
        measure === 'pure' || measure === 'approximate'
          ? { delta, epsilon: epsilon as number }
          : // A ρ-zCDP guarantee as (ε, δ) by its plain conversion; Rényi guarantees are the accountant's own.
            { delta: 1e-6, epsilon: rho === undefined ? Infinity : rho + 2 * Math.sqrt(rho * Math.log(1e6)) };
      const charged = epsilonOf(event, mechanism, stated.delta);
      expect(charged).toBeLessThanOrEqual(stated.epsilon * (1 + 1e-12));
      expect(charged > 0 || epsilon === 0).toBe(true);
      expect(mechanism.guarantee.relations.length).toBeGreaterThan(0);
      expect(mechanism.guarantee.source).toMatch(/^\[/);
    },
  );
});
