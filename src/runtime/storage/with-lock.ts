/**
 * Acts that one process at a time does to files that several change.
 *
 * @module
 */

import { StorageError } from './errors.ts';
import { takeLock } from './lock.ts';

/** The last act under each lock in this process. */
const turns = new Map<string, Promise<void>>();
const TRIES = 200;
const WAIT_MS = 50;

/** Waits until no other process holds the lock. @throws {@link StorageError} `storage/exists` after ten seconds. */
async function waitForLock(lock: string, what: string): Promise<() => void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return takeLock(lock, what);
    } catch (error) {
      if (!(error instanceof StorageError && error.code === 'storage/exists') || tries >= TRIES) throw error;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, WAIT_MS);
    });
  }
}

/**
 * Does something while nobody else does under the lock at `path`, in this process or another one.
 * @throws {@link StorageError} `storage/exists` when it is not free after ten seconds.
 */
export function withLock<T>(path: string, what: string, act: () => T | Promise<T>): Promise<T> {
  const done = (turns.get(path) ?? Promise.resolve()).then(async () => {
    const release = await waitForLock(path, what);
    try {
      return await act();
    } finally {
      release();
    }
  });
  turns.set(
    path,
    done.then(
      () => {},
      () => {},
    ),
  );
  return done;
}
