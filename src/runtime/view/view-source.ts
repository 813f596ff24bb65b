/**
 * Where a page's data comes from: a run of this process, a run folder, or a coordinator's tasks.
 *
 * @module
 */

import type { Feed } from './feed.ts';
import type { TaskTracker } from './task-tracker.ts';
import type { LedgerView, TaskHead, ViewFacts } from './task-view.ts';

/** A file for somebody to keep. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A source of views. Every method that names a task throws `view/unknown-task` when there is none of that id. */
export interface ViewSource {
  readonly kind: ViewFacts['kind'];
  readonly place: () => string;
  heads(): readonly TaskHead[];
  feeds(): readonly Feed[];
  tracker(id: string): Promise<TaskTracker>;
  /** The task file, every default spelled out. */
  definition(id: string): Promise<string>;
  ledger(id: string): Promise<LedgerView>;
  /** The ledger's records as they are verified: one a line. */
  ledgerFile(id: string): Promise<Uint8Array>;
  /** @throws `view/not-here` while there is none. */
  model(id: string): Promise<NamedBytes>;
}
