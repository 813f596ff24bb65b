/**
 * YAML that people write by hand, parsed against a schema: whole or not at all, and every refusal names file, line, key,
 * rule and next step.
 *
 * @module
 */

import { isMap, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';

import { explainIssue, type DocumentGuide, type DocumentProblem } from './explain-issue.ts';
import { lineOf, type ParsedDocument } from './parsed-document.ts';

/** How a document is named, explained and refused. */
export interface ParseYamlOptions {
  /** As messages shall name the file. */
  readonly path: string;
  readonly guide: DocumentGuide;
  /** Values by dotted path that replace those of the file. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** The caller's error, from one line a problem and the same as data. */
  readonly refuse: (message: string, details: { readonly problems: readonly DocumentProblem[] }) => Error;
}

const NOT_YAML = { key: '', next: 'mend the syntax' };

/**
 * Parses a document.
 * @param schema - what it must be; its defaults are filled in.
 * @throws what `refuse` makes of the problems.
 */
export function parseYaml<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  { path, guide, overrides = {}, refuse }: ParseYamlOptions,
): z.output<Schema> {
  const refusal = (problems: readonly DocumentProblem[]): Error => {
    const lines = problems.map(
      ({ line, key, rule, next }) => `${path}:${line}: ${key === '' ? '' : `${key} `}${rule}. Next: ${next}.`,
    );
    return refuse(lines.join('\n'), { problems });
  };

  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const parsed: ParsedDocument = { document, lineAt: (offset) => counter.linePos(offset).line };
  if (document.errors.length > 0) {
    throw refusal(
      document.errors.map(({ pos, message }) => ({
        ...NOT_YAML,
        line: parsed.lineAt(pos[0]),
        rule: `is not YAML: ${message}`,
      })),
    );
  }
  for (const [key, value] of Object.entries(overrides)) {
    const parent = key.split('.').slice(0, -1);
    const holder = parent.length === 0 ? document.contents : document.getIn(parent, true);
    if (holder !== undefined && !isMap(holder)) {
      const rule = 'must be a mapping of keys to values';
      throw refusal([
        { line: lineOf(parent, parsed), key: parent.join('.'), rule, next: 'give it keys, or leave it out' },
      ]);
    }
    document.setIn(key.split('.'), value);
  }
  let plain: unknown;
  try {
    plain = document.toJS();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw refusal([{ ...NOT_YAML, line: 1, rule: `is not YAML: ${message}` }]);
  }
  const result = schema.safeParse(plain);
  if (result.success) return result.data;
  throw refusal(result.error.issues.flatMap((issue) => explainIssue(issue, { ...parsed, schema, guide })));
}
