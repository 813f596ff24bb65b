/**
 * Recognisers: patterns with scores, an optional check, and context words. A pattern alone is often weak evidence; a
 * check sum or a word such as "passport" nearby makes it strong.
 *
 * @module
 */

import type { EntityType } from './entities.ts';

/** One pattern of a recogniser. */
export interface PiiPattern {
  /** Global. When it has a group named `span`, that is what is found. */
  readonly regex: RegExp;
  /** The score without check or context. */
  readonly score: number;
  /** The score when the recogniser's check confirms the match; 1 by default. */
  readonly confirmed?: number;
}

/** How one kind of entity is found. */
export interface Recognizer {
  readonly type: EntityType;
  readonly patterns: readonly PiiPattern[];
  /** True confirms a match, false drops it, undefined leaves the pattern's score. */
  readonly check?: (text: string) => boolean | undefined;
  /** Words or phrases that make a match near them more likely, in lower case. */
  readonly context?: readonly string[];
  /** Every match contains a digit: lets the scanner skip text without any. */
  readonly digits?: boolean;
}

/** Recognisers of another kind, such as those of names: they return matches by themselves. */
export interface TextRecognizer {
  readonly types: readonly EntityType[];
  find(text: string): Iterable<{ type: EntityType; start: number; end: number; score: number }>;
}

/** What a context word adds, and the least score it leads to; as in Presidio. */
export const CONTEXT_BOOST = 0.35;
export const CONTEXT_FLOOR = 0.4;

/** How far context is looked for, in characters: about eight words before, four after. */
const BEFORE = 60;
const AFTER = 30;

/** Compiles context words into a test of a match's surroundings. */
export function createContextTest(words: readonly string[]): (text: string, start: number, end: number) => boolean {
  const escaped = words.map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(' ', '[\\s_-]+'));
  // An ASCII word of three letters or fewer must stand alone; longer ones may be inflected or compounded.
  const parts = escaped.map((word, i) =>
    /^[\x20-\x7e]{1,3}$/.test(words[i] as string) ? `(?<![\\p{L}\\p{N}])${word}(?![\\p{L}\\p{N}])` : word,
  );
  const regex = new RegExp(parts.join('|'), 'iu');
  return (text, start, end) => {
    const before = text.slice(Math.max(0, start - BEFORE), start);
    const after = text.slice(end, end + AFTER);
    // A blank line ends the surroundings.
    const near = before.slice(before.lastIndexOf('\n\n') + 1);
    const stop = after.indexOf('\n\n');
    return regex.test(near) || regex.test(stop < 0 ? after : after.slice(0, stop));
  };
}
