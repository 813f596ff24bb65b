/**
 * The queue of a task: its steps run one after another, and those that time brings wait for their turn with the others.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';
import { StorageError } from '../storage/index.ts';
import { CoordinatorError } from './errors.ts';
import type { TaskMemory } from './task-context.ts';

/** Runs the steps of one task. */
export interface TaskQueue {
  /**
   * Runs a step after those that wait. A step that fails for a reason outside of the protocol (the database went away,
   * the disk is full) leaves memory ahead of what is written: memory is then thrown away, and the next step begins by
   * replaying the journal.
   */
  enqueue<T>(step: () => Promise<T>): Promise<T>;
  /** Calls the action after a time, unless the queue is closed by then. */
  schedule(afterMs: number, action: () => Promise<unknown>): void;
  /** Forgets what time would bring. */
  close(): void;
  /** Resolves when nothing waits. */
  settled(): Promise<void>;
}

/** Time before the coordinator tries again what it could not write. */
const RETRY_MS = 1000;

/** Creates the queue; `replay` brings memory back to what is written. */
export function createTaskQueue({
  memory,
  isMine,
  replay,
}: {
  readonly memory: Pick<TaskMemory, 'stale' | 'closed'>;
  /** False once another node may have taken the task over. */
  readonly isMine: () => boolean;
  readonly replay: () => Promise<void>;
}): TaskQueue {
  const timers = new Set<ReturnType<typeof setTimeout>>();
  let last: Promise<unknown> = Promise.resolve();

  function enqueue<T>(step: () => Promise<T>): Promise<T> {
    const result = last.then(async () => {
      if (!isMine())
        throw new CoordinatorError('coordinator/elsewhere', 'another node has taken the task over', {
          retryable: true,
        });
      try {
        if (memory.stale) await replay();
        return await step();
      } catch (error) {
        if (error instanceof SottoError && !(error instanceof StorageError)) throw error;
        memory.stale = true;
        schedule(RETRY_MS, () => enqueue(async () => {}));
        throw new CoordinatorError('coordinator/unavailable', 'the coordinator cannot write now; try again', {
          cause: error,
          retryable: true,
        });
      }
    });
    last = result.catch(() => {});
    return result;
  }

  function schedule(afterMs: number, action: () => Promise<unknown>): void {
    if (memory.closed) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      action().catch(() => {});
    }, afterMs);
    timers.add(timer);
  }

  return {
    enqueue,
    schedule,
    close() {
      for (const timer of timers) clearTimeout(timer);
    },
    async settled() {
      await last;
    },
  };
}
