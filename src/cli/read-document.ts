/**
 * Files that a user writes by hand, YAML or JSON: read, checked, and refused with the place that is wrong.
 *
 * @module
 */

import { parse } from 'yaml';
import { z } from 'zod';

import { UsageError } from './exit-codes.ts';

/**
 * Reads a document.
 * @param path - the name that errors give it.
 * @throws {@link UsageError} naming the line that is no YAML, or the field that is not as it must be.
 */
export function readDocument<T>(text: string, { path, schema }: { path: string; schema: z.ZodType<T> }): T {
  return check(path, schema, () => parse(text));
}

/** Reads JSON: as {@link readDocument}, for inputs of any length. */
export function readJson<T>(text: string, { path, schema }: { path: string; schema: z.ZodType<T> }): T {
  return check(path, schema, () => JSON.parse(text));
}

function check<T>(path: string, schema: z.ZodType<T>, read: () => unknown): T {
  let value: unknown;
  try {
    value = read();
  } catch (error) {
    throw new UsageError(`${path}: ${(error as Error).message.trim().split('\n')[0]?.replace(/:$/, '')}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UsageError(`${path}: ${issue?.path.length ? `${issue.path.join('.')}: ` : ''}${issue?.message}`);
}
