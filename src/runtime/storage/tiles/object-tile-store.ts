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
  return {
    async read(path) {
      try {
        return await objects.get(`${prefix}${path}`);
      } catch (error) {
        if (error instanceof StorageError && error.code === 'storage/not-found') return undefined;
        throw error;
      }
    },
    async write(files) {
      for (const [path, bytes] of files) await objects.put(`${prefix}${path}`, bytes);
    },
    async remove(paths) {
      for (const path of paths) await objects.delete(`${prefix}${path}`);
    },
    async list() {
      const keys = await objects.list(prefix);
      return keys
        .map((key) => key.slice(prefix.length))
        .filter((path) => path === CHECKPOINT_PATH || parseTilePath(path) !== undefined);
    },
  };
}
