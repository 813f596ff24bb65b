/**
 * The recipe of a fit: which model, which columns with which bounds, at what cost. Every refusal names file, line, key and
 * rule, and nothing is read before a recipe has parsed whole.
 *
 * @module
 */

import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';

import { assertNever } from '../../foundations/numerics/index.ts';
import type { CategoryColumn, FeatureColumn, NumberColumn } from './columns.ts';
import { ClassicalError } from './errors.ts';
import type { Estimator, FitOptions } from './estimator.ts';
import { createDecisionTree, createRandomForest } from './forest.ts';
import { createKMeans } from './k-means.ts';
import { createLinearRegression } from './linear-regression.ts';
import { createLogisticRegression } from './logistic-regression.ts';
import { createNaiveBayes } from './naive-bayes.ts';
import { createPca } from './pca.ts';

const name = z.string().min(1).max(200);
const count = z.int().positive();
const boundsMissing = 'needs lower and upper (bounds that hold for any data), or values (all that it can be)';

const columnSchema = z
  .strictObject({
    lower: z.number().optional(),
    upper: z.number().optional(),
    values: z
      .array(z.union([z.string(), z.number(), z.boolean()]).transform(String))
      .min(2)
      .max(10_000)
      .optional(),
  })
  .refine(
    ({ lower, upper, values }) =>
      values === undefined ? lower !== undefined && upper !== undefined : lower === undefined && upper === undefined,
    boundsMissing,
  )
  .refine(({ lower = -Infinity, upper = Infinity }) => lower < upper, 'must have lower below upper')
  .refine(({ values = [] }) => new Set(values).size === values.length, 'must have different values');

const columns = z.record(name, columnSchema);
const depth = z.int().min(1).max(12);
const modelSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('naive-bayes') }),
  z.strictObject({ kind: z.literal('linear-regression') }),
  z.strictObject({
    kind: z.literal('logistic-regression'),
    steps: count.max(10_000).optional(),
    clipNorm: z.number().positive().max(2).optional(),
  }),
  z.strictObject({ kind: z.literal('k-means'), clusters: count.max(1000), iterations: count.max(100).optional() }),
  z.strictObject({
    kind: z.literal('pca'),
    components: count.max(512),
    scaling: z.enum(['bounds', 'none']).optional(),
  }),
  z.strictObject({ kind: z.literal('decision-tree'), depth: depth.optional() }),
  z.strictObject({ kind: z.literal('random-forest'), depth: depth.optional(), trees: count.max(1024).optional() }),
]);

const recipeSchema = z
  .strictObject({
    fit: name,
    model: modelSchema,
    features: columns.refine((all) => Object.keys(all).length > 0, 'must name at least one column'),
    target: columns.refine((all) => Object.keys(all).length === 1, 'must name one column').optional(),
    person: z.strictObject({ column: name, maxRows: count.max(2 ** 16) }).optional(),
    table: z.strictObject({ separator: z.string().length(1).default(',') }).prefault({}),
    privacy: z.strictObject({
      epsilon: z.number().positive(),
      delta: z.number().positive().lt(1),
      relation: z.enum(['add-or-remove-one', 'replace-one', 'zero-out']).default('add-or-remove-one'),
      accountant: z.enum(['pld', 'rdp']).default('pld'),
      /** A ledger of the table, which all fits on it are charged to beside their own. */
      account: z.strictObject({ ledger: z.string().min(1), dataset: name, epsilon: z.number().positive() }).optional(),
    }),
  })
  .superRefine(({ model, features, target, person }, context) => {
    const wanted = WANTED[model.kind];
    const issue = (path: readonly PropertyKey[], message: string): void =>
      context.addIssue({ code: 'custom', path: [...path], message });
    if (wanted === 'none' && target !== undefined) issue(['target'], `is not what ${model.kind} has: leave it out`);
    const own = Object.entries(target ?? {})[0];
    if (wanted !== 'none' && own === undefined) issue(['target'], `is missing: ${model.kind} predicts a column`);
    else if (wanted === 'classes' && own?.[1].values === undefined) issue(['target'], 'must list values, the classes');
    else if (wanted === 'number' && own?.[1].values !== undefined) issue(['target'], 'must have lower and upper');
    if (wanted === 'none') {
      for (const [column, { values }] of Object.entries(features)) {
        if (values !== undefined) issue(['features', column], `must be a number: ${model.kind} takes numbers alone`);
      }
    }
    if (own !== undefined && Object.hasOwn(features, own[0])) issue(['target', own[0]], 'is among the features');
    if (person !== undefined && (Object.hasOwn(features, person.column) || own?.[0] === person.column)) {
      issue(['person', 'column'], 'must be neither a feature nor the target');
    }
    if (model.kind === 'pca' && model.components > Object.keys(features).length) {
      issue(['model', 'components'], 'must be at most the number of features');
    }
  });

/** What each kind predicts. */
const WANTED: Readonly<Record<z.output<typeof modelSchema>['kind'], 'classes' | 'number' | 'none'>> = {
  'naive-bayes': 'classes',
  'logistic-regression': 'classes',
  'decision-tree': 'classes',
  'random-forest': 'classes',
  'linear-regression': 'number',
  'k-means': 'none',
  pca: 'none',
};

/** A recipe of a fit. */
export type FitRecipe = z.output<typeof recipeSchema>;

/**
 * Parses a recipe.
 * @param text - YAML.
 * @param options - `path` as messages shall name it.
 * @throws {ClassicalError} 'classical/recipe', one line a problem.
 */
export function parseFitRecipe(text: string, { path }: { readonly path: string }): FitRecipe {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [broken] = document.errors;
  if (broken !== undefined) {
    throw new ClassicalError(
      'classical/recipe',
      `${path}:${lines.linePos(broken.pos[0]).line}: is not YAML: ${broken.message}`,
    );
  }
  const parsed = recipeSchema.safeParse(document.toJS() ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const keys = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] as string] : issue.path;
    const message = issue.code === 'unrecognized_keys' ? 'is not a known key' : issue.message;
    return `${path}:${lineOf(keys)}: ${keys.map(String).join('.')}: ${message}. Next: see docs/classical.md`;
  });
  throw new ClassicalError('classical/recipe', problems.join('\n'));

  /** The line of the deepest part of a path that the file has. */
  function lineOf(keys: readonly PropertyKey[]): number {
    for (let length = keys.length; length > 0; length -= 1) {
      const node = document.getIn(keys.slice(0, length) as unknown[], true) as
        | { range?: readonly number[] }
        | undefined;
      if (node?.range?.[0] !== undefined) return lines.linePos(node.range[0]).line;
    }
    return 1;
  }
}

function columnOf([column, { lower = 0, upper = 0, values }]: [string, FitRecipe['features'][string]]): FeatureColumn {
  return values === undefined
    ? { kind: 'number', name: column, lower, upper }
    : { kind: 'category', name: column, values };
}

/** The columns of a table that a recipe reads. */
export function columnsOfRecipe({ features, target, person }: FitRecipe): readonly string[] {
  return [...Object.keys(features), ...Object.keys(target ?? {}), ...(person === undefined ? [] : [person.column])];
}

/**
 * Creates the estimator that a recipe asks for.
 * @throws {ClassicalError} 'classical/too-large', {@link AccountingError} 'accounting/calibration-failed'.
 */
export function createEstimatorOf(recipe: FitRecipe): Estimator {
  const { model, person } = recipe;
  const { epsilon, delta, relation, accountant } = recipe.privacy;
  const options: FitOptions = {
    features: Object.entries(recipe.features).map(columnOf),
    epsilon,
    delta,
    relation,
    accountant,
    ...(person === undefined ? {} : { person }),
  };
  // The schema has seen to it that the target is what the model predicts, and that numbers are numbers.
  const [target] = Object.entries(recipe.target ?? {}).map(columnOf);
  const classes = { ...options, target: target as CategoryColumn };
  const numbers = { ...options, features: options.features as readonly NumberColumn[] };
  switch (model.kind) {
    case 'naive-bayes':
      return createNaiveBayes(classes);
    case 'linear-regression':
      return createLinearRegression({ ...options, target: target as NumberColumn });
    case 'logistic-regression':
      return createLogisticRegression({
        ...classes,
        ...optional('steps', model.steps),
        ...optional('clipNorm', model.clipNorm),
      });
    case 'k-means':
      return createKMeans({ ...numbers, clusters: model.clusters, ...optional('iterations', model.iterations) });
    case 'pca':
      return createPca({ ...numbers, components: model.components, ...optional('scaling', model.scaling) });
    case 'decision-tree':
      return createDecisionTree({ ...classes, ...optional('depth', model.depth) });
    case 'random-forest':
      return createRandomForest({ ...classes, ...optional('depth', model.depth), ...optional('trees', model.trees) });
    default:
      return assertNever(model);
  }
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): Partial<Record<Key, Value>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);
}
