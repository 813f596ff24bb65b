import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { computeGaussianEpsilon, createAccountant } from '../../privacy/accounting/index.ts';
import { layoutNorm } from '../aggregation/index.ts';
import {
  countsMemberships,
  createContributionEncoder,
  createParticipations,
  planTask,
  privacySchema,
  type RoundsSettings,
  type TaskPlan,
} from './index.ts';

const facts = { dimension: 500, clippedSumSensitivity: 1.0005 };
const updates = { local: { epochs: 1, batchSize: 10, learningRate: 0.1 } };
const gradients = { samplingRate: 0.1, expectedBatchSize: 10 };
const budget = { epsilon: 3, delta: 1e-5 };
const secagg = { kind: 'secagg', threshold: 15 };
const clear = { kind: 'clear' };

function plan(privacy: unknown, rounds: Partial<RoundsSettings> = updates, participants = 20): TaskPlan {
  const settings = { rounds: 10, spareRounds: 2, clipNorm: 1, clampRange: 64, ...rounds };
  return planTask({ name: 'test', participants, privacy: privacySchema.parse(privacy), rounds: settings }, facts);
}

function spent(
  { event }: TaskPlan,
  count: number,
  relation: 'zero-out' | 'replace-one' | 'add-or-remove-one',
  delta = 1e-5,
) {
  const accountant = createAccountant({ accountant: 'rdp', relation });
  if (event === undefined) throw new Error('no event');
  accountant.compose(event, count);
  return accountant.epsilon(delta);
}

describe('client-level noise', () => {
  it('under nobody is for the honest shares that are sure to be there, at rate 1, under zero-out', () => {
    const made = plan({ privacyUnit: 'client', trust: 'nobody', aggregation: secagg, maxCorrupt: 2, ...budget });
    expect(made.noise).toMatchObject({ addedBy: 'protocol', honestShares: 13 });
    expect(made.event).toMatchObject({ kind: 'distributedDiscreteGaussian', shares: 13, dimension: 512 });
    expect(made.entries).toBe(512);
    expect(spent(made, 12, 'zero-out')).toBe(made.epsilonAtEnd);
    expect(made.epsilonAtEnd).toBeLessThanOrEqual(3);
    expect(made.epsilonAtEnd).toBeGreaterThan(2.97);
    expect(made.noise?.l2Sensitivity).toBeGreaterThanOrEqual(made.quantizationScale);
  });

  it('is calibrated for the rounds that one participant may be in', () => {
    const privacy = { privacyUnit: 'client', trust: 'nobody', aggregation: secagg, maxCorrupt: 1, ...budget };
    const often = plan(privacy);
    const seldom = plan({ ...privacy, maxParticipations: 3 });
    expect([often.charges, seldom.charges]).toEqual([12, 3]);
    expect(seldom.noise?.noiseMultiplier).toBeLessThan(0.6 * (often.noise?.noiseMultiplier ?? 0));
    expect(spent(seldom, 3, 'zero-out')).toBe(seldom.epsilonAtEnd);
  });

  it('is amplified by secret coins under nobody and by a private draw of the coordinator, by nothing else', () => {
    const coins = plan({
      privacyUnit: 'client',
      trust: 'nobody',
      aggregation: secagg,
      participation: { kind: 'secret-coin', rate: 0.25 },
      ...budget,
    });
    expect(coins.event).toMatchObject({ kind: 'poissonSampled', samplingRate: 0.25 });
    const central = { privacyUnit: 'client', trust: 'coordinator', aggregation: clear, ...budget };
    const drawn = plan({ ...central, participation: { kind: 'private-draw', rate: 0.25 } });
    expect(drawn.event).toMatchObject({ kind: 'poissonSampled', samplingRate: 0.25 });
    const whole = plan(central);
    expect(whole.event).toMatchObject({ kind: 'distributedDiscreteGaussian', shares: 1 });
    expect(drawn.noise?.noiseMultiplier).toBeLessThan(whole.noise?.noiseMultiplier ?? 0);
    for (const made of [coins, drawn, whole]) expect(spent(made, 12, 'zero-out')).toBeLessThanOrEqual(3);
    expect(plan(central, { ...updates, cohortSize: 5 }).event).toEqual(whole.event);
  });

  it('has one charge for update, control, clip signal and weight together', () => {
    const made = plan(
      { privacyUnit: 'client', trust: 'coordinator', aggregation: clear, ...budget },
      {
        ...updates,
        strategy: { kind: 'scaffold', serverLearningRate: 1, controlScale: 1 },
        adaptiveClip: { quantile: 0.5, learningRate: 0.2, scale: 0.1 },
        weights: { kind: 'private', maxExamples: 100, scale: 0.2 },
      },
    );
    expect(made.entries).toBe(1002);
    expect(made.offered).toBe(1001);
    if (made.update === undefined) throw new Error('no updates');
    expect(made.noise?.l2Sensitivity).toBeGreaterThanOrEqual(layoutNorm(made.update.layout) * made.quantizationScale);
  });
});

describe('local noise', () => {
  it('hides a whole update at twice the clip norm, and reports the total', () => {
    const made = plan({
      privacyUnit: 'client',
      trust: 'local',
      aggregation: clear,
      epsilonPerRound: 2,
      deltaPerRound: 1e-5,
    });
    expect(made.noise).toMatchObject({ addedBy: 'each', honestShares: 1 });
    expect(spent(made, 1, 'replace-one')).toBe(made.epsilonPerAttempt);
    expect(made.epsilonPerAttempt).toBeLessThanOrEqual(2);
    expect(made.epsilonPerAttempt).toBeGreaterThan(1.99);
    expect(made.epsilonAtEnd).toBe(spent(made, 12, 'replace-one'));
    expect(made.epsilonAtEnd).toBeGreaterThan(5);
    // The exact Gaussian of sensitivity 2 is within what is promised, that of sensitivity 1 far within.
    const multiplier = made.noise?.noiseMultiplier ?? 0;
    expect(computeGaussianEpsilon(2 / multiplier, 1e-5)).toBeLessThanOrEqual(2);
    expect(computeGaussianEpsilon(2 / multiplier, 1e-5)).toBeGreaterThan(1.5);
  });

  it('hides an example at the clip norm, amplified by the participant’s own sample alone', () => {
    const local = { trust: 'local', aggregation: clear, epsilonPerRound: 2, deltaPerRound: 1e-5 };
    const made = plan({ privacyUnit: 'example', ...local }, gradients);
    expect(made.noise?.addedBy).toBe('each');
    expect(made.event).toMatchObject({ kind: 'poissonSampled', samplingRate: 0.1 });
    expect(made.epsilonPerAttempt).toBe(spent(made, 1, 'add-or-remove-one'));
    expect(made.epsilonPerAttempt).toBeLessThanOrEqual(2);
  });

  it('is refused when the rounds compose to more than the task may cost', () => {
    const local = {
      privacyUnit: 'client',
      trust: 'local',
      aggregation: clear,
      epsilonPerRound: 2,
      deltaPerRound: 1e-5,
    };
    expect(() => plan({ ...local, epsilon: 4 })).toThrow(/composes to/);
    expect(plan({ ...local, epsilon: 50 }).epsilonAtEnd).toBeLessThan(50);
  });
});

describe('a combination that gives no guarantee', () => {
  const client = { privacyUnit: 'client', trust: 'nobody', aggregation: secagg, ...budget };
  const central = { privacyUnit: 'client', trust: 'coordinator', aggregation: clear, ...budget };

  it.each([
    ['nobody in the clear', { ...client, aggregation: clear }],
    ['matrix noise under nobody', { ...client, noise: 'matrix' }],
    ['a draw under nobody', { ...client, participation: { kind: 'private-draw', rate: 0.1 } }],
    ['coins under coordinator', { ...central, participation: { kind: 'secret-coin', rate: 0.1 } }],
    [
      'zero-out where each is seen',
      {
        privacyUnit: 'client',
        trust: 'local',
        relation: 'zero-out',
        aggregation: clear,
        epsilonPerRound: 1,
        deltaPerRound: 1e-5,
      },
    ],
    ['totals in place of a round', { privacyUnit: 'client', trust: 'local', aggregation: clear, ...budget }],
    ['matrix noise under coordinator', { ...central, noise: 'matrix' }],
    ['matrix noise for examples under coordinator', { ...central, privacyUnit: 'example', noise: 'matrix' }],
  ])('does not parse: %s', (_, privacy) => {
    expect(privacySchema.safeParse(privacy).success).toBe(false);
  });

  it('names the reason where noise would be correlated', () => {
    for (const [privacy, reason] of [
      [client, /held by whoever is there/],
      [central, /aborted attempt is repeated with new noise/],
    ] as const) {
      expect(privacySchema.safeParse({ ...privacy, noise: 'matrix' }).error?.message).toMatch(reason);
      expect(privacySchema.safeParse({ ...privacy, noise: 'independent' }).success).toBe(true);
    }
  });

  it.each([
    [
      'personal layers of a gradient',
      { ...client, privacyUnit: 'example' },
      { ...gradients, personal: ['fc'] },
      /personal/,
    ],
    ['an update for one example', { ...client, privacyUnit: 'example' }, updates, /privacyUnit client/],
    ['gradients for one client', client, gradients, /training\.local is missing/],
    ['top-k under masks', client, { ...updates, compression: { kind: 'topK', share: 0.1 } }, /masked vector is dense/],
    [
      'top-k under local noise',
      { privacyUnit: 'client', trust: 'local', aggregation: clear, epsilonPerRound: 1, deltaPerRound: 1e-5 },
      { ...updates, compression: { kind: 'topK', share: 0.1 } },
      /no coordinate is zero/,
    ],
    [
      'Krum under the coordinator’s noise',
      { ...central, aggregation: { kind: 'clear', combine: { kind: 'krum', byzantine: 1 } } },
      updates,
      /noise is for a sum/,
    ],
    [
      'a private draw with a roster',
      { ...central, aggregation: secagg, participation: { kind: 'private-draw', rate: 0.1 } },
      updates,
      /undoes the draw/,
    ],
    ['a threshold too low', { ...client, aggregation: { kind: 'secagg', threshold: 10 } }, updates, /\[11, 20\]/],
    [
      'a graph too sparse',
      { ...client, aggregation: { kind: 'secagg', threshold: 2, shareRatio: 0.1 } },
      updates,
      /is below what|withstand/,
    ],
  ] as const)('is not planned: %s', (_, privacy, rounds, message) => {
    expect(() => plan(privacy, rounds as Partial<RoundsSettings>)).toThrow(message);
  });
});

describe('the sparse graph', () => {
  it('is the smallest that withstands what is stated, and the noise is for those who are sure to be left', () => {
    const privacy = {
      privacyUnit: 'client',
      trust: 'nobody',
      aggregation: { kind: 'secagg', shareRatio: 'auto', dropoutFraction: 0.05 },
      maxCorrupt: 50,
      ...budget,
    };
    const { aggregation, noise } = plan(privacy, updates, 1000);
    if (aggregation.kind !== 'secagg') throw new Error('no masks');
    expect(aggregation.minSurvivors).toBe(950);
    expect(aggregation.degree).toBeLessThan(100);
    expect(aggregation.threshold).toBeLessThanOrEqual(aggregation.degree ?? 0);
    expect(noise?.honestShares).toBe(900);
  });
});

describe('the grid', () => {
  it('never lets a rounded contribution be longer than what is charged, and is unbiased', () => {
    const made = plan(
      { privacyUnit: 'client', trust: 'nobody', aggregation: secagg, maxCorrupt: 1, ...budget },
      {
        ...updates,
        compression: { kind: 'quantization', bits: 6 },
      },
    );
    const { update } = made;
    if (update === undefined) throw new Error('no updates');
    expect(made.quantizationScale).toBe(32);
    const encoder = createContributionEncoder({ ...made, update }, { attempt: 1 });
    const rng = createSeededRng('grid');
    const values = new Float64Array(500).fill(1 / Math.sqrt(500));
    const sum = new Float64Array(512);
    for (let i = 0; i < 200; i += 1) {
      const integers = encoder.encode(values, rng.fork(`${i}`));
      expect(Math.hypot(...integers)).toBeLessThanOrEqual(made.noise?.l2Sensitivity ?? 0);
      for (let j = 0; j < 512; j += 1) sum[j] = (sum[j] ?? 0) + (integers[j] ?? 0);
    }
    const mean = encoder.decode(sum).map((value) => value / 200);
    // Each of 500 means of 200 roundings on a grid of 1/32 is off by at most ½/32/√200 on average.
    expect(Math.hypot(...mean.map((value, i) => value - (values[i] as number)))).toBeLessThan(0.06);
  });
});

describe('memberships', () => {
  it('are spread evenly, bounded, and charged only when somebody was never in so many', () => {
    const ids = ['a', 'b', 'c', 'd'];
    const members = createParticipations({ ids, maxParticipations: 2 });
    const rng = createSeededRng('members');
    const charges: boolean[] = [];
    for (let i = 0; i < 4; i += 1) {
      const cohort = members.choose(2, rng);
      charges.push(members.isCharged(cohort));
      members.add(cohort);
    }
    expect(charges).toEqual([true, false, true, false]);
    expect(ids.map((id) => members.countOf(id))).toEqual([2, 2, 2, 2]);
    expect(members.choose(2, rng)).toEqual([]);
    expect(members.most).toBe(2);
  });

  it('are never two at once, and of whoever is there', () => {
    const members = createParticipations({ maxParticipations: 2 });
    const rng = createSeededRng('members');
    const among = ['a', 'b', 'c', 'd', 'e'];
    const cohort = members.choose(2, rng, { among });
    expect(members.add(cohort)).toBe(1);
    const beside = members.choose(2, rng, { among, busy: new Set(cohort) });
    expect(beside.filter((id) => cohort.includes(id))).toEqual([]);
    // Nobody of the second cohort reaches more memberships than were charged for the first.
    expect(members.isCharged(beside)).toBe(false);
    expect(members.add(beside)).toBe(1);
    expect(members.add(cohort)).toBe(2);
    expect(members.exhausted).toBe(2);
    expect(members.eligible({ among, busy: new Set(beside) })).toHaveLength(1);
  });

  it('are counted one by one only where an attempt does not ask everybody', () => {
    const nobody = {
      privacyUnit: 'client',
      trust: 'nobody',
      aggregation: { kind: 'secagg' },
      maxCorrupt: 1,
      ...budget,
    };
    expect(countsMemberships(plan(nobody))).toBe(false);
    expect(countsMemberships(plan(nobody, { ...updates, cohortSize: 5 }))).toBe(true);
    expect(countsMemberships(plan({ ...nobody, maxParticipations: 3 }))).toBe(true);
    expect(countsMemberships(plan({ ...nobody, participation: { kind: 'secret-coin', rate: 0.5 } }))).toBe(false);
    const central = { privacyUnit: 'client', trust: 'coordinator', aggregation: clear, ...budget };
    const drawn = { ...central, participation: { kind: 'private-draw', rate: 0.5 } };
    expect(countsMemberships(plan(drawn))).toBe(false);
    expect(countsMemberships(plan({ ...central, privacyUnit: 'example' }, gradients))).toBe(false);
  });

  it('of an earlier part of a run count for everybody', () => {
    const members = createParticipations({ ids: ['a', 'b'], maxParticipations: 2, earlier: 1 });
    expect(members.isCharged(['a'])).toBe(true);
  });
});

describe('buffered rounds', () => {
  const nobody = { privacyUnit: 'client', trust: 'nobody', aggregation: { kind: 'secagg' }, maxCorrupt: 1, ...budget };
  const buffered = { concurrency: 4, stalenessExponent: 0.5 };
  const cohorts = { ...updates, cohortSize: 5, buffered };

  it('are charged as their cohorts would be one after another, under another plan', () => {
    const made = plan({ ...nobody, maxParticipations: 4 }, cohorts);
    const { buffered: _buffered, ...ordered } = cohorts;
    const orderly = plan({ ...nobody, maxParticipations: 4 }, ordered);
    expect(made.event).toEqual(orderly.event);
    expect(made.charges).toBe(4);
    expect(made.digest).not.toEqual(orderly.digest);
    expect(made.update?.buffered).toEqual(buffered);
    // Plans without are what they were: nothing new is in their digest.
    expect(orderly.update).not.toHaveProperty('buffered');
  });

  it.each([
    ['no cohort', nobody, { ...updates, buffered }, /cohortSize is missing: with `buffered`/],
    ['more cohorts than participants', nobody, { ...cohorts, cohortSize: 6 }, /concurrency must be at most 3/],
    [
      'SCAFFOLD',
      nobody,
      { ...cohorts, strategy: { kind: 'scaffold', serverLearningRate: 1, controlScale: 1 } },
      /buffered must be left out with scaffold/,
    ],
    [
      'an adaptive clip norm',
      nobody,
      { ...cohorts, adaptiveClip: { quantile: 0.5, learningRate: 0.2, scale: 0.1 } },
      /must be left out with adaptiveClip/,
    ],
    [
      'secret coins',
      { ...nobody, participation: { kind: 'secret-coin', rate: 0.5 } },
      { ...updates, buffered },
      /cohortSize is missing/,
    ],
    [
      'gradients',
      { ...nobody, privacyUnit: 'example' },
      { ...gradients, buffered },
      /buffered must be left out: it is for rounds of local updates/,
    ],
  ] as const)('are refused with %s', (_, privacy, rounds, why) => {
    expect(() => plan(privacy, rounds as Partial<RoundsSettings>)).toThrow(why);
  });

  it('are refused with correlated noise, as every round is', () => {
    expect(privacySchema.safeParse({ ...nobody, noise: 'matrix' }).success).toBe(false);
  });
});
