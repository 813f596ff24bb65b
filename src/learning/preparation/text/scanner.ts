/**
 * The scanner: runs recognisers over a text, weighs pattern, check and context, and resolves overlaps. Pure, so that it
 * runs in a browser as in Node.
 *
 * @module
 */

import { PreparationError } from '../errors.ts';
import { ENTITY_TYPES, type EntityType, type PiiSpan } from './entities.ts';
import { createNameRecognizer } from './names.ts';
import { resolveOverlaps } from './overlaps.ts';
import { CONTEXT_BOOST, CONTEXT_FLOOR, createContextTest, type Recognizer, type TextRecognizer } from './recognizer.ts';
import { AFRICAN_RECOGNIZERS } from './recognizers/africa.ts';
import { ASIA_PACIFIC_RECOGNIZERS } from './recognizers/asia-pacific.ts';
import { DATE_RECOGNIZERS } from './recognizers/dates.ts';
import { EUROPEAN_RECOGNIZERS } from './recognizers/europe.ts';
import { GERMAN_RECOGNIZERS } from './recognizers/germany.ts';
import { GLOBAL_RECOGNIZERS } from './recognizers/global.ts';
import { NORTH_AMERICAN_RECOGNIZERS } from './recognizers/north-america.ts';
import { PHONE_RECOGNIZERS } from './recognizers/phones.ts';
import { BRITISH_RECOGNIZERS } from './recognizers/united-kingdom.ts';

/** Every pattern recogniser. */
export const PATTERN_RECOGNIZERS: readonly Recognizer[] = [
  ...GLOBAL_RECOGNIZERS,
  ...PHONE_RECOGNIZERS,
  ...DATE_RECOGNIZERS,
  ...NORTH_AMERICAN_RECOGNIZERS,
  ...BRITISH_RECOGNIZERS,
  ...GERMAN_RECOGNIZERS,
  ...EUROPEAN_RECOGNIZERS,
  ...ASIA_PACIFIC_RECOGNIZERS,
  ...AFRICAN_RECOGNIZERS,
];

/** What a scanner looks for, and how sure it must be. */
export interface ScannerOptions {
  /** All by default. */
  readonly entities?: readonly EntityType[];
  /** Spans below are left out; 0.4 by default: a weak pattern without check or context does not reach it. */
  readonly minScore?: number;
  /** More recognisers, such as one made from `compromise`. */
  readonly recognizers?: readonly TextRecognizer[];
  /** `all` reports overlapping findings too. */
  readonly overlaps?: 'resolved' | 'all';
}

/** Finds personal data. */
export interface PiiScanner {
  scan(text: string): PiiSpan[];
}

/**
 * Creates a scanner.
 * @throws {@link PreparationError} `preparation/unknown-entity` for an entity that does not exist.
 */
export function createPiiScanner({
  entities = ENTITY_TYPES,
  minScore = 0.4,
  recognizers = [],
  overlaps = 'resolved',
}: ScannerOptions = {}): PiiScanner {
  const wanted = new Set<string>(entities);
  for (const entity of wanted) {
    if (!(ENTITY_TYPES as readonly string[]).includes(entity)) {
      throw new PreparationError(
        'preparation/unknown-entity',
        `"${entity}" is no entity type; see docs/preparation.md`,
        {
          details: { entity },
        },
      );
    }
  }
  const patterns = PATTERN_RECOGNIZERS.filter(({ type }) => wanted.has(type)).map((recognizer) => ({
    recognizer,
    nearContext: recognizer.context === undefined ? undefined : createContextTest(recognizer.context),
  }));
  const texts = [createNameRecognizer(), ...recognizers].filter(({ types }) => types.some((type) => wanted.has(type)));
  return {
    scan(text) {
      const found: PiiSpan[] = [];
      const windows = digitWindows(text);
      for (const { recognizer, nearContext } of patterns) {
        for (const { from, to } of recognizer.digits === true ? windows : [{ from: 0, to: text.length }]) {
          const part = from === 0 && to === text.length ? text : text.slice(from, to);
          for (const span of matchesOf(recognizer, part, { text, from, nearContext })) {
            if (span.score >= minScore) found.push(span);
          }
        }
      }
      for (const recognizer of texts) {
        for (const { type, start, end, score } of recognizer.find(text)) {
          if (wanted.has(type) && score >= minScore) found.push({ type, start, end, score });
        }
      }
      if (overlaps === 'resolved') return resolveOverlaps(found);
      return found.toSorted((a, b) => a.start - b.start || a.end - b.end);
    },
  };
}

function* matchesOf(
  { type, patterns, check }: Recognizer,
  part: string,
  {
    text,
    from,
    nearContext,
  }: { text: string; from: number; nearContext: ((text: string, start: number, end: number) => boolean) | undefined },
): Generator<PiiSpan> {
  for (const { regex, score, confirmed = 1 } of patterns) {
    for (const match of part.matchAll(regex)) {
      const inner = match.groups?.span;
      const value = inner ?? match[0];
      const verdict = check?.(value);
      if (verdict === false) continue;
      const start = from + match.index + (inner === undefined ? 0 : match[0].indexOf(inner));
      const end = start + value.length;
      let weight = verdict === true ? confirmed : score;
      if (weight < 1 && nearContext?.(text, start, end) === true) {
        weight = Math.min(1, Math.max(CONTEXT_FLOOR, weight + CONTEXT_BOOST));
      }
      yield { type, start, end, score: Math.round(weight * 100) / 100 };
    }
  }
}

/** How far a match with a digit may reach beyond the digit. */
const REACH = 48;

/** The parts of a text that are near digits, cut at white space: everything a match with a digit can lie in. */
function digitWindows(text: string): { from: number; to: number }[] {
  const windows: { from: number; to: number }[] = [];
  for (const match of text.matchAll(/\d/g)) {
    const last = windows.at(-1);
    if (last !== undefined && match.index < last.to) {
      last.to = Math.max(last.to, Math.min(text.length, match.index + REACH));
      continue;
    }
    windows.push({ from: Math.max(0, match.index - REACH), to: Math.min(text.length, match.index + REACH) });
  }
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of windows) {
    const start = spaceBefore(text, from);
    const end = spaceAfter(text, to);
    const last = merged.at(-1);
    if (last !== undefined && start <= last.to) last.to = Math.max(last.to, end);
    else merged.push({ from: start, to: end });
  }
  return merged;
}

/** How far a cut moves to find white space. */
const SLACK = 256;

function spaceBefore(text: string, at: number): number {
  for (let from = at; from > Math.max(0, at - SLACK); from -= 1) if (/\s/.test(text[from - 1] as string)) return from;
  return Math.max(0, at - SLACK);
}

function spaceAfter(text: string, at: number): number {
  for (let to = at; to < Math.min(text.length, at + SLACK); to += 1) if (/\s/.test(text[to] as string)) return to;
  return Math.min(text.length, at + SLACK);
}
