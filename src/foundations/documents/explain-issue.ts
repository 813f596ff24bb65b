/**
 * From what a schema finds wrong to what a person reads: the line, the rule in words, and what to do next.
 *
 * @module
 */

import type { z } from 'zod';

import { knownKeys, suggestKey } from './known-keys.ts';
import { lineOf, type ParsedDocument } from './parsed-document.ts';

/** One thing wrong with a document. */
export interface DocumentProblem {
  readonly line: number;
  /** Dotted path of the key; empty where the document as a whole is meant. */
  readonly key: string;
  readonly rule: string;
  readonly next: string;
}

/** Where a reader finds the keys of a document explained. */
export interface DocumentGuide {
  /** The page. */
  readonly page: string;
  /** What the page calls the document as a whole. */
  readonly subject: string;
}

/** What an issue is explained by. */
export interface IssueContext extends ParsedDocument {
  readonly schema: z.ZodType;
  readonly guide: DocumentGuide;
}

/** Explains an issue: one problem, or one for each unknown key. */
export function explainIssue(issue: z.core.$ZodIssue, context: IssueContext): DocumentProblem[] {
  const { document, schema, guide } = context;
  const path = issue.path as unknown[];
  const key = issue.path.map(String).join('.');
  const line = lineOf(issue.path, context);
  const see = `see ${guide.page}, "${issue.path[0]?.toString() ?? guide.subject}"`;
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, issue.path, document);
    return issue.keys.map((unknown) => ({
      line: lineOf([...issue.path, unknown], context),
      key: [...issue.path.map(String), unknown].join('.'),
      rule: 'is not a known key',
      next: suggestKey(unknown, known),
    }));
  }
  const value: unknown = document.getIn(path);
  if (issue.code === 'invalid_type' && !document.hasIn(path)) {
    const rule = issue.message.startsWith('Invalid input') ? 'is missing' : `is missing: ${issue.message}`;
    return [{ line, key, rule, next: `add it: ${issue.expected}` }];
  }
  if (issue.code === 'invalid_type') {
    const rule = `must be of type ${issue.expected}, got ${describe(value)}`;
    return [{ line, key, rule, next: 'change the value' }];
  }
  const got = value === undefined || typeof value === 'object' ? '' : `, got ${describe(value)}`;
  return [{ line, key, rule: `${ruleOf(issue)}${got}`, next: see }];
}

function ruleOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_union' || !issue.message.startsWith('Invalid')) return issue.message;
  // The schema has no words of its own for its choices.
  return 'options' in issue ? `must be one of ${issue.options.join(', ')}` : 'has no such choice';
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  return typeof value === 'object' ? 'a mapping or list' : JSON.stringify(value);
}
