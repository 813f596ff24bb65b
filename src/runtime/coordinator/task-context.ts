/**
 * What the parts of a served task share: what it works with, and what it holds in memory. Only steps of the task's queue
 * change the memory; it follows from the journal, and is thrown away when it may be ahead of it.
 *
 * @module
 */

import type { CoordinatorRound } from '../../federation/rounds/index.ts';
import type { ModelState } from '../training/index.ts';
import type { AttemptRecord, Journal } from './journal.ts';
import type { Mailboxes } from './mailboxes.ts';
import type { TaskServiceOptions } from './served-task.ts';
import type { TaskQueue } from './task-queue.ts';

/** An attempt that is under way. */
export interface OpenAttempt {
  readonly record: AttemptRecord;
  readonly machine: CoordinatorRound;
  /** Events that the journal has of it. */
  position: number;
  readonly startMs: number;
}

/** What a process knows of its task. */
export interface TaskMemory {
  state: string;
  model: ModelState | undefined;
  open: OpenAttempt | undefined;
  accuracy: number | null;
  loss: number | undefined;
  dropouts: number;
  closed: boolean;
  /** Memory may be ahead of the journal. */
  stale: boolean;
  /** When each participant was last heard of. */
  readonly present: Map<string, number>;
  /** The newest evidence that each participant asked for, hexadecimal. */
  readonly evidence: Map<string, string>;
}

/** The options with their defaults. */
type Settled = TaskServiceOptions & Required<Pick<TaskServiceOptions, 'onWrite'>>;

/** What every part of a task's service is given. */
export interface TaskContext {
  readonly options: Settled;
  readonly journal: Journal;
  readonly mailboxes: Mailboxes;
  readonly queue: TaskQueue;
  readonly memory: TaskMemory;
}
