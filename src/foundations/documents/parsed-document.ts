/**
 * Where in the text of a document a key stands.
 *
 * @module
 */

import type { Document } from 'yaml';

/** Keys and indices from the root of a document to a place in it. */
export type DocumentPath = readonly PropertyKey[];

/** A document with the lines of its text. */
export interface ParsedDocument {
  readonly document: Document;
  readonly lineAt: (offset: number) => number;
}

/** Returns the line of the deepest part of a path that the document has. */
export function lineOf(path: DocumentPath, { document, lineAt }: ParsedDocument): number {
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
