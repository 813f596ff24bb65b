import { describe, expect, it } from 'vitest';

import { assertFits, assertRejected, chiSquareTest, createTestRng } from '../../../../test/statistical/assert.ts';
import {
  composed,
  createRdpAccountant,
  discreteGaussian,
  gaussian,
  laplace,
  type DpEvent,
} from '../../accounting/index.ts';
import {
  createCyclicSampler,
  createFixedSizeSampler,
  createShuffledSampler,
  createTruncatedPoissonSampler,
  sampleSubset,
} from './fixed-samplers.ts';
import { createPoissonSampler } from './poisson-sampler.ts';

describe('fixed-size samples', () => {
  it('are uniform over all subsets, and the test sees one that favours the first record', () => {
    const rng = createTestRng('subsets');
    const subsets = new Map<string, number>();
    for (let a = 0; a < 6; a += 1) for (let b = a + 1; b < 6; b += 1) subsets.set(`${a},${b}`, subsets.size);
    const counts = Array.from(subsets, () => 0);
    const biased = Array.from(subsets, () => 0);
    for (let i = 0; i < 15_000; i += 1) {
      const at = subsets.get(sampleSubset({ size: 6, count: 2 }, rng).join()) as number;
      counts[at] = (counts[at] as number) + 1;
      const wrong = i % 10 === 0 ? 0 : at;
      biased[wrong] = (biased[wrong] as number) + 1;
    }
    assertFits(
      chiSquareTest(
        counts,
        counts.map(() => 1 / 15),
      ),
    );
    assertRejected(
      chiSquareTest(
        biased,
        counts.map(() => 1 / 15),
      ),
    );
    expect([...sampleSubset({ size: 5, count: 5 }, rng)]).toEqual([0, 1, 2, 3, 4]);
  });

  it('halve the multiplier, because a record replaced moves the sum twice', () => {
    const sampler = createFixedSizeSampler({ datasetSize: 100, sampleSize: 10 });
    expect(sampler.sample(createTestRng('ten'))).toHaveLength(10);
    expect(sampler.event(gaussian({ noiseMultiplier: 3 }))).toMatchObject({
      kind: 'sampledWithoutReplacement',
      datasetSize: 100,
      sampleSize: 10,
      event: { kind: 'gaussian', noiseMultiplier: 1.5 },
    });
    expect(() => sampler.event(laplace({ noiseMultiplier: 1 }))).toThrow(/Gaussian/);
    expect(() => createFixedSizeSampler({ datasetSize: 5, sampleSize: 6 })).toThrow(RangeError);
  });
});

describe('continuous stand-ins', () => {
  const epsilonOf = (event: DpEvent) => {
    const accountant = createRdpAccountant({ relation: 'replace-one' });
    accountant.compose(event, 50);
    return accountant.epsilon(1e-6);
  };

  it('cost a hair more than the discrete noise on a fine grid', () => {
    const sampler = createFixedSizeSampler({ datasetSize: 1000, sampleSize: 10 });
    const fine = sampler.event(discreteGaussian({ sigma: 3e6, sensitivity: 1e6, dimension: 1000 }));
    const real = sampler.event(gaussian({ noiseMultiplier: 3 }));
    expect(epsilonOf(fine) / epsilonOf(real)).toBeGreaterThanOrEqual(1);
    expect(epsilonOf(fine) / epsilonOf(real)).toBeLessThan(1 + 1e-9);
    const coarse = discreteGaussian({ sigma: 1, sensitivity: 1, dimension: 1000 });
    expect(() => sampler.event(coarse)).toThrow(/finer grid/);
  });

  it('join several sums on one Poisson sample into one', () => {
    const sampler = createPoissonSampler({ samplingRate: 0.1 });
    const both = sampler.event(composed([gaussian({ noiseMultiplier: 3 }), gaussian({ noiseMultiplier: 4 })]));
    if (both.kind !== 'poissonSampled' || both.event.kind !== 'gaussian') throw new Error('unexpected event');
    expect(both.event.noiseMultiplier).toBeCloseTo(2.4, 12);
    const mixed = sampler.event(composed([discreteGaussian({ sigma: 3e5, sensitivity: 1e5, dimension: 9 })]));
    expect(mixed.kind).toBe('composed');
  });
});

describe('truncated Poisson samples', () => {
  it('never exceed the ceiling, fall below it freely, and say so in the event', () => {
    const rng = createTestRng('truncated poisson');
    const sampler = createTruncatedPoissonSampler({ datasetSize: 100, samplingRate: 0.1, truncatedBatchSize: 10 });
    const sizes = Array.from({ length: 300 }, () => sampler.sample(rng).length);
    expect(Math.max(...sizes)).toBe(10);
    expect(Math.min(...sizes)).toBeLessThan(8);
    expect(sampler.event(gaussian({ noiseMultiplier: 2 }))).toMatchObject({
      kind: 'truncatedPoissonGaussian',
      datasetSize: 100,
      samplingRate: 0.1,
      truncatedBatchSize: 10,
      noiseMultiplier: 2,
    });
  });
});

describe('epochs', () => {
  it('hold every record once, in batches of nearly equal size, shuffled or in order', () => {
    const rng = createTestRng('epochs');
    for (const sampler of [createShuffledSampler({ batches: 4 }), createCyclicSampler({ batches: 4 })]) {
      const batches = sampler.epoch(10, rng);
      expect(batches.map((batch) => batch.length).sort((a, b) => a - b)).toEqual([2, 2, 3, 3]);
      expect(batches.flatMap((batch) => [...batch]).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
    expect(createCyclicSampler({ batches: 2 }).epoch(4, rng)[0]).toEqual(Uint32Array.of(0, 1));
    const first = Array.from({ length: 4 }, () => 0);
    const shuffled = createShuffledSampler({ batches: 4 });
    for (let i = 0; i < 4_000; i += 1) {
      const at = shuffled.epoch(4, rng).findIndex((batch) => batch[0] === 0);
      first[at] = (first[at] as number) + 1;
    }
    assertFits(chiSquareTest(first, [0.25, 0.25, 0.25, 0.25]));
  });

  it('cost one unsampled step, and nothing can be said when a record is added or removed', () => {
    const inner = gaussian({ noiseMultiplier: 1 });
    const event = createShuffledSampler({ batches: 100 }).event(inner);
    expect(event).toMatchObject({ kind: 'fixedOrderEpoch', order: 'shuffled', batches: 100, event: inner });
    const accountant = createRdpAccountant({ relation: 'zero-out' });
    accountant.compose(event);
    const plain = createRdpAccountant({ relation: 'zero-out' });
    plain.compose(inner);
    expect(accountant.epsilon(1e-6)).toBe(plain.epsilon(1e-6));
    expect(() => createRdpAccountant({ relation: 'add-or-remove-one' }).compose(event)).toThrow(/later batch/);
  });
});
