/**
 * From texts to numbers by fixed public maps: words hashed into a vocabulary, as a sequence of tokens or as a bag. Nothing
 * is learned from the data, so it costs no privacy, and every participant gets the same numbers without a shared list.
 *
 * @module
 */

import { assertInteger } from '../../foundations/numerics/index.ts';

/** Longest word that counts whole; what follows of it is dropped. */
const MAX_WORD = 64;

/** Splits a text into lower-case words of letters and digits, in any script, normalised to NFKC. */
export function splitWords(text: string): string[] {
  return Array.from(
    text
      .normalize('NFKC')
      .toLowerCase()
      .matchAll(/[\p{L}\p{N}]+/gu),
    ([word]) => word.slice(0, MAX_WORD),
  );
}

/** Hashes a word to [0, 2³²): FNV-1a over its UTF-16 code units, low byte first, then the finalizer of MurmurHash3. */
export function hashWord(word: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i += 1) {
    const unit = word.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * Writes a text as tokens.
 * @param options - `length` of a row; `vocabulary` the words are hashed into; `padding` fills what is left.
 */
export function encodeTokens(
  text: string,
  { length, vocabulary, padding = vocabulary }: { length: number; vocabulary: number; padding?: number },
): Float32Array {
  assertInteger(length, 'length', { min: 1 });
  assertInteger(vocabulary, 'vocabulary', { min: 1 });
  const row = new Float32Array(length).fill(padding);
  for (const [i, word] of splitWords(text).slice(0, length).entries()) row[i] = hashWord(word) % vocabulary;
  return row;
}

/**
 * Writes a text as a bag of words: log(1 + count) at each word's place with a hashed sign, scaled to length 1.
 * @returns `width` numbers; zeros for a text without words.
 */
export function encodeBagOfWords(text: string, { width }: { width: number }): Float32Array {
  assertInteger(width, 'width', { min: 1 });
  const counts = new Map<string, number>();
  for (const word of splitWords(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const row = new Float32Array(width);
  for (const [word, count] of counts) {
    const hash = hashWord(word);
    // The sign keeps collisions from adding up (feature hashing, [WDLSA09] §2).
    const at = (hash >>> 1) % width;
    row[at] = (row[at] as number) + (hash & 1 ? 1 : -1) * Math.log1p(count);
  }
  const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
  if (norm > 0) for (let i = 0; i < width; i += 1) row[i] = (row[i] as number) / norm;
  return row;
}
