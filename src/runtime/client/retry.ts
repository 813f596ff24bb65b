/**
 * Repetition with growing pauses.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

const MIN_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 15_000;

/** Repeats a call while its failure is one that may pass; undefined when told to stop. */
export type Retry = <T>(call: () => Promise<T>) => Promise<T | undefined>;

/**
 * Creates a retry with growing pauses, each drawn from the upper half of its length, so that a thousand participants do
 * not come back in one moment.
 * @param jitter - uniform in [0, 1).
 */
export function createRetry(
  signal: AbortSignal,
  onWait: (reason: string, retryMs: number) => void,
  jitter: () => number,
): Retry {
  return async (call) => {
    let backoffMs = MIN_BACKOFF_MS;
    while (!signal.aborted) {
      try {
        return await call();
      } catch (error) {
        if (signal.aborted) return undefined;
        if (!(error instanceof SottoError) || !error.retryable) throw error;
        const retryMs = Math.round(backoffMs * (0.5 + jitter() / 2));
        onWait(error.message, retryMs);
        await pause(retryMs, signal);
        backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2);
      }
    }
    return undefined;
  };
}

/** Waits, unless the signal says stop before. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
