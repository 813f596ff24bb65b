/**
 * The checkpoints of a task as objects: one a round, and of old rounds none, unless an attempt that is open was offered it.
 * What they were stays in the log, by digest.
 *
 * @module
 */

import type { ObjectStore } from '../storage/objects/index.ts';
import type { Journal } from './journal.ts';

/**
 * Checkpoints that are kept of a task. A power failure sets an embedded database back by what its file system had not
 * written yet, half a minute or so: it must find the checkpoint of a round that quick.
 */
export const KEPT_CHECKPOINTS = 50;
/** Deleted after one round, at the most: a task that has kept all of them so far is not held up by them. */
const DELETED_AT_ONCE = 100;

/** Where the model of a round lies. */
export function checkpointKeyOf(taskId: string, { round, attempt }: { round: number; attempt: number }): string {
  return `tasks/${taskId}/checkpoints/${round}-${attempt}`;
}

/**
 * Deletes the checkpoints of rounds that are `keep` or more before a committed one, and those of attempts that a crash
 * kept from being committed then. Bases of open attempts stay.
 */
export async function pruneCheckpoints(
  { taskId, objects, journal }: { taskId: string; objects: ObjectStore; journal: Pick<Journal, 'opened'> },
  { round, keep }: { readonly round: number; readonly keep: number },
): Promise<void> {
  const bases = new Set((await journal.opened()).map(({ base }) => base));
  const folder = `tasks/${taskId}/checkpoints/`;
  const old = (await objects.list(folder))
    .map((key) => ({ key, of: Number(/^(\d+)-\d+$/.exec(key.slice(folder.length))?.[1] ?? Infinity) }))
    .filter(({ key, of }) => of <= round - keep && !bases.has(key))
    .toSorted((a, b) => a.of - b.of);
  for (const { key } of old.slice(0, DELETED_AT_ONCE)) await objects.delete(key);
}
