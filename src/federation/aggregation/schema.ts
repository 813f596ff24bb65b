/**
 * The settings of client updates in a task file: what a participant does locally, how the coordinator moves the model,
 * weights, adaptive clipping, compression and robust rules.
 *
 * @module
 */

import { z } from 'zod';

const positive = z.number().positive('must be > 0');
const count = z.int().positive('must be an integer > 0');
const share = z.number().gt(0, 'must be > 0').lt(1, 'must be < 1');
const decay = z.number().min(0, 'must be ≥ 0').lt(1, 'must be < 1');

/** What a participant does with its own data in a round. */
export const localTrainingSchema = z.strictObject({
  /** Passes over the own data. */
  epochs: count.max(1000).default(1),
  /** Examples of a local step. */
  batchSize: count.default(10),
  learningRate: positive,
});
export type LocalTraining = z.infer<typeof localTrainingSchema>;

const server = { serverLearningRate: positive.default(1) };
/** Adaptivity of [RCZ21]: the smallest denominator. */
const adaptive = { serverLearningRate: positive.default(0.1), beta1: decay.default(0.9), tau: positive.default(1e-3) };

/** How the sum of updates moves the model. */
export const strategySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('fedAvg'), ...server }),
  z.strictObject({ kind: z.literal('fedAvgM'), ...server, momentum: decay.default(0.9) }),
  z.strictObject({ kind: z.literal('fedProx'), ...server, mu: positive }),
  z.strictObject({ kind: z.literal('fedAdam'), ...adaptive, beta2: decay.default(0.99) }),
  z.strictObject({ kind: z.literal('fedYogi'), ...adaptive, beta2: decay.default(0.99) }),
  z.strictObject({ kind: z.literal('fedAdagrad'), ...adaptive, beta1: decay.default(0) }),
  z.strictObject({
    kind: z.literal('scaffold'),
    ...server,
    /** What the change of a control is multiplied by before it shares the clip with the update. */
    controlScale: positive.default(1),
  }),
]);
export type StrategyConfig = z.infer<typeof strategySchema>;

/** How much each contribution counts. */
export const weightsSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('equal') }),
  /** Public constants, at most 1; whoever is not named counts 1. */
  z.strictObject({
    kind: z.literal('public'),
    of: z.record(z.string(), positive.max(1, 'must be ≤ 1: the largest weight is what is clipped')),
  }),
  /** min(examples, maxExamples) ÷ maxExamples, private: one more coordinate under the noise. */
  z.strictObject({ kind: z.literal('private'), maxExamples: count, scale: positive.max(1).default(0.2) }),
]);
export type WeightsConfig = z.infer<typeof weightsSchema>;

/** Several cohorts at once, each on the version of the model that it was given. [NMZ22] */
export const bufferedSchema = z.strictObject({
  /** Cohorts that may be open at once. */
  concurrency: z.int().min(2, 'must be ≥ 2: one cohort after another needs no `buffered`').max(64).default(2),
  /** A cohort that is s versions late counts (1 + s)^−exponent; 0 counts all the same. */
  stalenessExponent: z.number().min(0, 'must be ≥ 0: what is older cannot count more').max(8).default(0.5),
});
export type BufferedConfig = z.infer<typeof bufferedSchema>;

/** A clip norm that follows a quantile of the updates' norms. [ATMR21] */
export const adaptiveClipSchema = z.strictObject({
  quantile: share.default(0.5),
  learningRate: positive.default(0.2),
  /** Length of the signal beside an update of length 1. */
  scale: positive.max(1).default(0.1),
});
export type AdaptiveClipConfig = z.infer<typeof adaptiveClipSchema>;

/** Fewer bytes a contribution. */
export const compressionSchema = z.discriminatedUnion('kind', [
  /** 2^(bits − 1) grid steps for the clip norm, rounded stochastically. */
  z.strictObject({ kind: z.literal('quantization'), bits: z.int().min(2).max(20) }),
  /** The largest coordinates alone; what is left out is kept for the next round. */
  z.strictObject({ kind: z.literal('topK'), share }),
]);
export type CompressionConfig = z.infer<typeof compressionSchema>;

/** How contributions in the clear are combined. */
export const combinationSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sum') }),
  z.strictObject({ kind: z.literal('krum'), byzantine: z.int().nonnegative() }),
  z.strictObject({ kind: z.literal('multiKrum'), byzantine: z.int().nonnegative(), keep: count }),
  z.strictObject({ kind: z.literal('trimmedMean'), trim: count }),
  z.strictObject({ kind: z.literal('median') }),
  /** Contributions longer than so many clip norms are shortened to it, whatever their sender did. */
  z.strictObject({ kind: z.literal('normBound'), bound: positive.default(1) }),
]);
export type CombinationConfig = z.infer<typeof combinationSchema>;
