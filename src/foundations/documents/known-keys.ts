/**
 * What the writer of an unknown key may have meant: the keys a schema has at that place, and the nearest of them.
 *
 * @module
 */

import type { Document } from 'yaml';
import { z } from 'zod';

import type { DocumentPath } from './parsed-document.ts';

interface JsonSchema {
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** Returns the keys of a schema at a path: of the choices the document has made, or of all where it has made none. */
export function knownKeys(schema: z.ZodType, path: DocumentPath, document: Document): string[] {
  let schemas = spread([z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema]);
  for (const step of path) schemas = spread(schemas.flatMap((at) => follow(at, step)));
  const chosen = schemas.filter(({ properties = {} }) =>
    Object.entries(properties).every(
      ([key, { const: value }]) => value === undefined || document.getIn([...path, key]) === value,
    ),
  );
  const keys = (chosen.length > 0 ? chosen : schemas).flatMap(({ properties = {} }) => Object.keys(properties));
  return [...new Set(keys)];
}

/** Says what to do about an unknown key. */
export function suggestKey(unknown: string, known: readonly string[]): string {
  const [close] = known.map((key) => ({ key, away: editDistance(unknown, key) })).toSorted((a, b) => a.away - b.away);
  if (close?.key === unknown) return 'remove it: it is not used with the other choices made here';
  if (close !== undefined && close.away <= Math.max(2, unknown.length / 3)) return `did you mean ${close.key}?`;
  return known.length === 0 ? 'remove it' : `remove it, or use one of ${known.join(', ')}`;
}

/** The alternatives in place of the unions they stand in. */
function spread(schemas: readonly JsonSchema[]): JsonSchema[] {
  return schemas.flatMap((schema) => {
    const alternatives = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
    return alternatives.length > 0 ? spread(alternatives) : [schema];
  });
}

function follow({ properties, additionalProperties, items }: JsonSchema, step: PropertyKey): JsonSchema[] {
  const others = typeof additionalProperties === 'object' ? additionalProperties : undefined;
  const next = typeof step === 'number' ? items : (properties?.[String(step)] ?? others);
  return next === undefined ? [] : [next];
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
