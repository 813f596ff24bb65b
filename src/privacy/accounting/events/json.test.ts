import { describe, expect, it } from 'vitest';

import { AccountingError } from '../errors.ts';
import * as make from './constructors.ts';
import type { DpEvent } from './event.ts';
import { encodeEvent, eventFromJson, eventToJson } from './json.ts';
import { EVENT_SCHEMAS, isEvent } from './schema.ts';

const inner = make.gaussian({ noiseMultiplier: 1.1 });

/** One event of every kind. */
const EVERY_KIND: readonly DpEvent[] = [
  make.noOp(),
  make.nonPrivate(),
  make.unsupported(),
  inner,
  make.laplace({ noiseMultiplier: 2 }),
  make.discreteLaplace({ noiseParameter: 0.5, sensitivity: 3 }),
  make.discreteGaussian({ sigma: 2 }),
  make.zeroConcentrated({ rho: 0.1, xi: 0.2 }),
  make.epsilonDelta({ epsilon: 1, delta: 1e-6 }),
  make.randomizedResponse({ noiseParameter: 0.5, buckets: 4 }),
  make.exponential({ epsilon: 1 }),
  make.permuteAndFlip({ epsilon: 1 }),
  make.mixtureOfGaussians({ noiseStddev: 1, sensitivities: [0, 1], probabilities: [0.25, 0.75] }),
  make.truncatedPoissonGaussian({ datasetSize: 100, samplingRate: 0.1, truncatedBatchSize: 20, noiseMultiplier: 1 }),
  make.treeAggregation({ noiseMultiplier: 3, stepCounts: [4, 8] }),
  make.distributedDiscreteGaussian({ shares: 10, shareVariance: 4, l2Sensitivity: 5, dimension: 100 }),
  make.skellam({ variance: 40, l2Sensitivity: 5, l1Sensitivity: 9, dimension: 100 }),
  make.roundedDiscreteGaussian({ clients: 10, dimension: 8, clipNorm: 1, gamma: 0.01, beta: 0.5, localStddev: 0.2 }),
  make.roundedSkellam({ dimension: 8, clipNorm: 1, scale: 100, beta: 0.5, centralStddev: 1 }),
  make.shuffledReports({ reports: 1000, epsilon0: 1 }),
  make.matrixFactorization({ noiseMultiplier: 3, sensitivity: 1.5 }),
  make.bandedMatrixFactorization({ noiseMultiplier: 1, iterations: 100, bands: 8, samplingRate: 0.1 }),
  make.poissonSampled({ samplingRate: 0.01, event: inner }),
  make.sampledWithoutReplacement({ datasetSize: 100, sampleSize: 10, event: inner }),
  make.fixedOrderEpoch({ order: 'cyclic', batches: 10, event: inner }),
  make.repeatAndSelect({ event: inner, mean: 10, shape: Infinity }),
  make.composed([inner, make.laplace({ noiseMultiplier: 1 })]),
  make.selfComposed(inner, 7),
];

describe('events as JSON', () => {
  it('reads back every kind exactly', () => {
    expect(EVERY_KIND.map((event) => event.kind).sort()).toEqual(Object.keys(EVENT_SCHEMAS).sort());
    for (const event of EVERY_KIND) {
      const back = eventFromJson(JSON.parse(JSON.stringify(eventToJson(event))));
      expect(back).toEqual(event);
      expect(encodeEvent(back)).toBe(encodeEvent(event));
      expect(isEvent(back)).toBe(true);
    }
  });

  it('freezes what it makes, to the bottom', () => {
    const event = make.composed([make.mixtureOfGaussians({ noiseStddev: 1, sensitivities: [1], probabilities: [1] })]);
    expect(Object.isFrozen(event.events)).toBe(true);
    const [mixture] = event.events;
    expect(mixture?.kind === 'mixtureOfGaussians' && Object.isFrozen(mixture.sensitivities)).toBe(true);
  });

  it('refuses what it does not know', () => {
    const bad: readonly [unknown, RegExp][] = [
      [{ type: 'Wavelet' }, /"event\.type" is no known event/],
      [{ type: 'Gaussian', noise_multiplier: 1, clip: 2 }, /"event\.clip" is no field/],
      [{ type: 'Gaussian' }, /"noiseMultiplier" of Gaussian must be a finite number ≥ 0, got nothing/],
      [{ type: 'Gaussian', noise_multiplier: -1 }, /got -1/],
      [{ type: 'Gaussian', noise_multiplier: '1' }, /must be a finite number/],
      [{ type: 'SelfComposed', count: 1.5, event: { type: 'NoOp' } }, /must be an integer/],
      [{ type: 'Composed', events: [{ type: 'NoOp' }, { type: 'Nope' }] }, /"event\.events\[1\]\.type"/],
      [{ type: 'PoissonSampled', sampling_probability: 1.01, event: { type: 'NoOp' } }, /must be a number in \[0, 1\]/],
      [{ type: 'MixtureOfGaussians', standard_deviation: 1, sensitivities: [1], sampling_probs: [0.5] }, /add up to 1/],
      [[], /must be an object/],
      [null, /must be an object/],
    ];
    for (const [json, message] of bad) {
      expect(() => eventFromJson(json)).toThrow(message);
      expect(() => eventFromJson(json)).toThrow(AccountingError);
    }
  });

  it('reads the reference rows of a whole rounded run as a composition of sampled rounds', () => {
    const round = { num_clients: 100, dim: 250, l2_clip: 10, gamma: 0.01, beta: 0.5, local_stddev: 1, rounding: true };
    const event = eventFromJson({ type: 'DistributedDiscreteGaussian', ...round, q: 0.1, steps: 20 });
    expect(event).toMatchObject({
      kind: 'selfComposed',
      count: 20,
      event: { kind: 'poissonSampled', samplingRate: 0.1, event: { kind: 'roundedDiscreteGaussian', clients: 100 } },
    });
    expect(eventFromJson({ type: 'DistributedDiscreteGaussian', ...round })).toMatchObject({
      kind: 'roundedDiscreteGaussian',
    });
  });
});
