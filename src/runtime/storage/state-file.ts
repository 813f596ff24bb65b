/**
 * A state that is replaced whole, in a file that only its owner can read.
 *
 * @module
 */

import { existsSync } from 'node:fs';

import { readFileOf, writeFileAtomic } from './files.ts';

/** Opens the state at `path`; it need not exist yet. */
export function createStateFile(path: string): {
  load(): Promise<Uint8Array | undefined>;
  save(state: Uint8Array): Promise<void>;
} {
  return {
    load: () => Promise.resolve(existsSync(path) ? readFileOf(path, 'state of the participant') : undefined),
    save(state) {
      writeFileAtomic(path, state, { mode: 0o600 });
      return Promise.resolve();
    },
  };
}
