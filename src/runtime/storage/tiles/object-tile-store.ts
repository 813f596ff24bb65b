/**
 * A log's tiles as objects: in the coordinator's folder, or in a bucket that the public reads.
 *
 * @module
 */

import { CHECKPOINT_PATH, parseTilePath, type TileStore } from '../../../trust/log/index.ts';
import { StorageError } from '../errors.ts';
import type { ObjectStore } from '../objects/index.ts';

/** Creates the store of a log below a prefix such as `tasks/digits/log/`. */
export function createObjectTileStore(objects: ObjectStore, prefix: string): TileStore {
  /** Only paths of the format become keys: whoever names one chooses among the files of this log. */
  function keyOf(path: string): string {
    if (path !== CHECKPOINT_PATH && parseTilePath(path) === undefined) {
      throw new RangeError(`"path" must be a path of a tiled log, got ${JSON.stringify(path)}`);
    }
    return `${prefix}${path}`;
  }

  return {
    async read(path) {
      if (path !== CHECKPOINT_PATH && parseTilePath(path) === undefined) return undefined;
      try {
        return await objects.get(keyOf(path));
      } catch (error) {
        if (error instanceof StorageError && error.code === 'storage/not-found') return undefined;
        throw error;
      }
    },
    async write(files) {
      for (const [path, bytes] of files) await objects.put(keyOf(path), bytes);
    },
    async remove(paths) {
      for (const path of paths) await objects.delete(keyOf(path));
    },
    async list() {
      const keys = await objects.list(prefix);
      return keys
        .map((key) => key.slice(prefix.length))
        .filter((path) => path === CHECKPOINT_PATH || parseTilePath(path) !== undefined);
    },
  };
}
