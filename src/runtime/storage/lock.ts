/**
 * Exclusive use of a folder by one process, by a file that names it.
 *
 * @module
 */

import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import { StorageError } from './errors.ts';

/**
 * Takes the lock at `path` for this process; one left by a process that is gone is taken over.
 * @param what - as the refusal shall name it.
 * @returns a function that gives the lock up.
 * @throws {@link StorageError} `storage/exists` when a living process holds it.
 */
export function takeLock(path: string, what: string): () => void {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      create(path);
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = Number(readFileSync(path, 'utf8'));
      if (Number.isInteger(holder) && holder > 0 && holder !== process.pid && isAlive(holder)) {
        throw new StorageError('storage/exists', `${what} is in use by process ${holder}: wait for it or stop it`);
      }
      rmSync(path, { force: true });
    }
  }
  throw new StorageError('storage/exists', `${what} is being taken by another process`);
}

/** Makes the lock with its holder in it, at once: one that is empty for a moment would look as if left behind. */
function create(path: string): void {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    // A disk without links: not at once, and exclusive all the same.
    writeFileSync(path, String(process.pid), { flag: 'wx' });
  } finally {
    rmSync(own, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
