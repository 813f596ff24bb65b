/**
 * The quarantine: rows that could not be used, with line, column and reason, in a file that only its owner can read. It
 * is made with the first of them.
 *
 * @module
 */

import { closeSync, openSync, writeSync } from 'node:fs';

import type { MalformedRow } from '../../../learning/preparation/index.ts';

/** A quarantine file. */
export interface Quarantine {
  readonly path: string;
  readonly count: number;
  add(row: MalformedRow): void;
  close(): void;
}

/** Creates a quarantine at a path; there is no file until a row is added. */
export function createQuarantine(path: string): Quarantine {
  let file: number | undefined;
  let count = 0;
  return {
    path,
    get count() {
      return count;
    },
    add({ line, column, problem, raw }) {
      file ??= openSync(path, 'wx', 0o600);
      writeSync(file, `${JSON.stringify({ line, column, problem, raw })}\n`);
      count += 1;
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}
