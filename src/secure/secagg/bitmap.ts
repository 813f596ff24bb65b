/**
 * Sets of roster places as bit strings: place i is bit i mod 8 of byte ⌊i / 8⌋, and bits beyond the last place are zero.
 *
 * @module
 */

import { SecAggError } from './errors.ts';

/** Encodes a set of places below `size`. */
export function encodeBitmap(places: Iterable<number>, size: number): Uint8Array {
  const out = new Uint8Array(Math.ceil(size / 8));
  for (const place of places) out[place >> 3] = (out[place >> 3] as number) | (1 << (place & 7));
  return out;
}

/** A set of places, as far as most readers need it. */
export interface PlaceSet {
  readonly size: number;
  has(place: number): boolean;
}

const BITS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

/**
 * Reads a set without unfolding it: a cohort of ten thousand takes its bytes and no more.
 * @param bytes - kept, not copied.
 * @throws {SecAggError} `secagg/malformed-message` when the length or the padding is wrong.
 */
export function readBitmap(bytes: Uint8Array, size: number): PlaceSet {
  if (bytes.length !== Math.ceil(size / 8)) {
    throw new SecAggError('secagg/malformed-message', 'a set of participants has the wrong length');
  }
  const padding = bytes.length * 8 - size;
  if (padding > 0 && (bytes[bytes.length - 1] as number) >>> (8 - padding) !== 0) {
    throw new SecAggError('secagg/malformed-message', 'a set of participants names a place beyond them');
  }
  let count = 0;
  for (const byte of bytes) count += BITS[byte] as number;
  return {
    size: count,
    has: (place) => place >= 0 && place < size && (((bytes[place >> 3] as number) >> (place & 7)) & 1) === 1,
  };
}

/** Decodes a set to its places, ascending. @throws {SecAggError} as {@link readBitmap}. */
export function decodeBitmap(bytes: Uint8Array, size: number): Set<number> {
  const set = readBitmap(bytes, size);
  const places = new Set<number>();
  for (let place = 0; place < size; place += 1) if (set.has(place)) places.add(place);
  return places;
}
