/**
 * What the coordinator has to say to each participant, held until it is fetched. Mailboxes follow from the journal, so
 * they are not stored: after a restart the same messages lie under the same cursors.
 *
 * @module
 */

/** A message with the cursor that asks for what comes after it. */
export interface Mail {
  readonly cursor: number;
  readonly bytes: Uint8Array;
}

/** Messages an attempt can have for one participant, at the most: cursors of attempts do not meet. */
const CURSORS_PER_ATTEMPT = 64;

/** The mailboxes of one task. */
export interface Mailboxes {
  /**
   * Forgets older attempts, so that nobody is told of a round that is over; only how the last one ended stays, for
   * those who were about to ask.
   */
  openAttempt(attempt: number): void;
  put(to: string, bytes: Uint8Array): void;
  /** Messages after a cursor. */
  after(who: string, cursor: number): readonly Mail[];
  /** Resolves when there is something after the cursor, or when the time is over. */
  wait(who: string, cursor: number, options: { timeoutMs: number; signal?: AbortSignal }): Promise<readonly Mail[]>;
  /** Lets everybody who waits go: the task has ended, or the coordinator does. */
  wakeAll(): void;
}

/** Creates empty mailboxes. */
export function createMailboxes(): Mailboxes {
  let boxes = new Map<string, Mail[]>();
  let base = 0;
  /** The last message of the former attempt, which closed it. */
  let closing = new Map<string, Mail>();
  const waiting = new Map<string, Set<() => void>>();

  const wake = (who: string): void => {
    for (const go of waiting.get(who) ?? []) go();
  };
  const after = (who: string, cursor: number): readonly Mail[] =>
    [...(closing.has(who) ? [closing.get(who) as Mail] : []), ...(boxes.get(who) ?? [])].filter(
      (mail) => mail.cursor > cursor,
    );

  return {
    openAttempt(attempt) {
      base = attempt * CURSORS_PER_ATTEMPT;
      closing = new Map(Array.from(boxes, ([who, box]) => [who, box.at(-1) as Mail]));
      boxes = new Map();
    },
    put(to, bytes) {
      const box = boxes.get(to) ?? [];
      boxes.set(to, box);
      box.push({ cursor: base + box.length + 1, bytes });
      wake(to);
    },
    after,
    wait(who, cursor, { timeoutMs, signal }) {
      const found = after(who, cursor);
      if (found.length > 0 || timeoutMs <= 0) return Promise.resolve(found);
      return new Promise((resolve) => {
        const all = waiting.get(who) ?? new Set();
        waiting.set(who, all);
        const done = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', done);
          all.delete(done);
          if (all.size === 0) waiting.delete(who);
          resolve(after(who, cursor));
        };
        const timer = setTimeout(done, timeoutMs);
        signal?.addEventListener('abort', done, { once: true });
        all.add(done);
      });
    },
    wakeAll() {
      for (const who of Array.from(waiting.keys())) wake(who);
    },
  };
}
