/**
 * Reading a tiled log: entries, roots of any earlier size, and proofs, each from the few tiles it takes.
 *
 * @module
 */

import { LogError } from './errors.ts';
import { emptyRoot, hashLeaf, hashNode, splitOf } from './merkle.ts';
import { countAtLevel, decodeBundle, decodeTile, TILE_WIDTH, tilePath, type TileSource } from './tiles.ts';

/** A log of a known size. */
export interface LogReader {
  readonly size: number;
  /** Entries [start, end). */
  entries(start: number, end: number): AsyncIterable<Uint8Array>;
  entry(index: number): Promise<Uint8Array>;
  /** Root of the first `size` leaves. */
  root(size?: number): Promise<Uint8Array>;
  /** Proof that a leaf stands in the tree of `size` leaves. [RFC9162] §2.1.3.1 */
  inclusionProof(index: number, size?: number): Promise<readonly Uint8Array[]>;
  /** Proof that the tree of `size1` leaves is a prefix of that of `size2`. [RFC9162] §2.1.4.1 */
  consistencyProof(size1: number, size2?: number): Promise<readonly Uint8Array[]>;
}

const LEVELS_PER_TILE = 8;

/** Creates a reader of the first `size` leaves behind a source. */
export function createLogReader(source: TileSource, size: number): LogReader {
  const tiles = new Map<string, Promise<readonly Uint8Array[]>>();
  const bundles = new Map<number, Promise<readonly Uint8Array[]>>();

  async function fetchParts<T>(
    level: number | 'entries',
    index: number,
    decode: (bytes: Uint8Array, width: number) => T,
  ): Promise<T> {
    const total = level === 'entries' ? size : countAtLevel(size, level);
    const width = Math.min(TILE_WIDTH, total - index * TILE_WIDTH);
    const bytes = width > 0 ? await source.read(tilePath({ level, index, width })) : undefined;
    if (bytes !== undefined) return decode(bytes, width);
    // A partial one may have gone once its full one was there.
    const full = width > 0 ? await source.read(tilePath({ level, index, width: TILE_WIDTH })) : undefined;
    if (full !== undefined) return decode(full, TILE_WIDTH);
    const path = tilePath({ level, index, width: Math.max(1, width) });
    throw new LogError('log/incomplete', `the log has no ${path}`, { details: { path } });
  }

  function remember<K, V>(cache: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
    const known = cache.get(key);
    if (known !== undefined) return known;
    // A few hundred tiles are enough for any proof; a walk over all entries must not keep them all.
    if (cache.size > 256) cache.delete(cache.keys().next().value as K);
    const made = make();
    cache.set(key, made);
    made.catch(() => cache.delete(key));
    return made;
  }

  const tile = (level: number, index: number): Promise<readonly Uint8Array[]> =>
    remember(tiles, `${level}/${index}`, () => fetchParts(level, index, decodeTile));
  const bundle = (index: number): Promise<readonly Uint8Array[]> =>
    remember(bundles, index, () => fetchParts('entries', index, decodeBundle));

  /** Hash of the perfect subtree of 2^height leaves that starts at leaf `start`. */
  async function perfect(start: number, height: number): Promise<Uint8Array> {
    const level = Math.floor(height / LEVELS_PER_TILE);
    const span = 2 ** (height % LEVELS_PER_TILE);
    const first = start / TILE_WIDTH ** level;
    const hashes = await tile(level, Math.floor(first / TILE_WIDTH));
    const offset = first % TILE_WIDTH;
    let nodes = hashes.slice(offset, offset + span);
    if (nodes.length < span) throw new LogError('log/inconsistent', `a tile of level ${level} is too short`);
    while (nodes.length > 1) {
      nodes = Array.from({ length: nodes.length / 2 }, (_, i) =>
        hashNode(nodes[2 * i] as Uint8Array, nodes[2 * i + 1] as Uint8Array),
      );
    }
    return nodes[0] as Uint8Array;
  }

  /** Hash of leaves [start, end), a node of the tree. */
  async function range(start: number, end: number): Promise<Uint8Array> {
    const count = end - start;
    const height = Math.round(Math.log2(count));
    if (2 ** height === count) return perfect(start, height);
    const split = start + splitOf(count);
    return hashNode(await range(start, split), await range(split, end));
  }

  function assertSize(value: number, title: string, most: number): void {
    if (!Number.isSafeInteger(value) || value < 0 || value > most) {
      throw new RangeError(`"${title}" must be an integer in [0, ${most}], got ${value}`);
    }
  }

  return {
    size,
    async *entries(start, end) {
      assertSize(end, 'end', size);
      for (let at = start; at < end;) {
        const index = Math.floor(at / TILE_WIDTH);
        const entries = await bundle(index);
        const stop = Math.min(end - index * TILE_WIDTH, entries.length);
        yield* entries.slice(at - index * TILE_WIDTH, stop);
        at = index * TILE_WIDTH + TILE_WIDTH;
      }
    },
    async entry(index) {
      assertSize(index, 'index', size - 1);
      return (await bundle(Math.floor(index / TILE_WIDTH)))[index % TILE_WIDTH] as Uint8Array;
    },
    async root(at = size) {
      assertSize(at, 'size', size);
      return at === 0 ? emptyRoot() : range(0, at);
    },
    async inclusionProof(index, at = size) {
      assertSize(at, 'size', size);
      assertSize(index, 'index', at - 1);
      const path: Uint8Array[] = [];
      let [start, end] = [0, at];
      while (end - start > 1) {
        const split = start + splitOf(end - start);
        if (index < split) {
          path.push(await range(split, end));
          end = split;
        } else {
          path.push(await range(start, split));
          start = split;
        }
      }
      return path.reverse();
    },
    async consistencyProof(size1, size2 = size) {
      assertSize(size2, 'size2', size);
      assertSize(size1, 'size1', size2);
      if (size1 === 0 || size1 === size2) return [];
      const path: Uint8Array[] = [];
      let [start, end, whole] = [0, size2, true];
      while (size1 !== end) {
        const split = start + splitOf(end - start);
        if (size1 <= split) {
          path.push(await range(split, end));
          end = split;
        } else {
          path.push(await range(start, split));
          start = split;
          whole = false;
        }
      }
      if (!whole) path.push(await range(start, end));
      return path.reverse();
    },
  };
}

/** Hashes entries and keeps the roots of the sizes asked for: one pass over a log that checks every consistency. */
export async function computeRoots(
  entries: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  sizes: readonly number[],
): Promise<{ readonly leafHashes: readonly Uint8Array[]; readonly roots: ReadonlyMap<number, Uint8Array> }> {
  const wanted = new Set(sizes);
  const roots = new Map<number, Uint8Array>();
  const leafHashes: Uint8Array[] = [];
  const range = createCompactRange();
  if (wanted.has(0)) roots.set(0, range.root());
  for await (const entry of entries) {
    const hash = hashLeaf(entry);
    leafHashes.push(hash);
    range.push(hash);
    if (wanted.has(range.size())) roots.set(range.size(), range.root());
  }
  return { leafHashes, roots };
}

/** The right edge of a growing tree: hashes of its perfect subtrees, largest first. */
export interface CompactRange {
  size(): number;
  push(leafHash: Uint8Array): void;
  root(): Uint8Array;
}

/** Creates the edge of a tree of `size` leaves from the hashes of its perfect subtrees. */
export function createCompactRange(size = 0, hashes: readonly Uint8Array[] = []): CompactRange {
  const edge = hashes.slice();
  let count = size;
  return {
    size: () => count,
    push(leafHash) {
      let hash = leafHash;
      for (let rest = count; rest % 2 === 1; rest = (rest - 1) / 2) hash = hashNode(edge.pop() as Uint8Array, hash);
      edge.push(hash);
      count += 1;
    },
    root: () => (edge.length === 0 ? emptyRoot() : edge.reduceRight((right, left) => hashNode(left, right))),
  };
}
