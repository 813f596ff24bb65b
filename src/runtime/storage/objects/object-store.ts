/**
 * Where vectors live: models, contributions, shards. An object is written whole or not at all, under a key that says
 * what it is; small facts about objects are in the database, never the objects.
 *
 * @module
 */

import { StorageError } from '../errors.ts';

/** Six methods that every driver has. Keys are `[a-z0-9._-]` parts joined by `/`. */
export interface ObjectStore {
  /** Writes an object; replaces one of the same key whole. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** @throws {@link StorageError} `storage/not-found`. */
  get(key: string): Promise<Uint8Array>;
  has(key: string): Promise<boolean>;
  /** Deletes an object; one that is not there is deleted already. */
  delete(key: string): Promise<void>;
  /** Keys below a prefix, sorted. A prefix ends at a `/` or is empty. */
  list(prefix: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

const KEY = /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*$/i;

/** @throws {RangeError} when a key has a part that is empty, starts with a dot or has other characters. */
export function assertObjectKey(key: string): void {
  if (key.length > 512 || !KEY.test(key)) {
    throw new RangeError(
      `"key" must be parts of letters, digits, ".", "_" and "-" joined by "/", got ${JSON.stringify(key)}`,
    );
  }
}

/** The refusal of a key that is not there. */
export function objectNotFound(key: string): StorageError {
  return new StorageError('storage/not-found', `there is no object ${key}`);
}

/** Creates a store that forgets: for tests and simulations. */
export function createMemoryObjectStore(): ObjectStore {
  const objects = new Map<string, Uint8Array>();
  return {
    async put(key, bytes) {
      assertObjectKey(key);
      objects.set(key, bytes.slice());
    },
    async get(key) {
      assertObjectKey(key);
      const bytes = objects.get(key);
      if (bytes === undefined) throw objectNotFound(key);
      return bytes.slice();
    },
    async has(key) {
      assertObjectKey(key);
      return objects.has(key);
    },
    async delete(key) {
      assertObjectKey(key);
      objects.delete(key);
    },
    async list(prefix) {
      return [...objects.keys()].filter((key) => key.startsWith(prefix)).toSorted();
    },
    async close() {
      objects.clear();
    },
  };
}
