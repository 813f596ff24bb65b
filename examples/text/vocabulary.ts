/**
 * A private vocabulary: which of the public places that words are hashed to are frequent, and how frequent, from one noisy
 * histogram that is charged.
 *
 * @module
 */

import { type DpEvent, gaussian } from 'sotto/accounting';
import { hashWord, termsOf, type TextEncoding } from 'sotto/data';
import { createGaussian } from 'sotto/mechanisms';
import type { Rng } from 'sotto/random';

/** How it is taken. All of it is public. */
export interface VocabularySettings {
  /** Places that are counted. */
  readonly places: number;
  /** At most so many of them are kept. */
  readonly size: number;
  /** σ ÷ sensitivity of the histogram. */
  readonly noiseMultiplier: number;
  readonly maxCharacters: number;
  readonly shape: boolean;
  /** Texts that are expected, and terms of one: constants that turn counts into shares. */
  readonly expectedTexts: number;
  readonly expectedTerms: number;
  /** Numbers that the terms of all other places share. */
  readonly rest: number;
  readonly constant: number;
}

/** A whole number, so that sums of contributions are exact: one text adds a vector of at most this length. */
const UNIT = 1024;

/** What the histogram costs. */
export function vocabularyEvent({ noiseMultiplier }: Pick<VocabularySettings, 'noiseMultiplier'>): DpEvent {
  return gaussian({ noiseMultiplier });
}

/**
 * Takes the vocabulary.
 * Guarantee: the cost of {@link vocabularyEvent} for one text added or removed. A text of n terms adds ⌊1024/√n⌋ to each of
 * its places, a vector of length at most 1024; what is kept and its weights follow from the noisy sums alone.
 */
export function takeVocabulary(texts: readonly string[], settings: VocabularySettings, rng: Rng): TextEncoding {
  const { places, size, noiseMultiplier, maxCharacters, shape, expectedTexts, expectedTerms, rest, constant } =
    settings;
  const counts = new Float64Array(places);
  for (const text of texts) {
    const own = new Set(termsOf(text.slice(0, maxCharacters), { shape }).map((term) => hashWord(term) % places));
    const each = Math.floor(UNIT / Math.sqrt(own.size));
    for (const place of own) counts[place] = (counts[place] as number) + each;
  }
  createGaussian({ l2Sensitivity: UNIT, noiseMultiplier, dimension: places }).releaseInto(counts, rng);
  // Three standard deviations: of the places that no text has, about one in a thousand passes.
  const least = 3 * UNIT * noiseMultiplier;
  const kept = Array.from(counts, (total, place) => ({ total, place }))
    .filter(({ total }) => total >= least)
    .toSorted((a, b) => b.total - a.total)
    .slice(0, size);
  const shareOf = (total: number): number =>
    Math.min(0.95, (total * Math.sqrt(expectedTerms)) / (UNIT * expectedTexts));
  return {
    kind: 'text',
    maxCharacters,
    places,
    vocabulary: kept.map(({ place }) => place),
    // The square root of the inverse document frequency: what nearly every text has says little.
    weights: kept.map(({ total }) => Number(Math.sqrt(-Math.log(shareOf(total)) / 2).toFixed(3))),
    rest,
    pairWeight: 0.5,
    shape,
    constant,
    redact: true,
  };
}
