/**
 * The recipe: which columns of a table serve which purpose, what they may hold, and what is done with them. What it does
 * not name is dropped.
 *
 * @module
 */

import { z } from 'zod';

import { ENTITY_TYPES } from '../text/entities.ts';

const name = z.string().min(1).max(200);
const epsilon = z.number('must be charged: state an epsilon > 0').positive('must be > 0');
const delta = z.number().gt(0, 'must be > 0').lt(1, 'must be < 1');
const path = z.string().min(1);

const inputSchema = z.discriminatedUnion('format', [
  z.strictObject({
    format: z.literal('csv'),
    path,
    separator: z.string().length(1).default(','),
    header: z.boolean().default(true),
  }),
  z.strictObject({ format: z.literal('jsonl'), path }),
  z.strictObject({ format: z.literal('parquet'), path }),
  z.strictObject({ format: z.literal('duckdb'), path, query: z.string().min(1).optional() }),
]);

const outputSchema = z.strictObject({
  format: z.enum(['csv', 'jsonl', 'parquet']).default('csv'),
  /** In the run folder, unless it is a path. */
  path: path.optional(),
  separator: z.string().length(1).default(','),
});

const operatorSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('replace'), with: z.string().optional() }),
  z.strictObject({ kind: z.literal('redact') }),
  z.strictObject({
    kind: z.literal('mask'),
    character: z.string().min(1).max(2).default('*'),
    count: z.int().nonnegative().optional(),
    fromEnd: z.boolean().default(false),
  }),
  z.strictObject({ kind: z.literal('hash'), algorithm: z.enum(['sha256', 'sha512']).default('sha256') }),
  z.strictObject({ kind: z.literal('encrypt') }),
  z.strictObject({ kind: z.literal('keep') }),
]);

const entitySchema = z.enum(ENTITY_TYPES);

const treatmentSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('keep') }),
  /** Read for statistics, synthetic data or other columns, and not written. */
  z.strictObject({ kind: z.literal('omit') }),
  /** A keyed token; the key is derived for `purpose`. */
  z.strictObject({
    kind: z.literal('token'),
    purpose: name,
    prefix: z.string().default(''),
    sizeBytes: z.int().min(8).max(32).default(16),
  }),
  z.strictObject({
    kind: z.literal('formatPreserving'),
    purpose: name,
    alphabet: z.string().min(2).default('0123456789'),
  }),
  /** All dates of one `person` (a column) move alike. */
  z.strictObject({
    kind: z.literal('dateShift'),
    purpose: name,
    person: name,
    maxDays: z.int().min(1).max(36_525).default(182),
  }),
  /** Personal data in free text. */
  z.strictObject({
    kind: z.literal('pii'),
    entities: z.array(entitySchema).min(1).optional(),
    minScore: z.number().min(0).max(1).default(0.4),
    operator: operatorSchema.prefault({ kind: 'replace' }),
    operators: z.partialRecord(entitySchema, operatorSchema).default({}),
    purpose: name.optional(),
  }),
  /** Local noise: every row by itself is ε-private in this column. */
  z.strictObject({ kind: z.literal('noise'), epsilon, clamp: z.boolean().default(true) }),
  /** Minus mean, divided by standard deviation, both taken privately. */
  z.strictObject({ kind: z.literal('standardize'), epsilon }),
]);

const privateBounds = z.strictObject({ epsilon, lower: z.number(), upper: z.number() });
const privateCategories = z.strictObject({ epsilon, delta, other: z.string().default('other') });

const columnSchema = z
  .strictObject({
    type: z.enum(['integer', 'number', 'category', 'boolean', 'date', 'text']),
    /** What the column is needed for. */
    serves: z.string('say what the column is needed for').min(3, 'say what the column is needed for'),
    min: z.number().optional(),
    max: z.number().optional(),
    /** Bounds taken from the data: two private quantiles within a range that holds for all data. */
    bounds: z.strictObject({ private: privateBounds }).optional(),
    categories: z.union([z.array(z.string()).min(1), z.strictObject({ private: privateCategories })]).optional(),
    missing: z.enum(['keep', 'refuse']).default('keep'),
    /** Values out of bounds or outside the categories. */
    outside: z.enum(['quarantine', 'clamp']).default('quarantine'),
    /** True: the column may leave only with noise, or inside charged statistics. */
    private: z.boolean().default(false),
    treatment: treatmentSchema.prefault({ kind: 'keep' }),
  })
  .superRefine((column, context) => {
    const issue = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message });
    const numeric = column.type === 'integer' || column.type === 'number';
    if (numeric && column.bounds === undefined && (column.min === undefined || column.max === undefined)) {
      issue(
        column.min === undefined ? 'min' : 'max',
        'must be declared for a number, or taken privately: bounds: { private: { epsilon, lower, upper } }',
      );
    }
    if (column.min !== undefined && column.max !== undefined && !(column.min < column.max))
      issue('max', 'must be above min');
    if (!numeric && (column.min !== undefined || column.max !== undefined || column.bounds !== undefined)) {
      issue(column.min === undefined ? 'max' : 'min', 'is for integer and number alone');
    }
    if (column.type === 'category' && column.categories === undefined) {
      issue(
        'categories',
        'must be declared for a category, or taken privately: categories: { private: { epsilon, delta } }',
      );
    }
    const { kind } = column.treatment;
    if (kind === 'noise' && !numeric && column.type !== 'category' && column.type !== 'boolean') {
      issue('treatment', 'noise is for integer, number, category and boolean');
    }
    if ((kind === 'noise' || kind === 'standardize') && numeric && column.bounds !== undefined) {
      issue('bounds', `must be declared as min and max for treatment ${kind}`);
    }
    if (kind === 'noise' && column.type === 'category' && !Array.isArray(column.categories)) {
      issue('categories', 'must be declared for treatment noise');
    }
    if (kind === 'standardize' && !numeric) issue('treatment', 'standardize is for integer and number');
    if (kind === 'dateShift' && column.type !== 'date') issue('treatment', 'dateShift is for dates');
    if (kind === 'pii' && column.type !== 'text') issue('treatment', 'pii is for text');
    if ((column.private || kind === 'noise') && column.missing === 'refuse') {
      issue('missing', 'must be keep for a private column: that a row is not there would tell that its cell is empty');
    }
    if (column.private && kind !== 'noise' && kind !== 'omit') {
      issue('treatment', 'a private column leaves only with noise (charged), or not at all: kind: noise or kind: omit');
    }
  });

const hierarchySchema = z.discriminatedUnion('kind', [
  /** A file of rows: value; level 1; level 2… */
  z.strictObject({ kind: z.literal('file'), path, separator: z.string().length(1).default(';') }),
  z.strictObject({ kind: z.literal('rows'), rows: z.array(z.array(z.string()).min(1)).min(1) }),
  z.strictObject({
    kind: z.literal('intervals'),
    min: z.number(),
    max: z.number(),
    widths: z.array(z.number().positive()).min(1),
  }),
  z.strictObject({
    kind: z.literal('prefixes'),
    length: z.int().min(1).max(100),
    steps: z.array(z.int().positive()).optional(),
    mask: z.string().length(1).default('*'),
    alphabetSize: z.int().min(2).default(10),
  }),
  z.strictObject({
    kind: z.literal('dates'),
    steps: z
      .array(z.enum(['month', 'quarter', 'year', 'decade', 'century']))
      .min(1)
      .default(['month', 'year', 'decade']),
  }),
  z.strictObject({ kind: z.literal('suppress') }),
]);

const distanceSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('equal') }),
  z.strictObject({ kind: z.literal('ordered'), order: z.array(z.string()).optional() }),
  z.strictObject({ kind: z.literal('hierarchical'), hierarchy: hierarchySchema }),
]);

const criterionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('kAnonymity'), k: z.int().min(1) }),
  z.strictObject({ kind: z.literal('kMap'), k: z.int().min(1) }),
  z.strictObject({ kind: z.literal('distinctLDiversity'), column: name, l: z.int().min(1) }),
  z.strictObject({ kind: z.literal('entropyLDiversity'), column: name, l: z.number().min(1) }),
  z.strictObject({ kind: z.literal('recursiveLDiversity'), column: name, c: z.number().positive(), l: z.int().min(1) }),
  z.strictObject({
    kind: z.literal('tCloseness'),
    column: name,
    t: z.number().min(0).max(1),
    distance: distanceSchema.prefault({ kind: 'equal' }),
  }),
  z.strictObject({ kind: z.literal('deltaPresence'), min: z.number().min(0).max(1), max: z.number().min(0).max(1) }),
]);

const aggregate = z.enum(['sum', 'arithmeticMean', 'geometricMean', 'max', 'rank']).optional();
const suppression = z.enum(['counted', 'ignored']).optional();
const metricSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('discernibility'), suppression }),
  z.strictObject({ kind: z.literal('averageClassSize') }),
  z.strictObject({ kind: z.literal('entropy'), suppression, aggregate }),
  z.strictObject({ kind: z.literal('loss'), aggregate }),
  z.strictObject({ kind: z.literal('precision'), suppression, aggregate }),
]);

const anonymizeSchema = z.strictObject({
  method: z.enum(['optimal', 'mondrian']).default('optimal'),
  /** By column. Without a hierarchy (null) a column stays as it is. */
  quasiIdentifiers: z
    .record(name, hierarchySchema.nullable())
    .refine((columns) => Object.keys(columns).length > 0, 'must name at least one column'),
  criteria: z.array(criterionSchema).min(1, 'must name at least one privacy model, such as kAnonymity'),
  metric: metricSchema.prefault({ kind: 'loss' }),
  suppressionLimit: z.number().min(0).max(1).default(0),
  /** Rows of the input that are released; the others are the population. For kMap and deltaPresence. */
  released: z.strictObject({ column: name, equals: z.string() }).optional(),
  riskThreshold: z.number().gt(0).max(1).default(0.2),
});

const statisticSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('count'), name, epsilon }),
  z.strictObject({ kind: z.literal('mean'), name, column: name, epsilon }),
  z.strictObject({ kind: z.literal('variance'), name, column: name, epsilon }),
  z.strictObject({
    kind: z.literal('quantiles'),
    name,
    column: name,
    epsilon,
    quantiles: z.array(z.number().min(0).max(1)).min(1).max(100),
  }),
  z.strictObject({
    kind: z.literal('histogram'),
    name,
    column: name,
    epsilon,
    edges: z.array(z.number()).min(2).max(4097).optional(),
  }),
  /** Words of text, or values of a category, that enough rows have. */
  z.strictObject({
    kind: z.literal('vocabulary'),
    name,
    column: name,
    epsilon,
    delta,
    maxPerRow: z.int().min(1).max(1000).default(20),
  }),
]);

const syntheticSchema = z.strictObject({
  columns: z.array(name).min(2, 'must name at least two columns').max(30),
  rows: z.int().min(1).max(10_000_000),
  epsilon,
  delta,
  /** Cells of a number's range. */
  bins: z.int().min(2).max(256).default(16),
});

const privacySchema = z.strictObject({
  epsilon: z.number().positive('must be > 0'),
  delta,
  dataset: name,
  /** Whether a neighbour lacks a row or has another in its place. Noise on rows needs replace-one. */
  relation: z.enum(['add-or-remove-one', 'replace-one']).optional(),
  /** The budget of the data set; beside the recipe, so that every run is charged to it. */
  ledger: path.optional(),
});

/** The whole recipe. */
export const recipeSchema = z
  .strictObject({
    recipe: z.string().regex(/^[\w.-]{1,80}$/, 'must be letters, digits, dots and hyphens'),
    purpose: z.string().min(10, 'say in a sentence what the data is for'),
    input: inputSchema,
    output: outputSchema.prefault({}),
    columns: z
      .record(name, columnSchema)
      .refine((columns) => Object.keys(columns).length > 0, 'must name at least one column'),
    anonymize: anonymizeSchema.optional(),
    statistics: z.array(statisticSchema).default([]),
    synthetic: syntheticSchema.optional(),
    privacy: privacySchema.optional(),
    keys: z.strictObject({ file: path }).optional(),
    malformed: z.strictObject({ limit: z.number().min(0).max(1).default(0.01) }).prefault({}),
    /** The check of HIPAA §164.514(b)(2) over what is written. */
    safeHarbor: z.boolean().default(false),
  })
  .superRefine((recipe, context) => {
    const issue = (at: (string | number)[], message: string): void =>
      context.addIssue({ code: 'custom', path: at, message });
    const known = new Set(Object.keys(recipe.columns));
    const charged = listCharged(recipe);
    if (charged.length > 0 && recipe.privacy === undefined) {
      issue(['privacy'], `is needed: ${charged.join(', ')} must be charged to a budget`);
    }
    const usesKeys = Object.values(recipe.columns).some(
      ({ treatment }) =>
        ['token', 'formatPreserving', 'dateShift'].includes(treatment.kind) ||
        (treatment.kind === 'pii' &&
          [treatment.operator, ...Object.values(treatment.operators)].some(
            ({ kind }) => kind === 'hash' || kind === 'encrypt',
          )),
    );
    if (usesKeys && recipe.keys === undefined)
      issue(['keys'], 'is needed: pseudonyms are made under a key, such as keys: { file: keys/pseudonyms.key }');
    for (const [column, { treatment }] of Object.entries(recipe.columns)) {
      if (treatment.kind === 'dateShift' && !known.has(treatment.person)) {
        issue(['columns', column, 'treatment', 'person'], 'is not among the columns');
      }
      // Dates that move alike tell whose are the same.
      if (treatment.kind === 'dateShift' && recipe.columns[treatment.person]?.private === true) {
        issue(
          ['columns', column, 'treatment', 'person'],
          'is private: what is written would follow it without a charge',
        );
      }
    }
    for (const column of Object.keys(recipe.anonymize?.quasiIdentifiers ?? {})) {
      if (!known.has(column)) issue(['anonymize', 'quasiIdentifiers', column], 'is not among the columns');
      else if (recipe.columns[column]?.treatment.kind !== 'keep') {
        issue(['columns', column, 'treatment'], 'a quasi-identifier is generalised: leave its treatment out');
      }
    }
    recipe.anonymize?.criteria.forEach((criterion, i) => {
      if ('column' in criterion && !known.has(criterion.column))
        issue(['anonymize', 'criteria', i, 'column'], 'is not among the columns');
      if ('column' in criterion && recipe.columns[criterion.column]?.private === true) {
        issue(
          ['anonymize', 'criteria', i, 'column'],
          'is private: levels and suppressed rows would follow it without a charge',
        );
      }
    });
    const marker = recipe.anonymize?.released?.column;
    if (marker !== undefined && !known.has(marker)) {
      issue(['anonymize', 'released', 'column'], 'is not among the columns');
    }
    if (marker !== undefined && recipe.columns[marker]?.private === true) {
      issue(['anonymize', 'released', 'column'], 'is private: which rows are written would tell it without a charge');
    }
    recipe.statistics.forEach((statistic, i) => {
      if (!('column' in statistic)) return;
      const column = recipe.columns[statistic.column];
      if (column === undefined) {
        issue(['statistics', i, 'column'], 'is not among the columns');
        return;
      }
      const numeric = column.type === 'integer' || column.type === 'number';
      const bounded = numeric && column.min !== undefined && column.max !== undefined;
      if (['mean', 'variance', 'quantiles'].includes(statistic.kind) && !bounded) {
        issue(['statistics', i, 'column'], `${statistic.kind} needs a number with min and max declared`);
      }
      if (
        statistic.kind === 'histogram' &&
        !(numeric
          ? statistic.edges !== undefined || bounded
          : Array.isArray(column.categories) || column.type === 'boolean')
      ) {
        issue(
          ['statistics', i, 'column'],
          'histogram needs declared categories, or a number with edges or min and max',
        );
      }
      if (statistic.kind === 'vocabulary' && column.type !== 'text' && column.type !== 'category') {
        issue(['statistics', i, 'column'], 'vocabulary is for text and categories');
      }
    });
    const names = recipe.statistics.map((statistic) => statistic.name);
    names.forEach((one, i) => {
      if (names.indexOf(one) !== i) issue(['statistics', i, 'name'], 'is used twice');
    });
    recipe.synthetic?.columns.forEach((column, i) => {
      const declared = recipe.columns[column];
      const usable =
        declared !== undefined &&
        (declared.type === 'boolean' ||
          (declared.type === 'category' && Array.isArray(declared.categories)) ||
          ((declared.type === 'integer' || declared.type === 'number') &&
            declared.min !== undefined &&
            declared.max !== undefined));
      if (!usable)
        issue(['synthetic', 'columns', i], 'must be a declared category, boolean, or number with min and max');
    });
    const noised = Object.values(recipe.columns).some(({ treatment }) => treatment.kind === 'noise');
    if (noised && recipe.privacy?.relation === 'add-or-remove-one') {
      issue(['privacy', 'relation'], 'must be replace-one: noise on rows hides what a row says, not that it is there');
    }
  });

/** A recipe with every default spelled out. */
export type Recipe = z.infer<typeof recipeSchema>;
/** One column of it. */
export type RecipeColumn = Recipe['columns'][string];
/** How a column generalises. */
export type HierarchySpec = z.infer<typeof hierarchySchema>;
/** One private statistic. */
export type StatisticSpec = Recipe['statistics'][number];

/** What in a recipe costs budget. */
export function listCharged(recipe: Pick<Recipe, 'columns' | 'statistics' | 'synthetic'>): string[] {
  const columns = Object.entries(recipe.columns).flatMap(([column, { treatment, bounds, categories }]) => [
    ...(treatment.kind === 'noise' || treatment.kind === 'standardize' ? [`columns.${column}.treatment`] : []),
    ...(bounds === undefined ? [] : [`columns.${column}.bounds`]),
    ...(categories === undefined || Array.isArray(categories) ? [] : [`columns.${column}.categories`]),
  ]);
  return [
    ...columns,
    ...recipe.statistics.map((_, i) => `statistics.${i}`),
    ...(recipe.synthetic === undefined ? [] : ['synthetic']),
  ];
}
