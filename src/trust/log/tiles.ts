/**
 * Where a log's hashes and entries are kept: tiles of 256 hashes, bundles of 256 entries, as files that any web server
 * hosts. [C2SP-tiles]
 *
 * @module
 */

import { LogError } from './errors.ts';
import { HASH_BYTES } from './merkle.ts';

/** Hashes of a full tile. */
export const TILE_WIDTH = 256;
/** An entry's length is written in two bytes. */
export const MAX_ENTRY_BYTES = 65_535;

/** Name of the signed tree head. */
export const CHECKPOINT_PATH = 'checkpoint';

/** Where tiles come from; the reader of a folder, a bucket, or a web server. */
export interface TileSource {
  /** Returns a file, or undefined when it is not there. */
  read(path: string): Promise<Uint8Array | undefined>;
}

/** Where tiles are kept. */
export interface TileStore extends TileSource {
  /** Writes files, each whole or not at all, all of them before it resolves. */
  write(files: readonly (readonly [path: string, bytes: Uint8Array])[]): Promise<void>;
  remove(paths: readonly string[]): Promise<void>;
  /** Every path in the store. */
  list(): Promise<readonly string[]>;
}

/** Tile of hashes at a level, or bundle of entries. */
export interface TileName {
  readonly level: number | 'entries';
  readonly index: number;
  /** 1 to 255 for a partial one, 256 for a full one. */
  readonly width: number;
}

/** Returns the path of a tile or bundle, such as `tile/0/x001/067.p/12`. */
export function tilePath({ level, index, width }: TileName): string {
  const parts: string[] = [];
  for (let rest = index, first = true; first || rest > 0; first = false) {
    parts.unshift(`${parts.length === 0 ? '' : 'x'}${String(rest % 1000).padStart(3, '0')}`);
    rest = Math.floor(rest / 1000);
  }
  return `tile/${level}/${parts.join('/')}${width < TILE_WIDTH ? `.p/${width}` : ''}`;
}

const PATH = /^tile\/(entries|0|[1-9]\d?)\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** Reads the path of a tile; undefined when it is none. */
export function parseTilePath(path: string): TileName | undefined {
  const match = PATH.exec(path);
  if (match === null) return undefined;
  const [, level = '', digits = '', width] = match;
  const name: TileName = {
    level: level === 'entries' ? 'entries' : Number(level),
    index: Number(digits.replaceAll(/[x/]/g, '')),
    width: width === undefined ? TILE_WIDTH : Number(width),
  };
  return name.width <= TILE_WIDTH && tilePath(name) === path ? name : undefined;
}

/** Returns how many entries or hashes of a level a tree of `size` leaves has. */
export function countAtLevel(size: number, level: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** Joins hashes to a tile. */
export function encodeTile(hashes: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(hashes.length * HASH_BYTES);
  for (const [i, hash] of hashes.entries()) out.set(hash, i * HASH_BYTES);
  return out;
}

/** Splits a tile into hashes. @throws {LogError} `log/malformed` when it does not have `width` of them. */
export function decodeTile(bytes: Uint8Array, width: number): Uint8Array[] {
  if (bytes.length !== width * HASH_BYTES) {
    throw new LogError('log/malformed', `a tile of ${width} hashes has ${bytes.length} bytes`);
  }
  return Array.from({ length: width }, (_, i) => bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
}

/** Joins entries to a bundle: each after its length in two bytes, big-endian. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(entries.reduce((sum, entry) => sum + entry.length + 2, 0));
  let at = 0;
  for (const entry of entries) {
    out[at] = entry.length >> 8;
    out[at + 1] = entry.length & 255;
    out.set(entry, at + 2);
    at += entry.length + 2;
  }
  return out;
}

/** Splits a bundle into entries. @throws {LogError} `log/malformed` when it does not have `width` of them. */
export function decodeBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + 2 + (((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0));
    if (at + 2 > bytes.length || end > bytes.length) throw new LogError('log/malformed', 'a bundle of entries is cut');
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  if (entries.length !== width) {
    throw new LogError('log/malformed', `a bundle of ${width} entries has ${entries.length}`);
  }
  return entries;
}

/** Creates a store in memory, for tests and tools. */
export function createMemoryTileStore(): TileStore {
  const files = new Map<string, Uint8Array>();
  return {
    read: (path) => Promise.resolve(files.get(path)?.slice()),
    async write(batch) {
      for (const [path, bytes] of batch) files.set(path, bytes.slice());
    },
    async remove(paths) {
      for (const path of paths) files.delete(path);
    },
    list: () => Promise.resolve([...files.keys()].toSorted()),
  };
}
