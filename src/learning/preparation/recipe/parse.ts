/**
 * The recipe's parser: every refusal names file, line, key, rule and next step, and nothing is read or written before a
 * recipe has parsed whole.
 *
 * @module
 */

import { LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';

import { PreparationError } from '../errors.ts';
import { type Recipe, recipeSchema } from './schema.ts';

/** One thing wrong with a recipe. */
export interface RecipeProblem {
  readonly line: number;
  /** Dotted path of the key. */
  readonly key: string;
  readonly rule: string;
  readonly next: string;
}

/**
 * Parses a recipe.
 * @param text - YAML.
 * @param options - `path` as messages shall name it.
 * @throws {@link PreparationError} `preparation/recipe`, one line a problem; `details.problems` has them as data.
 */
export function parseRecipe(text: string, { path }: { path: string }): Recipe {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  if (document.errors.length > 0) {
    throw recipeError(
      path,
      document.errors.map((error) => ({
        line: lineAt(error.pos[0]),
        key: '',
        rule: `is not YAML: ${error.message}`,
        next: 'mend the syntax',
      })),
    );
  }
  const parsed = recipeSchema.safeParse(document.toJS() ?? {});
  if (parsed.success) return parsed.data;
  throw recipeError(
    path,
    parsed.error.issues.flatMap((issue) => explain(issue, { document, lineAt })),
  );
}

/** The error of problems found in the recipe at `path`. */
export function recipeError(path: string, problems: readonly RecipeProblem[]): PreparationError {
  const text = problems
    .map(({ line, key, rule, next }) => `${path}:${line}: ${key === '' ? '' : `${key} `}${rule}. Next: ${next}.`)
    .join('\n');
  return new PreparationError('preparation/recipe', text, { details: { problems } });
}

interface Place {
  readonly document: Document;
  readonly lineAt: (offset: number) => number;
}

function explain(issue: z.core.$ZodIssue, place: Place): RecipeProblem[] {
  const { document } = place;
  const key = issue.path.map(String).join('.');
  const line = lineOf(issue.path, place);
  const see = `see docs/preparation.md, "${issue.path[0]?.toString() ?? 'recipe'}"`;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((unknown) => ({
      line: lineOf([...issue.path, unknown], place),
      key: [...issue.path.map(String), unknown].join('.'),
      rule: 'is not a known key',
      next: suggest(unknown, knownKeys(issue.path)),
    }));
  }
  if (issue.code === 'invalid_union' && 'note' in issue && issue.note === 'No matching discriminator') {
    const got: unknown = document.getIn([...issue.path] as unknown[]);
    return [{ line, key, rule: `has no such choice${got === undefined ? '' : `, got ${describe(got)}`}`, next: see }];
  }
  if (issue.code === 'invalid_type' && !document.hasIn([...issue.path] as unknown[])) {
    const rule = issue.message.startsWith('Invalid input') ? 'is missing' : `is missing: ${issue.message}`;
    return [{ line, key, rule, next: `add it: ${issue.expected}` }];
  }
  const value: unknown = document.getIn([...issue.path] as unknown[]);
  const got = value === undefined || typeof value === 'object' ? '' : `, got ${describe(value)}`;
  const rule = issue.code === 'invalid_type' ? `must be of type ${issue.expected}` : issue.message;
  return [{ line, key, rule: `${rule}${got}`, next: see }];
}

function describe(value: unknown): string {
  return typeof value === 'object' ? 'a mapping or list' : JSON.stringify(value);
}

/** The line of the deepest part of the path that the file has. */
function lineOf(path: readonly PropertyKey[], { document, lineAt }: Place): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = document.getIn(path.slice(0, depth - 1) as unknown[], true) as
      | { items?: readonly { key?: { value?: unknown; range?: readonly number[] } }[] }
      | undefined;
    const pair = parent?.items?.find?.((item) => item.key?.value === path[depth - 1]);
    const node = document.getIn(path.slice(0, depth) as unknown[], true) as { range?: readonly number[] } | undefined;
    const range = pair?.key?.range ?? node?.range;
    if (range?.[0] !== undefined) return lineAt(range[0]);
  }
  return 1;
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

function knownKeys(path: readonly PropertyKey[]): string[] {
  const spread = (all: readonly JsonSchema[]): JsonSchema[] =>
    all.flatMap((schema) => {
      const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
      return inner.length > 0 ? spread(inner) : [schema];
    });
  let schemas = spread([z.toJSONSchema(recipeSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema]);
  for (const step of path) {
    schemas = spread(
      schemas.flatMap((schema) => {
        const more = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
        const next = typeof step === 'number' ? schema.items : (schema.properties?.[String(step)] ?? more);
        return next === undefined ? [] : [next];
      }),
    );
  }
  return [...new Set(schemas.flatMap((schema) => Object.keys(schema.properties ?? {})))];
}

function suggest(unknown: string, known: readonly string[]): string {
  const close = known.map((key) => ({ key, away: editDistance(unknown, key) })).toSorted((a, b) => a.away - b.away)[0];
  if (close !== undefined && close.away <= Math.max(2, unknown.length / 3)) return `did you mean ${close.key}?`;
  return known.length === 0 ? 'remove it' : `remove it, or use one of ${known.join(', ')}`;
}

/** Levenshtein distance, without case. */
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
