/**
 * What the parts of a served task share: what it works with, and what it holds in memory. Only steps of the task's queue
 * change the memory; it follows from the journal, and is thrown away when it may be ahead of it.
 *
 * @module
 */

import type { CoordinatorRound, Participations } from '../../federation/rounds/index.ts';
import type { ModelState } from '../training/index.ts';
import type { AttemptRecord, Journal } from './journal.ts';
import type { Mailboxes } from './mailboxes.ts';
import type { TaskServiceOptions } from './served-task.ts';
import type { TaskQueue } from './task-queue.ts';

/** An attempt that is under way. */
export interface OpenAttempt {
  readonly record: AttemptRecord;
  readonly members: ReadonlySet<string>;
  readonly machine: CoordinatorRound;
  /** Events that the journal has of it. */
  position: number;
  readonly startMs: number;
}

/** What a process knows of its task. */
export interface TaskMemory {
  state: string;
  model: ModelState | undefined;
  /** By attempt, the oldest first; one at the most unless rounds are buffered. Nobody is in two at once. */
  readonly open: Map<number, OpenAttempt>;
  /** Memberships of all attempts so far. */
  members: Participations;
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

/**
 * Finds the attempt that a participant's message is for. One that is in none may be late for an attempt that has ended:
 * any open machine refuses it.
 */
export function attemptOf({ open }: Pick<TaskMemory, 'open'>, participant: string): OpenAttempt | undefined {
  let first: OpenAttempt | undefined;
  for (const attempt of open.values()) {
    first ??= attempt;
    if (open.size === 1 || attempt.members.has(participant)) return attempt;
  }
  return first;
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
