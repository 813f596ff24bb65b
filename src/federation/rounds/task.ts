/**
 * What a task promises: the privacy, aggregation and rounds sections of a task file. The combinations that give a
 * guarantee are a union discriminated by `trust` and `privacyUnit`; one that gives none does not parse.
 *
 * @module
 */

import { z } from 'zod';

import {
  adaptiveClipSchema,
  bufferedSchema,
  combinationSchema,
  compressionSchema,
  localTrainingSchema,
  strategySchema,
  weightsSchema,
} from '../aggregation/index.ts';
import { findBufferedProblems } from './buffered-problems.ts';
import { findAggregationProblem } from './plan-aggregation.ts';

const positive = z.number().positive('must be > 0');
const count = z.int().positive('must be an integer > 0');

const secaggSchema = z
  .strictObject({
    kind: z.literal('secagg'),
    /** Shares that rebuild a secret; on the complete graph also the survivors a round needs. Left out with `auto`. */
    threshold: count.optional(),
    /**
     * Share holders ÷ cohort; 1 is the complete graph, less a k-regular one, and `auto` the smallest that withstands
     * `maxCorrupt` and `dropoutFraction`.
     */
    shareRatio: z.union([z.literal('auto'), z.number().gt(0).max(1)], 'must be auto or a number in (0, 1]').default(1),
    /** Share of the cohort that a round may lose; it decides `minSurvivors`, and the k-regular graph. */
    dropoutFraction: z.number().min(0).max(0.8, 'must be ≤ 0.8').optional(),
    /** Each protocol stage ends then, with whoever has answered. */
    stageTimeoutMs: count.default(10_000),
    /** Fresh keys in every round, or one agreement for the whole task: cheaper, with keys that live as long as it. */
    setup: z.enum(['round', 'task'], 'must be round or task').default('round'),
    /** Against whom masks hold; `malicious-coordinator` needs identities and a fifth message. */
    adversary: z.enum(['honest-but-curious', 'malicious-coordinator']).default('honest-but-curious'),
  })
  .describe('pairwise-mask secure aggregation');

const sumThreshold = {
  /** Fewest contributions of a sum; more than half of all, the corrupt ones counted twice, when left out. */
  threshold: count.optional(),
  /** Each protocol stage ends then, with whoever has answered. */
  stageTimeoutMs: count.default(10_000),
};
const hexKey = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits');
const assistantName = z.string().regex(/^[a-z0-9-]{1,40}$/, 'must be a short name of letters, digits and dashes');

const sharesSchema = z
  .strictObject({
    kind: z.literal('shares'),
    ...sumThreshold,
    /** Servers that do not collude with each other, nor all with the coordinator. A simulation makes their keys. */
    servers: z
      .array(z.strictObject({ name: assistantName, publicKey: hexKey.optional(), url: z.url().optional() }))
      .min(2, 'must be at least two: one server alone would hold everything')
      .max(16)
      .default([{ name: 'server-1' }, { name: 'server-2' }]),
  })
  .describe('additive shares to servers that do not collude');

const homomorphicSchema = z
  .strictObject({
    kind: z.literal('homomorphic'),
    ...sumThreshold,
    /** All of them on integers, so that the opened sum is exact. */
    scheme: z.enum(['bfv', 'bgv', 'ckks', 'paillier']).default('bfv'),
    /** Paillier alone. */
    keyBits: z.literal([2048, 3072, 4096]).default(2048),
    /** Who holds the key: anybody but the coordinator. A simulation makes the key. */
    holder: z
      .strictObject({ name: assistantName, keyDigest: hexKey.optional(), url: z.url().optional() })
      .default({ name: 'key-holder' }),
  })
  .describe('sums under encryption, opened by the holder of a key');

const clearSchema = z.strictObject({
  kind: z.literal('clear'),
  /** How contributions are combined; anything but a sum looks at them one by one. */
  combine: combinationSchema.prefault({ kind: 'sum' }),
  stageTimeoutMs: count.default(10_000),
});

const either = z.discriminatedUnion('kind', [secaggSchema, sharesSchema, homomorphicSchema, clearSchema]);

const accountant = {
  /** Who counts: `rdp` is quick, `pld` tight, so that the same epsilon takes less noise. */
  accountant: z.enum(['rdp', 'pld'], 'must be rdp or pld').default('rdp'),
};
const delta = positive.max(1e-3, 'must be ≤ 0.001: delta should be below one over the number of those protected');

const budget = {
  /** Total of the task, all attempts together. */
  epsilon: positive.max(100, 'must be ≤ 100: a larger epsilon protects nobody'),
  /** Total of the task. */
  delta,
  ...accountant,
};

/** What each contribution promises by itself. The total over the task is reported, and refused above `epsilon`. */
const localBudget = {
  epsilonPerRound: positive,
  deltaPerRound: delta,
  /** Most that the whole task may cost; not limited when left out. */
  epsilon: positive.optional(),
  /** Where the total is stated; `deltaPerRound` when left out. */
  delta: delta.optional(),
  ...accountant,
};

const example = {
  privacyUnit: z.literal('example'),
  relation: z
    .literal('add-or-remove-one', 'must be add-or-remove-one for privacyUnit example')
    .default('add-or-remove-one'),
};
const client = {
  privacyUnit: z.literal('client'),
  /** Rounds that one participant may take part in; all of them when left out. The noise is calibrated for so many. */
  maxParticipations: count.optional(),
};
/** The roster is known: what is hidden is what a participant has, not that it takes part. */
const zeroOut = {
  relation: z
    .literal('zero-out', 'must be zero-out: the cohort is known, content is hidden and presence is not')
    .default('zero-out'),
};
const replaceOne = {
  relation: z
    .literal('replace-one', 'must be replace-one: each contribution is seen with its sender')
    .default('replace-one'),
};

const unreadable = z.discriminatedUnion('kind', [secaggSchema, sharesSchema, homomorphicSchema], {
  error:
    'must be { kind: secagg | shares | homomorphic, … }: with trust nobody a share of the noise protects nothing in the clear',
});
const nobody = {
  trust: z.literal('nobody'),
  aggregation: unreadable,
  /** Participants that may pool what they know with the coordinator; their noise shares count as nothing. */
  maxCorrupt: z.int().min(1, 'must be ≥ 1: every participant knows its own share of the noise').default(1),
  noise: z
    .literal(
      'independent',
      'must be independent: correlated (matrix) noise needs the noise of earlier rounds again, and under nobody each round’s shares are new and held by whoever is there',
    )
    .optional(),
  ...budget,
};
const rate = positive.lt(1, 'must be < 1: at 1 leave `participation` out');

/** Noise shares added on the participants, inside secure aggregation: nobody sees an unprotected contribution. */
const nobodySchema = z.discriminatedUnion(
  'privacyUnit',
  [
    z.strictObject({ ...example, ...nobody }),
    z.strictObject({
      ...client,
      ...zeroOut,
      ...nobody,
      /** Everybody answers every round, and sends noise alone unless its own secret coin says otherwise. */
      participation: z
        .strictObject({
          kind: z.literal(
            'secret-coin',
            'must be secret-coin: with trust nobody whoever draws the cohort knows it, so a draw hides nothing',
          ),
          rate,
        })
        .optional(),
    }),
  ],
  { error: 'must be example or client' },
);

/** Each contribution is private by itself; who sent it may be known. */
const localSchema = z.discriminatedUnion(
  'privacyUnit',
  [
    z.strictObject({ trust: z.literal('local'), ...example, aggregation: either, ...localBudget }),
    z.strictObject({ trust: z.literal('local'), ...client, ...replaceOne, aggregation: either, ...localBudget }),
  ],
  { error: 'must be example or client' },
);

const uncorrelated = z
  .literal(
    'independent',
    'must be independent: an aborted attempt is repeated with new noise, which correlated (matrix) noise does not survive; one party alone can have it (`sotto train`)',
  )
  .optional();

/** The coordinator sees the exact sum and adds the noise. */
const centralSchema = z.discriminatedUnion(
  'privacyUnit',
  [
    z.strictObject({
      trust: z.literal('coordinator'),
      ...example,
      aggregation: either,
      noise: uncorrelated,
      ...budget,
    }),
    z.strictObject({
      trust: z.literal('coordinator'),
      ...client,
      ...zeroOut,
      aggregation: either,
      noise: uncorrelated,
      /** The coordinator draws the cohort in private and publishes no roster: amplified, against the model's readers. */
      participation: z
        .strictObject({ kind: z.literal('private-draw', 'must be private-draw with trust coordinator'), rate })
        .optional(),
      ...budget,
    }),
  ],
  { error: 'must be example or client' },
);

/** No protection at all: a baseline. */
const offSchema = z.strictObject({
  trust: z.literal('off'),
  aggregation: either,
});

/** The privacy section of a task file. */
export const privacySchema = z.discriminatedUnion('trust', [nobodySchema, localSchema, centralSchema, offSchema], {
  error: 'must be nobody, local, coordinator or off',
});
export type PrivacySettings = z.infer<typeof privacySchema>;

/** The part of the training section that a round depends on. */
export const roundsSchema = z.strictObject({
  rounds: count.max(100_000, 'must be ≤ 100000'),
  /** Attempts charged beyond `rounds`, so that aborted ones fit the budget. */
  spareRounds: z.int().nonnegative('must be ≥ 0').default(0),
  /** L2 bound of one example's gradient, or of one participant's update. */
  clipNorm: positive.default(1),
  /** Gradients: Poisson probability of every example in every round. */
  samplingRate: positive.max(1, 'must be ≤ 1: it is a probability').optional(),
  /** Gradients: bound of each coordinate of a participant's sum, as a multiple of `clipNorm`; a public constant. */
  clampRange: positive.default(64),
  /** Gradients: what the sum is divided by; a public constant, never the drawn sample size. */
  expectedBatchSize: positive.optional(),
  /** Updates: what a participant does with its own data before it sends the difference. */
  local: localTrainingSchema.optional(),
  /** Updates: how their sum moves the model; FedAvg when left out. */
  strategy: strategySchema.optional(),
  /** Updates: members of a round; everybody when left out. */
  cohortSize: z.int().min(2, 'must be ≥ 2').optional(),
  /** Updates: several cohorts at once, each on the model it was given; one after another when left out. */
  buffered: bufferedSchema.optional(),
  /** Updates: how much each counts; all the same when left out. */
  weights: weightsSchema.optional(),
  /** Updates: names of layers that each participant keeps to itself, such as norms and heads; none when left out. */
  personal: z.array(z.string().min(1)).min(1, 'must name a layer').optional(),
  adaptiveClip: adaptiveClipSchema.optional(),
  compression: compressionSchema.optional(),
});
export type RoundsSettings = z.infer<typeof roundsSchema>;

/** What the rounds of a task need to know of it. */
export interface RoundsTask {
  readonly name: string;
  readonly participants: number;
  readonly privacy: PrivacySettings;
  readonly rounds: RoundsSettings;
}

/** One thing wrong with a combination of settings. */
export interface RoundsProblem {
  readonly path: readonly string[];
  readonly message: string;
}

const UPDATES_ONLY = [
  'strategy',
  'cohortSize',
  'buffered',
  'weights',
  'personal',
  'adaptiveClip',
  'compression',
] as const;

/** Lists what is wrong with settings that are each right by themselves. */
export function findRoundsProblems({ participants, privacy, rounds }: Omit<RoundsTask, 'name'>): RoundsProblem[] {
  const problems: RoundsProblem[] = [];
  const refuse = (path: string, message: string): void => void problems.push({ path: path.split('.'), message });
  const { aggregation } = privacy;
  const unit = privacy.trust === 'off' ? undefined : privacy.privacyUnit;
  if (unit === 'client' && rounds.local === undefined) {
    refuse('training.local', 'is missing: with privacyUnit client a participant trains locally and sends an update');
  }
  if (unit === 'example' && rounds.local !== undefined) {
    refuse(
      'training.local',
      'must be left out: an update of local steps has no bound for one example; use privacyUnit client',
    );
  }
  if (rounds.local === undefined) {
    for (const key of ['samplingRate', 'expectedBatchSize'] as const) {
      if (rounds[key] === undefined) {
        refuse(`training.${key}`, 'is missing: a round without `local` is one step on a sample of examples');
      }
    }
    for (const key of UPDATES_ONLY) {
      if (rounds[key] !== undefined) refuse(`training.${key}`, 'must be left out: it is for rounds of local updates');
    }
    if (aggregation.kind === 'clear' && aggregation.combine.kind !== 'sum') {
      refuse('privacy.aggregation.combine', 'must be { kind: sum }: robust rules compare updates, not sums of samples');
    }
  } else {
    for (const key of ['samplingRate', 'expectedBatchSize'] as const) {
      if (rounds[key] !== undefined) {
        refuse(`training.${key}`, 'must be left out: with `local` a contribution is one clipped update');
      }
    }
  }
  const cohort = rounds.cohortSize ?? participants;
  if (cohort > participants) refuse('training.cohortSize', `must be at most the ${participants} participants`);
  findUpdateProblems({ privacy, rounds }, refuse);
  findBufferedProblems({ participants, privacy, rounds }, refuse);
  const unsafe = findAggregationProblem({ participants, privacy, rounds });
  if (unsafe !== undefined) refuse('privacy.aggregation.threshold', unsafe);
  return problems;
}

/** What updates with their extra coordinates, rules and compressions must not be combined with. */
function findUpdateProblems(
  { privacy, rounds }: Pick<RoundsTask, 'privacy' | 'rounds'>,
  refuse: (path: string, message: string) => void,
): void {
  const { aggregation, trust } = privacy;
  const { compression, strategy, weights, adaptiveClip, cohortSize } = rounds;
  if (compression?.kind === 'topK') {
    if (aggregation.kind === 'secagg') {
      refuse('training.compression', 'must not be topK with secagg: a masked vector is dense, whatever it hides');
    } else if (trust === 'local') {
      refuse('training.compression', 'must not be topK with trust local: after the noise no coordinate is zero');
    }
    if (strategy?.kind === 'scaffold') {
      refuse('training.compression', 'must not be topK with scaffold: controls must be whole');
    }
  }
  if (aggregation.kind === 'clear' && aggregation.combine.kind !== 'sum') {
    const { kind } = aggregation.combine;
    if (trust === 'coordinator' && kind !== 'normBound') {
      refuse(
        'privacy.aggregation.combine',
        `must not be ${kind}: the coordinator’s noise is for a sum, no bound holds`,
      );
    }
    if (strategy?.kind === 'scaffold' || adaptiveClip !== undefined || weights?.kind === 'private') {
      refuse(
        'privacy.aggregation.combine',
        'must be { kind: sum } with scaffold, adaptiveClip or private weights: they add up',
      );
    }
  }
  const participation = 'participation' in privacy ? privacy.participation : undefined;
  if (participation?.kind === 'private-draw' && aggregation.kind !== 'clear') {
    refuse(
      'privacy.aggregation',
      'must be { kind: clear } with a private draw: masks need a roster, and a published roster undoes the draw',
    );
  }
  if (participation !== undefined && cohortSize !== undefined) {
    refuse('privacy.participation', 'must be left out with `cohortSize`: the coin decides who takes part');
  }
  if (participation !== undefined && 'maxParticipations' in privacy && privacy.maxParticipations !== undefined) {
    refuse('privacy.maxParticipations', 'must be left out with `participation`: every round is charged, amplified');
  }
}
