/**
 * A log's tiles as files below a folder, under the very paths a web server serves them: to host a log, host the folder.
 *
 * @module
 */

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { CHECKPOINT_PATH, parseTilePath, type TileStore } from '../../../trust/log/index.ts';

const PART = '.part';
/** What a folder of the partial tiles of one place is called; it goes with the last of them. */
const PARTIAL_TILES = '.p';

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(code)) throw error;
  }
}

function syncFolder(path: string): void {
  try {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // Not every platform lets a folder be synced; the rename is then as durable as the file system makes it.
  }
}

/**
 * Creates the store of a log in `folder`, which is made when the first file is written.
 * @param options - `durable: false` spares the syncs, for logs that nobody relies on after a power failure.
 */
export function createFileTileStore(
  folder: string,
  { durable = true }: { readonly durable?: boolean } = {},
): TileStore {
  /** Only paths of the format reach the disk. */
  function pathOf(path: string): string {
    if (path !== CHECKPOINT_PATH && parseTilePath(path) === undefined) {
      throw new RangeError(`"path" must be a path of a tiled log, got ${JSON.stringify(path)}`);
    }
    return join(folder, ...path.split('/'));
  }

  return {
    async read(path) {
      try {
        const bytes = readFileSync(pathOf(path));
        return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? '';
        if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(code)) return undefined;
        throw error;
      }
    },
    async write(files) {
      const folders = new Set<string>();
      for (const [name, bytes] of files) {
        const path = pathOf(name);
        const parent = dirname(path);
        if (!existsSync(parent)) mkdirSync(parent, { recursive: true });
        const temporary = `${path}${PART}`;
        const file = openSync(temporary, 'w');
        try {
          for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
          if (durable) fsyncSync(file);
        } finally {
          closeSync(file);
        }
        renameSync(temporary, path);
        folders.add(parent);
      }
      if (durable) for (const each of folders) syncFolder(each);
    },
    async remove(paths) {
      const folders = new Set<string>();
      for (const name of paths) {
        const path = pathOf(name);
        rmSync(path, { force: true });
        folders.add(dirname(path));
      }
      for (const each of folders) if (each.endsWith(PARTIAL_TILES)) removeEmpty(each);
    },
    async list() {
      if (!existsSync(folder)) return [];
      return readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .map((path) => path.replaceAll('\\', '/'))
        .filter((path) => path === CHECKPOINT_PATH || parseTilePath(path) !== undefined)
        .filter((path) => existsSync(join(folder, path)))
        .toSorted();
    },
  };
}
