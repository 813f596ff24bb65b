/**
 * Where vectors live: models, contributions, shards. An object is written whole or not at all, under a key that says
 * what it is; small facts about objects are in the database, never the objects.
 *
 * @module
 */

import { StorageError } from '../errors.ts';

/** Bytes, or parts that are written one after another. */
export type ObjectContent = Uint8Array | readonly Uint8Array[];

/** Six methods that every driver has. Keys are `[a-z0-9._-]` parts joined by `/`. */
export interface ObjectStore {
  /**
   * Writes an object, its parts one after another; replaces one of the same key whole.
   * @param options - `durable: false` spares waiting for the disk: it outlives the process, not a power failure, after
   * which it may be missing or hold anything. For what its reader checks.
   */
  put(key: string, content: ObjectContent, options?: { readonly durable?: boolean }): Promise<void>;
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

/** Joins the parts of an object. */
export function joinContent(content: ObjectContent): Uint8Array {
  if (content instanceof Uint8Array) return content;
  const joined = new Uint8Array(content.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of content) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** The refusal of a key that is not there. */
export function objectNotFound(key: string): StorageError {
  return new StorageError('storage/not-found', `there is no object ${key}`);
}

/** Creates a store that forgets: for tests and simulations. */
export function createMemoryObjectStore(): ObjectStore {
  const objects = new Map<string, Uint8Array>();
  return {
    async put(key, content) {
      assertObjectKey(key);
      objects.set(key, joinContent(content).slice());
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
