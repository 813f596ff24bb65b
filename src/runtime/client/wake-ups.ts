/**
 * Wake-ups: an open stream of server-sent events says that there is mail; where it cannot be held open, polling goes on.
 *
 * @module
 */

import { pause } from './retry.ts';

/** Rings when there may be mail. */
export interface WakeUps {
  /** Whether a stream is open: then nobody needs to poll. */
  readonly listening: boolean;
  /** Resolves at the next ring (or one that nobody waited for), or when the time is over. */
  wait(ms: number): Promise<void>;
}

const MIN_RECONNECT_MS = 500;
const MAX_RECONNECT_MS = 60_000;

/**
 * Listens until the signal says stop.
 * @param listen - holds one stream open and calls `onOpen`, then `onRing` for each event; resolves or rejects at its end.
 */
export function createWakeUps(
  listen: (on: { onOpen: () => void; onRing: () => void }) => Promise<void>,
  signal: AbortSignal,
): WakeUps {
  let listening = false;
  let rung = false;
  let wake: (() => void) | undefined;
  const ring = (): void => {
    rung = true;
    wake?.();
  };

  async function run(): Promise<void> {
    let backoffMs = MIN_RECONNECT_MS;
    while (!signal.aborted) {
      try {
        await listen({
          onOpen() {
            listening = true;
            backoffMs = MIN_RECONNECT_MS;
            ring();
          },
          onRing: ring,
        });
      } catch {
        // Whatever keeps the stream from being open shows in the polling that goes on without it.
      }
      listening = false;
      ring();
      await pause(backoffMs, signal);
      backoffMs = Math.min(MAX_RECONNECT_MS, backoffMs * 2);
    }
  }
  void run();

  return {
    get listening() {
      return listening;
    },
    async wait(ms) {
      if (!rung) {
        const woken = new AbortController();
        wake = () => woken.abort();
        await pause(ms, AbortSignal.any([woken.signal, signal]));
        wake = undefined;
      }
      rung = false;
    },
  };
}
