/**
 * What a task promises: the privacy, aggregation and rounds sections of a task file. The combinations that give a
 * guarantee are a union discriminated by `trust`; one that gives none does not parse.
 *
 * @module
 */

import { z } from 'zod';

const positive = z.number().positive('must be > 0');
const count = z.int().positive('must be an integer > 0');

const secaggSchema = z
  .strictObject({
    kind: z.literal('secagg'),
    /** Shares that rebuild a secret, and survivors a round needs. */
    threshold: count,
    /** Share holders ÷ cohort; 1 is the complete graph. */
    shareRatio: z.literal(1, 'must be 1: every participant holds a share of every other (complete graph)').default(1),
    /** Each protocol stage ends then, with whoever has answered. */
    stageTimeoutMs: count.default(10_000),
    /** Against whom masks hold; `malicious-coordinator` needs identities and a fifth message. */
    adversary: z.enum(['honest-but-curious', 'malicious-coordinator']).default('honest-but-curious'),
  })
  .describe('pairwise-mask secure aggregation');

const clearSchema = z.strictObject({
  kind: z.literal('clear'),
  stageTimeoutMs: count.default(10_000),
});

const budget = {
  /** Total of the task, all attempts together. */
  epsilon: positive.max(100, 'must be ≤ 100: a larger epsilon protects nobody'),
  /** Total of the task. */
  delta: positive.max(1e-3, 'must be ≤ 0.001: delta should be below one over the number of examples'),
  relation: z
    .literal('add-or-remove-one', 'must be add-or-remove-one for privacyUnit example')
    .default('add-or-remove-one'),
  /** Who counts: `rdp` is quick, `pld` tight, so that the same epsilon takes less noise. */
  accountant: z.enum(['rdp', 'pld'], 'must be rdp or pld').default('rdp'),
};

const privacyUnit = z.literal('example', 'must be example: one record of one participant is hidden');

/** Noise shares added on the participants, inside secure aggregation: nobody sees an unprotected contribution. */
const distributedSchema = z.strictObject({
  privacyUnit,
  trust: z.literal('nobody'),
  aggregation: z.discriminatedUnion('kind', [secaggSchema], {
    error: 'must be { kind: secagg, … }: with trust nobody a share of the noise protects nothing in the clear',
  }),
  /** Participants that may pool what they know with the coordinator; their noise shares count as nothing. */
  maxCorrupt: z.int().min(1, 'must be ≥ 1: every participant knows its own share of the noise').default(1),
  ...budget,
});

/** The coordinator sees the exact sum and adds the noise. */
const centralSchema = z.strictObject({
  privacyUnit,
  trust: z.literal('coordinator'),
  aggregation: z.discriminatedUnion('kind', [secaggSchema, clearSchema]),
  ...budget,
});

/** No protection at all: a baseline. */
const offSchema = z.strictObject({
  trust: z.literal('off'),
  aggregation: z.discriminatedUnion('kind', [secaggSchema, clearSchema]),
});

/** The privacy section of a task file. */
export const privacySchema = z.discriminatedUnion('trust', [distributedSchema, centralSchema, offSchema], {
  error: 'must be nobody, coordinator or off',
});
export type PrivacySettings = z.infer<typeof privacySchema>;

/** The part of the training section that a round depends on. */
export const roundsSchema = z.strictObject({
  rounds: count.max(100_000, 'must be ≤ 100000'),
  /** Attempts charged beyond `rounds`, so that aborted ones fit the budget. */
  spareRounds: z.int().nonnegative('must be ≥ 0').default(0),
  /** Poisson probability of every example in every round. */
  samplingRate: positive.max(1, 'must be ≤ 1: it is a probability'),
  /** L2 bound of one example's gradient. */
  clipNorm: positive.default(1),
  /** Bound of each coordinate of a participant's sum, as a multiple of `clipNorm`; a public constant. */
  clampRange: positive.default(64),
  /** What the sum is divided by; a public constant, never the drawn sample size. */
  expectedBatchSize: positive,
});
export type RoundsSettings = z.infer<typeof roundsSchema>;

/** What the rounds of a task need to know of it. */
export interface RoundsTask {
  readonly name: string;
  readonly participants: number;
  readonly privacy: PrivacySettings;
  readonly rounds: RoundsSettings;
}
