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

/** Decodes a set. @throws {SecAggError} `secagg/malformed-message` when the length or the padding is wrong. */
export function decodeBitmap(bytes: Uint8Array, size: number): Set<number> {
  if (bytes.length !== Math.ceil(size / 8)) {
    throw new SecAggError('secagg/malformed-message', 'a set of participants has the wrong length');
  }
  const places = new Set<number>();
  for (let i = 0; i < bytes.length * 8; i += 1) {
    if ((((bytes[i >> 3] as number) >> (i & 7)) & 1) === 0) continue;
    if (i >= size) throw new SecAggError('secagg/malformed-message', 'a set of participants names a place beyond them');
    places.add(i);
  }
  return places;
}
