/**
 * Who shares masks with whom: the complete graph of [BIK17], or the Harary graph of [BBGLR20] on a random order of the
 * cohort. Places are positions in the cohort sorted by id; absent members keep their place, as dropouts.
 *
 * @module
 */

import { createKeystream } from '../../foundations/kernels/index.ts';

/** The neighbours of every place. */
export interface Graph {
  readonly size: number;
  readonly kind: 'complete' | 'harary';
  /** Neighbours of a place, ascending, without the place itself. */
  neighbors(place: number): readonly number[];
}

/** Creates the graph in which everybody is everybody's neighbour. */
export function createCompleteGraph(size: number): Graph {
  return {
    size,
    kind: 'complete',
    neighbors: (place) => {
      const all: number[] = [];
      for (let i = 0; i < size; i += 1) if (i !== place) all.push(i);
      return all;
    },
  };
}

/**
 * Orders the places at random: Fisher–Yates on the ChaCha20 stream of the seed, u32 words little-endian, rejecting words
 * at or above the largest multiple of the bound.
 * @returns the place at every position of the ring.
 */
export function permutePlaces(size: number, seed: Uint8Array): Uint32Array {
  const order = new Uint32Array(size);
  for (let i = 0; i < size; i += 1) order[i] = i;
  const stream = createKeystream(seed);
  const words = new Uint32Array(Math.max(16, size));
  const bytes = new Uint8Array(words.buffer);
  let used = words.length;
  for (let i = size - 1; i > 0; i -= 1) {
    const bound = i + 1;
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    let word: number;
    do {
      if (used === words.length) {
        stream.fill(bytes);
        used = 0;
      }
      word = words[used] as number;
      used += 1;
    } while (word >= limit);
    const j = word % bound;
    const place = order[i] as number;
    order[i] = order[j] as number;
    order[j] = place;
  }
  return order;
}

/**
 * Creates the Harary graph of even degree: on a ring in random order, everybody is joined to the `degree` / 2 nearest on
 * either side. It stays connected while fewer than `degree` places go.
 */
export function createHararyGraph(size: number, { degree, seed }: { degree: number; seed: Uint8Array }): Graph {
  if (degree % 2 !== 0 || degree < 2 || degree >= size) {
    throw new RangeError(`"degree" must be an even number in [2, ${size - 1}], got ${degree}`);
  }
  const order = permutePlaces(size, seed);
  const position = new Uint32Array(size);
  for (let i = 0; i < size; i += 1) position[order[i] as number] = i;
  return {
    size,
    kind: 'harary',
    neighbors(place) {
      const center = position[place] as number;
      const found = new Set<number>();
      for (let step = 1; step <= degree / 2; step += 1) {
        found.add(order[(center + step) % size] as number);
        found.add(order[(center - step + size) % size] as number);
      }
      return [...found].toSorted((a, b) => a - b);
    },
  };
}
