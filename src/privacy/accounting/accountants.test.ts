/** One suite for every accountant: what must hold whatever the way of counting. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Accountant } from './accountant.ts';
import { createZcdpAccountant } from './concentrated/zcdp-accountant.ts';
import * as make from './events/constructors.ts';
import type { DpEvent, NeighboringRelation } from './events/event.ts';
import { createGdpAccountant } from './gaussian-dp/gdp-accountant.ts';
import { createPldAccountant } from './pld/pld-accountant.ts';
import { createRdpAccountant } from './rdp/rdp-accountant.ts';
import { RELATIONS } from './relation.ts';

const numRuns = process.env.SLOW === '1' ? 100 : 5;

const ACCOUNTANTS: Readonly<Record<string, (relation: NeighboringRelation) => Accountant>> = {
  rdp: (relation) => createRdpAccountant({ relation }),
  pld: (relation) => createPldAccountant({ relation, tolerance: { epsilon: 5e-3 } }),
  zcdp: (relation) => createZcdpAccountant({ relation }),
  gdp: (relation) => createGdpAccountant({ relation }),
};

const gaussian = make.gaussian({ noiseMultiplier: 3 });

/** One event of every kind. */
const EVENTS: readonly DpEvent[] = [
  make.noOp(),
  gaussian,
  make.laplace({ noiseMultiplier: 5 }),
  make.discreteLaplace({ noiseParameter: 0.2, sensitivity: 1 }),
  make.discreteGaussian({ sigma: 4, sensitivity: 1, dimension: 1 }),
  make.discreteGaussian({ sigma: 40, sensitivity: 10, dimension: 8 }),
  make.zeroConcentrated({ rho: 0.05, xi: 0.01 }),
  make.epsilonDelta({ epsilon: 0.2, delta: 1e-7 }),
  make.randomizedResponse({ noiseParameter: 0.8, buckets: 5 }),
  make.exponential({ epsilon: 0.3 }),
  make.permuteAndFlip({ epsilon: 0.3 }),
  make.mixtureOfGaussians({ noiseStddev: 2, sensitivities: [0, 1], probabilities: [0.9, 0.1] }),
  make.truncatedPoissonGaussian({ datasetSize: 500, samplingRate: 0.1, truncatedBatchSize: 60, noiseMultiplier: 3 }),
  make.treeAggregation({ noiseMultiplier: 6, stepCounts: 7 }),
  make.distributedDiscreteGaussian({ shares: 5, shareVariance: 2000, l2Sensitivity: 30, dimension: 50 }),
  make.skellam({ variance: 10_000, l2Sensitivity: 30, dimension: 50 }),
  make.roundedDiscreteGaussian({ clients: 20, dimension: 16, clipNorm: 1, gamma: 0.01, beta: 0.5, localStddev: 0.7 }),
  make.roundedSkellam({ dimension: 16, clipNorm: 1, scale: 100, beta: 0.5, centralStddev: 3 }),
  make.shuffledReports({ reports: 400, epsilon0: 1 }),
  make.matrixFactorization({ noiseMultiplier: 6, sensitivity: 2 }),
  make.bandedMatrixFactorization({ noiseMultiplier: 3, iterations: 20, bands: 8, samplingRate: 0.1 }),
  make.poissonSampled({ samplingRate: 0.1, event: gaussian }),
  make.poissonSampled({ samplingRate: 0.1, event: make.laplace({ noiseMultiplier: 2 }) }),
  make.sampledWithoutReplacement({ datasetSize: 100, sampleSize: 10, event: gaussian }),
  make.fixedOrderEpoch({ order: 'shuffled', batches: 10, event: gaussian }),
  make.repeatAndSelect({ event: gaussian, mean: 5, shape: 1 }),
  make.composed([gaussian, make.laplace({ noiseMultiplier: 9 })]),
];

function epsilonOf(accountant: Accountant, events: readonly DpEvent[]): number {
  for (const event of events) accountant.compose(event);
  return accountant.epsilon(1e-5);
}

describe.each(Object.entries(ACCOUNTANTS))('the %s accountant', (name, create) => {
  const cases = RELATIONS.flatMap((relation) =>
    EVENTS.filter((event) => create(relation).supports(event)).map((event) => ({ event, relation })),
  );

  it('supports something under every relation', () => {
    for (const relation of RELATIONS) expect(cases.some((entry) => entry.relation === relation)).toBe(true);
  });

  it('counts SelfComposed(event, n) as the explicit list, for every kind', () => {
    for (const { event, relation } of cases) {
      const listed = epsilonOf(create(relation), [event, event, event]);
      const folded = epsilonOf(create(relation), [make.selfComposed(event, 3)]);
      expect(folded, `${event.kind} under ${relation}`).toBeCloseTo(listed, 10);
    }
  });

  it('costs more for more rounds, and nothing for none', () => {
    for (const { event, relation } of cases) {
      if (event.kind === 'noOp') continue;
      const costs = [0, 1, 2, 5].map((count) => epsilonOf(create(relation), [make.selfComposed(event, count)]));
      expect(costs[0]).toBe(0);
      // The pld bound moves within its tolerance from grid to grid.
      for (let i = 1; i < costs.length; i += 1) {
        expect(costs[i]! * 1.006, `${event.kind} under ${relation}`).toBeGreaterThanOrEqual(costs[i - 1]!);
      }
      expect(costs[3], `${event.kind} under ${relation}`).toBeGreaterThan(costs[1]!);
    }
  });

  it('refuses what it does not support before anything is composed', () => {
    for (const relation of RELATIONS) {
      for (const event of [...EVENTS, make.unsupported()]) {
        const accountant = create(relation);
        if (accountant.supports(event)) continue;
        expect(() => accountant.compose(make.composed([gaussian, event]))).toThrow(
          expect.objectContaining({ code: expect.stringMatching(/^accounting\/un(supported-event|known-relation)$/) }),
        );
        expect(accountant.epsilon(1e-5)).toBe(0);
      }
    }
    expect(create('zero-out').supports(make.unsupported())).toBe(false);
  });

  it('gives no guarantee for a non-private operation', () => {
    const accountant = create('add-or-remove-one');
    accountant.compose(make.nonPrivate());
    expect(accountant.epsilon(1e-5)).toBe(Infinity);
    expect(accountant.delta(3)).toBe(1);
  });

  it('costs less with more noise, whatever the order of composition', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.7, max: 8, noNaN: true }),
        fc.double({ min: 1.05, max: 4, noNaN: true }),
        fc.integer({ min: 1, max: 40 }),
        (sigma, more, count) => {
          const event = (noiseMultiplier: number): DpEvent =>
            make.selfComposed(make.gaussian({ noiseMultiplier }), count);
          const loud = epsilonOf(create('add-or-remove-one'), [event(sigma)]);
          expect(epsilonOf(create('add-or-remove-one'), [event(sigma * more)])).toBeLessThan(loud);
          const forth = epsilonOf(create('zero-out'), [event(sigma), event(sigma * more), gaussian]);
          const back = epsilonOf(create('zero-out'), [gaussian, event(sigma * more), event(sigma)]);
          expect(back).toBeCloseTo(forth, 10);
        },
      ),
      { numRuns },
    );
  });

  it('keeps a clone apart from its original', () => {
    const accountant = create('zero-out');
    accountant.compose(gaussian);
    const clone = accountant.clone();
    clone.compose(gaussian);
    expect(accountant.epsilon(1e-5)).toBe(epsilonOf(create('zero-out'), [gaussian]));
    expect(clone.epsilon(1e-5)).toBeGreaterThan(accountant.epsilon(1e-5));
    expect(accountant.name).toBe(name);
  });

  it('turns epsilon back into delta', () => {
    for (const delta of [1e-3, 1e-7]) {
      const accountant = create('add-or-remove-one');
      accountant.compose(gaussian, 7);
      const back = accountant.delta(accountant.epsilon(delta));
      expect(back).toBeGreaterThan(delta * 0.9);
      expect(back).toBeLessThan(delta * 1.0001);
    }
  });
});

describe('the accountants against each other', () => {
  it('agree on their order: distributions at most divergences, divergences at most pure sums', () => {
    for (const relation of RELATIONS) {
      for (const event of EVENTS) {
        const [rdp, pld] = [ACCOUNTANTS['rdp']!(relation), ACCOUNTANTS['pld']!(relation)];
        if (!rdp.supports(event) || !pld.supports(event)) continue;
        rdp.compose(event, 4);
        pld.compose(event, 4);
        const upper = pld.epsilon(1e-6);
        expect(upper, `${event.kind} under ${relation}`).toBeLessThanOrEqual(rdp.epsilon(1e-6) * 1.006);
        expect(pld.epsilonInterval(1e-6).lower).toBeLessThanOrEqual(upper);
      }
    }
  });

  it('doubles the sensitivity under replace-one, in every accountant', () => {
    for (const create of Object.values(ACCOUNTANTS)) {
      const replaced = create('replace-one');
      const doubled = create('zero-out');
      replaced.compose(make.gaussian({ noiseMultiplier: 4 }));
      doubled.compose(make.gaussian({ noiseMultiplier: 2 }));
      expect(replaced.epsilon(1e-5)).toBeCloseTo(doubled.epsilon(1e-5), 12);
    }
  });

  it('takes the best order of a continuum for zCDP', () => {
    const zcdp = createZcdpAccountant({ relation: 'zero-out' });
    const rdp = createRdpAccountant({ relation: 'zero-out' });
    for (const accountant of [zcdp, rdp]) accountant.compose(make.zeroConcentrated({ rho: 0.01, xi: 0 }), 10);
    expect(zcdp.epsilon(1e-5)).toBeLessThanOrEqual(rdp.epsilon(1e-5));
    expect(zcdp.epsilon(1e-5)).toBeGreaterThan(rdp.epsilon(1e-5) * 0.999);
  });

  it('refuses fixed-order batches under add-or-remove-one everywhere', () => {
    const event = make.fixedOrderEpoch({ order: 'cyclic', batches: 10, event: gaussian });
    for (const [name, create] of Object.entries(ACCOUNTANTS)) {
      if (name === 'gdp') continue;
      expect(() => create('add-or-remove-one').compose(event)).toThrow(
        expect.objectContaining({ code: 'accounting/unknown-relation' }),
      );
      expect(epsilonOf(create('zero-out'), [event])).toBe(epsilonOf(create('zero-out'), [gaussian]));
    }
  });
});
