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

/** How long somebody waits. */
export interface MailWait {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Whoever waits is told that there is something, and asks for it in a moment: nothing counts as read. */
  readonly peek?: boolean;
}

/** The mailboxes of one task. */
export interface Mailboxes {
  /**
   * Forgets attempts that are not open, so that nobody is told of a round that is over; only how the last one ended
   * stays, for those who were about to ask.
   * @param options - `open`: attempts that are open beside this one.
   */
  openAttempt(attempt: number, options?: { readonly open: ReadonlySet<number> }): void;
  /** Forgets what open attempts have said: they say it again, under the same cursors. */
  forget(attempts: ReadonlySet<number>): void;
  /** Says something that belongs to an attempt. */
  put(to: string, bytes: Uint8Array, attempt: number): void;
  /** Messages after a cursor. */
  after(who: string, cursor: number): readonly Mail[];
  /** Whether somebody has not asked for what comes after the last message yet: it is still busy with what it was told. */
  isBehind(who: string): boolean;
  /** Resolves when there is something after the cursor, or when the time is over. */
  wait(who: string, cursor: number, options: MailWait): Promise<readonly Mail[]>;
  /** Lets everybody who waits go: the task has ended, or the coordinator does. */
  wakeAll(): void;
}

/** Creates empty mailboxes. */
export function createMailboxes(): Mailboxes {
  /** By participant: the messages of the attempt that it was called to last. */
  const boxes = new Map<string, { readonly attempt: number; readonly mail: Mail[] }>();
  /** The last message of the attempt before that, which closed it. */
  const closing = new Map<string, { readonly attempt: number; readonly last: Mail }>();
  /** Up to where each has asked. */
  const read = new Map<string, number>();
  const waiting = new Map<string, Set<() => void>>();

  const wake = (who: string): void => {
    for (const go of waiting.get(who) ?? []) go();
  };
  const heldFor = (who: string): readonly Mail[] => {
    const last = closing.get(who)?.last;
    return [...(last === undefined ? [] : [last]), ...(boxes.get(who)?.mail ?? [])];
  };
  const after = (who: string, cursor: number): readonly Mail[] => heldFor(who).filter((mail) => mail.cursor > cursor);

  return {
    openAttempt(attempt, { open } = { open: new Set() }) {
      const oldest = Math.min(attempt, ...open);
      for (const [who, each] of closing) if (each.attempt < oldest - 1) closing.delete(who);
      for (const [who, box] of boxes) {
        if (open.has(box.attempt)) continue;
        boxes.delete(who);
        closing.set(who, { attempt: box.attempt, last: box.mail.at(-1) as Mail });
      }
    },
    forget(attempts) {
      for (const [who, { attempt }] of boxes) if (attempts.has(attempt)) boxes.delete(who);
    },
    put(to, bytes, attempt) {
      const known = boxes.get(to);
      const box = known?.attempt === attempt ? known : { attempt, mail: [] };
      boxes.set(to, box);
      box.mail.push({ cursor: attempt * CURSORS_PER_ATTEMPT + box.mail.length + 1, bytes });
      wake(to);
    },
    after,
    isBehind: (who) => (heldFor(who).at(-1)?.cursor ?? 0) > (read.get(who) ?? 0),
    wait(who, cursor, { timeoutMs, signal, peek = false }) {
      if (!peek) read.set(who, cursor);
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
