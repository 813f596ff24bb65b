/**
 * Remembers on the disk which attempts an assistant has answered: a line an attempt, synced before the answer leaves.
 *
 * @module
 */

import { existsSync, truncateSync } from 'node:fs';

import type { AnsweredAttempts } from '../../federation/assistants/index.ts';
import { appendSynced, readFileOf, StorageError, writeFileAtomic } from '../storage/index.ts';

/** Makes an empty memory; one that is there stays. */
export function createAnsweredFile(path: string): void {
  if (!existsSync(path)) writeFileAtomic(path, '');
}

/**
 * Opens a memory.
 * @throws {@link StorageError} `storage/not-found` when it is gone, which would let attempts be answered twice;
 * `storage/unreadable` when a line is none of ours.
 */
export function openAnsweredFile(path: string): AnsweredAttempts {
  const bytes = readFileOf(path, 'the attempts that were answered');
  // A line without an end was cut by a crash: nothing was answered on its account.
  const whole = bytes.lastIndexOf(10) + 1;
  if (whole < bytes.length) truncateSync(path, whole);
  const claimed = new Map<string, string>();
  const lines = new TextDecoder().decode(bytes.subarray(0, whole)).split('\n').slice(0, -1);
  for (const [i, line] of lines.entries()) {
    const [attempt, request] = parseLine(line) ?? [];
    if (attempt === undefined || request === undefined)
      throw new StorageError('storage/unreadable', `${path}:${i + 1} is not an attempt that was answered`);
    claimed.set(attempt, request);
  }
  return {
    claim(attempt, request) {
      const known = claimed.get(attempt);
      if (known !== undefined) return Promise.resolve(known === request);
      // Set first: when the write fails, the attempt is lost rather than answered without a record.
      claimed.set(attempt, request);
      appendSynced(path, `${JSON.stringify([attempt, request])}\n`);
      return Promise.resolve(true);
    },
  };
}

function parseLine(line: string): readonly [string, string] | undefined {
  try {
    const fields: unknown = JSON.parse(line);
    if (!Array.isArray(fields) || fields.length !== 2) return undefined;
    const [attempt, request] = fields as unknown[];
    return typeof attempt === 'string' && typeof request === 'string' ? [attempt, request] : undefined;
  } catch {
    return undefined;
  }
}
