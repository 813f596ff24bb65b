/**
 * Elements of two sets in bins, so that equal ones meet: one party has at most one element a bin (cuckoo hashing with three
 * places, [PSTY19] §3), the other a fixed number, its elements in every bin where the first could have put them.
 *
 * @module
 */

import { hmacSha256, utf8 } from '../../foundations/crypto/index.ts';
import { sampleUint32Below, type Rng } from '../../foundations/random/index.ts';
import { MpcError } from './errors.ts';

const HASHES = 3;
/** Bins an element: three places fill 91 % of the bins before an insertion fails, this asks for 67 %. */
const LOAD = 1.5;
/** Small sets need more: a few elements with the same places have nowhere to go. */
const SPARE_BINS = 32;
const MAX_KICKS = 500;
/** Chance, as a power of two, that some bin of the other side overflows. */
const OVERFLOW_LOG2 = -40;

/** An element as both parties see it: 62 bits that stand for it, and the bins it may lie in. */
export interface Hashed {
  readonly tag: bigint;
  readonly bins: readonly number[];
}

/** Number of bins for a set with one element a bin. */
export function binsFor(elements: number): number {
  return Math.ceil(LOAD * elements) + SPARE_BINS;
}

/** Hashes an element; another salt gives other tags and other bins. */
export function hashElement(element: string, salt: string, bins: number): Hashed {
  const digest = hmacSha256(utf8(`sotto/mpc/set-intersection/${salt}`), utf8(element));
  const view = new DataView(digest.buffer, digest.byteOffset);
  return {
    // 62 bits; the two above them tell real elements from fillers.
    tag: view.getBigUint64(0) >> 2n,
    bins: Array.from({ length: HASHES }, (_, i) => view.getUint32(8 + 4 * i) % bins),
  };
}

/** Depth of the other side's bins: a binomial tail below 2^−40 over all bins, by Chernoff's bound. */
export function depthOf(elements: number, bins: number): number {
  const mean = (HASHES * elements) / bins;
  for (let depth = Math.ceil(mean) + 1; ; depth += 1) {
    const logTail = (depth * Math.log(mean / depth) + depth - mean) / Math.LN2;
    if (logTail + Math.log2(bins) < OVERFLOW_LOG2) return depth;
  }
}

const FILLER = [1n << 62n, 2n << 62n] as const;

/**
 * Places every element in one of its bins, one a bin, by a random walk of evictions that never turns straight back.
 * @returns a tag or a filler a bin.
 * @throws {MpcError} `mpc/hashing-failed` for a set and salt that have no such placing, or none that was found.
 */
export function placeOneABin(elements: readonly Hashed[], bins: number, rng: Rng): BigUint64Array {
  const table: (Hashed | undefined)[] = Array.from({ length: bins });
  for (const element of elements) {
    if (!place(element)) {
      throw new MpcError('mpc/hashing-failed', 'an element found no bin: use another salt', { retryable: true });
    }
  }
  return BigUint64Array.from(table, (entry) => entry?.tag ?? FILLER[0]);

  function place(element: Hashed): boolean {
    let current = element;
    let from = -1;
    for (let kick = 0; kick < MAX_KICKS; kick += 1) {
      const { bins: own } = current;
      const others = own.filter((bin) => bin !== from);
      const choices = others.length > 0 ? others : own;
      const bin =
        own.find((free) => table[free] === undefined) ?? (choices[sampleUint32Below(choices.length, rng)] as number);
      const evicted = table[bin];
      table[bin] = current;
      if (evicted === undefined) return true;
      current = evicted;
      from = bin;
    }
    return false;
  }
}

/**
 * Places every element in all of its bins.
 * @returns `depth` tags or fillers a bin.
 * @throws {MpcError} `mpc/hashing-failed` when a bin overflows.
 */
export function placeInDepth(
  elements: readonly Hashed[],
  { bins, depth }: { readonly bins: number; readonly depth: number },
): BigUint64Array {
  const out = new BigUint64Array(bins * depth).fill(FILLER[1]);
  const used = new Uint16Array(bins);
  for (const { tag, bins: places } of elements) {
    for (const bin of new Set(places)) {
      const at = used[bin] as number;
      if (at >= depth)
        throw new MpcError('mpc/hashing-failed', 'a bin overflowed: use another salt', { retryable: true });
      out[bin * depth + at] = tag;
      used[bin] = at + 1;
    }
  }
  return out;
}
