/**
 * People and places by `compromise`, an optional dependency: it knows more names than the lists and reads a sentence's
 * grammar, at a few hundred kilobytes a second. The caller passes the module, so that nothing is loaded unasked.
 *
 * @module
 */

import type { EntityType } from './entities.ts';
import type { TextRecognizer } from './recognizer.ts';

/** What is used of `compromise`. */
export interface CompromiseView {
  json(options: { offset: boolean }): readonly {
    readonly text?: string;
    readonly offset?: { readonly start: number; readonly length: number };
  }[];
}

/** The function that `compromise` exports by default. */
export type Compromise = (text: string) => { people(): CompromiseView; places(): CompromiseView };

/** Creates a recogniser of people and places. */
export function createCompromiseRecognizer(nlp: Compromise, { score = 0.45 } = {}): TextRecognizer {
  return {
    types: ['PERSON', 'LOCATION'],
    *find(text) {
      const document = nlp(text);
      for (const [type, view] of [
        ['PERSON', document.people()],
        ['LOCATION', document.places()],
      ] as const) {
        yield* spansOf(text, { type, view, score });
      }
    },
  };
}

function* spansOf(
  text: string,
  { type, view, score }: { type: EntityType; view: CompromiseView; score: number },
): Generator<{ type: EntityType; start: number; end: number; score: number }> {
  for (const { offset } of view.json({ offset: true })) {
    if (offset === undefined) continue;
    const piece = text.slice(offset.start, offset.start + offset.length);
    // Punctuation around the name is not part of it.
    const before = /^[^\p{L}\p{N}]*/u.exec(piece)?.[0].length ?? 0;
    const after = /(?:['’]s)?[^\p{L}\p{N}]*$/u.exec(piece)?.[0].length ?? 0;
    const start = offset.start + before;
    const end = offset.start + offset.length - after;
    if (end > start && /\p{Lu}/u.test(text[start] ?? '')) yield { type, start, end, score };
  }
}
