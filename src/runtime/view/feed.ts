/**
 * Tells whoever watches that something has changed, not more often than they can look: changes are marks, and what
 * they amount to is computed once a flush, only while somebody watches.
 *
 * @module
 */

/** Wakes watchers. */
export interface Feed {
  /** Marks a change; returns at once. */
  touch(): void;
  /** Calls back after changes, until the returned function is called. */
  watch(onChange: () => void): () => void;
  /** Tells all watchers that nothing will follow. */
  close(): void;
  readonly closed: boolean;
}

/** How often watchers are woken, at the most. */
const FLUSH_MS = 20;

/** Creates a feed. Its timer never keeps a process alive. */
export function createFeed({ flushMs = FLUSH_MS }: { flushMs?: number } = {}): Feed {
  const watchers = new Set<() => void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  const flush = (): void => {
    timer = undefined;
    for (const wake of watchers) wake();
  };
  return {
    get closed() {
      return closed;
    },
    touch() {
      if (timer !== undefined || watchers.size === 0) return;
      timer = setTimeout(flush, flushMs);
      timer.unref();
    },
    watch(onChange) {
      watchers.add(onChange);
      return () => watchers.delete(onChange);
    },
    close() {
      closed = true;
      clearTimeout(timer);
      flush();
    },
  };
}
