/**
 * Objects as files below one folder; the key is the path. A write goes to a file of its own and is renamed, so that no
 * reader and no crash ever sees half of it.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { assertObjectKey, objectNotFound, type ObjectStore } from './object-store.ts';

/** Files being written; a key never starts with a dot, so they are never listed. */
const PART = '.part-';

/** Makes a rename durable; where a folder cannot be opened or synced, it is as durable as the file system makes it. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

/** Creates a store below `folder`, which is made when it is missing. */
export function createFileObjectStore(folder: string): ObjectStore {
  const pathOf = (key: string): string => {
    assertObjectKey(key);
    return join(folder, ...key.split('/'));
  };

  async function* walk(path: string, prefix: string): AsyncGenerator<string> {
    const entries = await readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) yield* walk(join(path, entry.name), `${prefix}${entry.name}/`);
      else yield `${prefix}${entry.name}`;
    }
  }

  return {
    async put(key, content, { durable = true } = {}) {
      const path = pathOf(key);
      await mkdir(dirname(path), { recursive: true });
      const temporary = join(dirname(path), `${PART}${randomUUID()}`);
      try {
        const file = await open(temporary, 'wx');
        try {
          for (const part of content instanceof Uint8Array ? [content] : content) await file.writeFile(part);
          if (durable) await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, path);
        if (durable) await syncFolder(dirname(path));
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
    async get(key) {
      try {
        return new Uint8Array(await readFile(pathOf(key)));
      } catch (error) {
        if (['ENOENT', 'EISDIR', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? ''))
          throw objectNotFound(key);
        throw error;
      }
    },
    async has(key) {
      return stat(pathOf(key)).then(
        (found) => found.isFile(),
        () => false,
      );
    },
    async delete(key) {
      await rm(pathOf(key), { force: true });
    },
    async list(prefix) {
      const keys: string[] = [];
      for await (const key of walk(folder, '')) if (key.startsWith(prefix)) keys.push(key);
      return keys.toSorted();
    },
    async close() {},
  };
}
