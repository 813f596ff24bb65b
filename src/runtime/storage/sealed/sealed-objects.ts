/**
 * An object store whose objects are sealed, over any other one. Keys stay readable; they say what an object is, not what
 * is in it.
 *
 * @module
 */

import { joinContent, type ObjectStore } from '../objects/object-store.ts';
import type { Vault } from './vault.ts';

/** Seals objects on their way in and opens them on their way out. */
export function createSealedObjectStore(store: ObjectStore, vault: Vault): ObjectStore {
  return {
    put: (key, content, options) => store.put(key, vault.seal(`object/${key}`, joinContent(content)), options),
    get: async (key) => vault.open(`object/${key}`, await store.get(key)),
    has: (key) => store.has(key),
    delete: (key) => store.delete(key),
    list: (prefix) => store.list(prefix),
    close: () => store.close(),
  };
}
