/**
 * The task file of `sotto train`: one party, all of the data. It knows what a federation's task file knows, so that the
 * same file serves both, and what one party alone can do beyond that. Keys of the federation are read over.
 *
 * @module
 */

import { z } from 'zod';

import { featuresSchema, optimizerSchema, scheduleSchema, startedModelSchema } from '../../learning/models/index.ts';
import { dataSchema, parseFileAs, type TaskOverrides } from './task-file.ts';

const positive = z.number().positive('must be > 0');
const count = z.int().positive('must be an integer > 0');

/** Features of images: scattering, or a public model of the user's own. */
const trainingFeaturesSchema = z.discriminatedUnion('kind', [
  featuresSchema.extend({
    normalization: z.union([
      /** Channel statistics of the training data, released with noise and charged. */
      z.strictObject({
        kind: z.literal('private'),
        noiseMultiplier: positive,
        /** L2 bound of one example's channel moments; a public constant. */
        clipNorm: positive.default(40),
        /** What the noisy sums are divided by; a public constant. */
        expectedSize: count,
      }),
      featuresSchema.shape.normalization,
    ]),
  }),
  z.strictObject({
    kind: z.literal('onnx'),
    /** A public feature extractor, trained on nothing that is protected. */
    file: z.string().min(1),
    channelsFirst: z.boolean().default(true),
    mean: z.array(z.number()).optional(),
    stddev: z.array(positive).optional(),
    output: z.string().min(1).optional(),
    maxNorm: positive.optional(),
  }),
]);

/** Noise of its own in every step, or correlated over the steps. */
const noiseSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('independent') }),
  z.strictObject({
    kind: z.literal('matrix'),
    strategy: z.enum(['banded', 'buffered', 'toeplitz'], 'must be banded, buffered or toeplitz'),
    /** Groups of examples that take turns: an example takes part in every so-many-th step at most. */
    groups: count,
    /** Of a banded strategy; at most the groups. */
    bands: count.optional(),
    /** Of a buffered strategy. */
    buffers: count.max(6, 'must be ≤ 6').optional(),
  }),
]);

const trainingSchema = z.strictObject({
  /** Steps. */
  rounds: count.max(100_000, 'must be ≤ 100000'),
  /** Steps the budget allows beyond them, for those that an interruption loses. */
  spareRounds: z.int().nonnegative('must be ≥ 0').default(0),
  /** Poisson probability of every example in every step. */
  samplingRate: positive.max(1, 'must be ≤ 1: it is a probability'),
  clipNorm: positive.default(1),
  /** Of the federation. */
  clampRange: positive.optional(),
  /** What the sum is divided by; a public constant, never the drawn sample size. */
  expectedBatchSize: positive,
  /** Parts a step's sum is added up from; its noise comes once. */
  accumulationSteps: count.max(1024, 'must be ≤ 1024').default(1),
  optimizer: optimizerSchema,
  schedule: scheduleSchema.prefault({ kind: 'constant' }),
  /** Exponential moving average of the parameters: what is evaluated and exported. */
  averaging: z.strictObject({ decay: z.number().positive().lt(1, 'must be < 1') }).optional(),
  /** Views of an example whose gradients are averaged before clipping. */
  augmentation: z
    .strictObject({
      views: count.max(1024, 'must be ≤ 1024').default(1),
      shift: z.int().nonnegative().default(0),
      flip: z.boolean().default(false),
    })
    .prefault({}),
  noise: noiseSchema.prefault({ kind: 'independent' }),
  /** Ends training once the accuracy on held-out training examples is there; asked privately, charged before the start. */
  earlyStop: z
    .strictObject({
      accuracyAbove: z.number().gt(0).lt(1),
      epsilon: positive,
      /** Share of the training examples that is held out. */
      holdout: z.number().gt(0).max(0.5, 'must be ≤ 0.5'),
      /** Steps between two questions. */
      every: count,
    })
    .optional(),
  evaluateEvery: count.default(10),
});

const budget = {
  privacyUnit: z.literal('example', 'must be example: one party has no clients'),
  /** Read over: the trainer sees the data. */
  aggregation: z.unknown().optional(),
  maxCorrupt: z.unknown().optional(),
  epsilon: positive.max(100, 'must be ≤ 100: a larger epsilon protects nobody'),
  delta: positive.max(1e-3, 'must be ≤ 0.001: delta should be below one over the number of examples'),
  relation: z
    .literal('add-or-remove-one', 'must be add-or-remove-one for privacyUnit example')
    .default('add-or-remove-one'),
  accountant: z.enum(['rdp', 'pld'], 'must be rdp or pld').default('rdp'),
};

const trainingPrivacySchema = z.discriminatedUnion(
  'trust',
  [
    z.strictObject({ trust: z.literal('coordinator'), ...budget }),
    z.strictObject({ trust: z.literal('nobody'), ...budget }),
    z.strictObject({ trust: z.literal('off'), aggregation: z.unknown().optional() }),
  ],
  { error: 'must be coordinator, nobody or off' },
);

/** The whole file. */
const trainingFileSchema = z
  .strictObject({
    task: z.string().min(1).max(80),
    data: dataSchema,
    features: trainingFeaturesSchema.optional(),
    model: startedModelSchema,
    training: trainingSchema,
    privacy: trainingPrivacySchema,
    participants: z.unknown().optional(),
    partition: z.unknown().optional(),
    service: z.unknown().optional(),
    simulation: z.looseObject({ seed: z.unknown().optional() }).optional(),
  })
  .superRefine(
    ({ training: { noise, samplingRate, accumulationSteps, rounds, spareRounds }, privacy, simulation }, c) => {
      const refuse = (path: string, message: string): void => {
        c.addIssue({ code: 'custom', path: path.split('.'), message });
      };
      if (simulation?.seed !== undefined) {
        refuse('simulation.seed', 'must be left out: noise that follows from a seed protects nobody');
      }
      if (noise.kind !== 'matrix') return;
      if (privacy.trust === 'off') refuse('training.noise', 'must be left out with trust off: there is no noise');
      else if (privacy.accountant !== 'rdp') {
        refuse('privacy.accountant', 'must be rdp with correlated noise: the tight accountant cannot count it in time');
      }
      if (noise.groups > rounds) refuse('training.noise.groups', 'must be at most training.rounds');
      if (spareRounds > 0) {
        refuse(
          'training.spareRounds',
          'must be 0 with correlated noise: the run is charged whole and cannot be resumed',
        );
      }
      if (accumulationSteps > 1) {
        refuse('training.accumulationSteps', 'must be 1 with correlated noise');
      }
      if (samplingRate * noise.groups > 1 + 1e-9) {
        refuse('training.samplingRate', `must be at most 1 ÷ groups: ${noise.groups} groups take turns, whole at most`);
      }
      if ((noise.strategy === 'banded') !== (noise.bands !== undefined)) {
        refuse('training.noise.bands', 'must be given with strategy banded, and only there');
      } else if (noise.bands !== undefined && noise.bands > noise.groups) {
        refuse(
          'training.noise.bands',
          'must be at most groups: an example that comes back while its noise still echoes has no proven guarantee',
        );
      }
      if (noise.buffers !== undefined && noise.strategy !== 'buffered') {
        refuse('training.noise.buffers', 'must be left out: only strategy buffered has them');
      }
    },
  )
  .transform(({ participants: _p, partition: _a, service: _s, simulation: _i, ...task }) => {
    const { privacy, training } = task;
    const { clampRange: _c, ...steps } = training;
    if (privacy.trust === 'off') return { ...task, training: steps, privacy: { trust: 'off' as const } };
    const { aggregation: _g, maxCorrupt: _m, ...terms } = privacy;
    return { ...task, training: steps, privacy: { ...terms, trust: 'coordinator' as const } };
  });
export type TrainingFile = z.output<typeof trainingFileSchema>;

/**
 * Parses the task file of `sotto train`.
 * @throws {@link TaskError} `task/file` with one line a problem.
 */
export function parseTrainingFile(text: string, options: { path: string; overrides?: TaskOverrides }): TrainingFile {
  return parseFileAs(trainingFileSchema, text, options);
}
