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
      const [holder, started] = readHolder(path);
      if (Number.isInteger(holder) && holder > 0 && holder !== process.pid && isAlive(holder, started)) {
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
  const holder = `${process.pid} ${startOf(process.pid)?.id ?? ''}`.trim();
  writeFileSync(own, holder);
  try {
    linkSync(own, path);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    // A disk without links: not at once, and exclusive all the same.
    writeFileSync(path, holder, { flag: 'wx' });
  } finally {
    rmSync(own, { force: true });
  }
}

/** The process that a lock names, and when it started where that is known. */
function readHolder(path: string): readonly [number, string | undefined] {
  const [pid, started] = readFileSync(path, 'utf8').trim().split(' ');
  return [Number(pid), started];
}

/** @param started - of the holder; undefined where its system does not tell. */
function isAlive(pid: number, started: string | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const now = startOf(pid);
  if (now === undefined) return true;
  // Killed, and not fetched by its parent: it holds nothing any more. Or its number was given to another process.
  return !now.isDead && (started === undefined || started === now.id);
}

/** When a process was started, in this start of the system; undefined where there is no procfs. See proc(5), fields 3 and 22. */
function startOf(pid: number): { readonly id: string; readonly isDead: boolean } | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { id: `${boot}/${fields[19]}`, isDead: fields[0] === 'Z' || fields[0] === 'X' };
  } catch {
    return undefined;
  }
}
