/**
 * One worker's part of a mask expansion: some masks, summed over some tiles of the vector. Plain data, and the same code
 * for the worker and for whoever wants to run it in place.
 *
 * @module
 */

import { addMasksInto, type Mask } from '../../foundations/kernels/index.ts';

/** Plain data that a structured clone carries. */
export interface MaskJob {
  readonly words: 'u16' | 'u32' | 'u64';
  readonly cipher: 'chacha20' | 'chacha12';
  /** Where the part begins in the whole vector, on a tile boundary, and how long it is. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  /** Keys of 32 bytes one after the other, and one sign each (1 = subtract). */
  readonly keys: Uint8Array;
  readonly signs: Uint8Array;
}

/** Sums the masks of a job over its part of the vector, starting from zero. */
export function runMaskJob({ words, cipher, offsetBytes, lengthBytes, keys, signs }: MaskJob): Uint8Array {
  const sum = new Uint8Array(lengthBytes);
  const masks: Mask[] = Array.from(signs, (sign, i) => ({
    key: keys.subarray(32 * i, 32 * i + 32),
    sign: sign === 1 ? -1 : 1,
  }));
  addMasksInto(sum, masks, { words, cipher, offsetBytes });
  keys.fill(0);
  return sum;
}
