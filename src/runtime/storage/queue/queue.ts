/**
 * Work queues: each message goes to one worker, comes again when the worker does not say that it is done, and is given up
 * after so many deliveries. Publishing twice under one id is publishing once.
 *
 * @module
 */

/** A message on loan to a worker. */
export interface Delivery {
  readonly id: string;
  readonly payload: Uint8Array;
  /** 1 the first time. */
  readonly delivery: number;
  /** The work is done: the message does not come again. */
  done(): Promise<void>;
  /** The work failed: the message comes again at once. */
  again(): Promise<void>;
}

/** A queue of work. */
export interface Queue {
  /** Adds a message; one whose id is known is left out. */
  publish(id: string, payload: Uint8Array): Promise<void>;
  /** Takes up to `max` messages; waits up to `waitMs` for the first. */
  pull(options: { max: number; waitMs: number }): Promise<readonly Delivery[]>;
  close(): Promise<void>;
}

/** How a queue treats its workers. */
export interface QueueOptions {
  /** Time after which a message that was not answered goes to somebody else. */
  readonly ackWaitMs: number;
  /** Deliveries after which a message is given up. */
  readonly maxDeliveries: number;
}

/** Ids that are remembered after their message is done. */
const REMEMBERED_IDS = 100_000;

interface Item {
  readonly id: string;
  readonly payload: Uint8Array;
  deliveries: number;
  /** When it may be delivered again; 0 while it waits. */
  loanedUntil: number;
}

/** Creates a queue within this process. `clock` gives milliseconds that only grow. */
export function createMemoryQueue({ ackWaitMs, maxDeliveries }: QueueOptions, clock: () => number): Queue {
  const items = new Map<string, Item>();
  const known = new Set<string>();
  const waiting = new Set<() => void>();
  let closed = false;

  function take(max: number): Item[] {
    const found: Item[] = [];
    for (const item of items.values()) {
      if (found.length >= max) break;
      if (item.loanedUntil > clock()) continue;
      if (item.deliveries >= maxDeliveries) {
        items.delete(item.id);
        continue;
      }
      item.deliveries += 1;
      item.loanedUntil = clock() + ackWaitMs;
      found.push(item);
    }
    return found;
  }

  const wake = (): void => {
    for (const go of waiting) go();
  };

  function lend(item: Item): Delivery {
    const { id, payload, deliveries } = item;
    return {
      id,
      payload,
      delivery: deliveries,
      done() {
        items.delete(id);
        return Promise.resolve();
      },
      again() {
        // Somebody else may have it by now.
        if (item.deliveries === deliveries) item.loanedUntil = 0;
        wake();
        return Promise.resolve();
      },
    };
  }

  return {
    publish(id, payload) {
      if (known.has(id)) return Promise.resolve();
      known.add(id);
      if (known.size > REMEMBERED_IDS) known.delete(known.values().next().value as string);
      items.set(id, { id, payload: payload.slice(), deliveries: 0, loanedUntil: 0 });
      wake();
      return Promise.resolve();
    },
    async pull({ max, waitMs }) {
      const end = clock() + waitMs;
      for (;;) {
        const found = take(max);
        const left = end - clock();
        if (found.length > 0 || left <= 0 || closed) return found.map(lend);
        const next = Math.min(...[...items.values()].map(({ loanedUntil }) => loanedUntil - clock()), left);
        await new Promise<void>((resolve) => {
          const go = (): void => {
            clearTimeout(timer);
            waiting.delete(go);
            resolve();
          };
          const timer = setTimeout(go, Math.max(1, next));
          waiting.add(go);
        });
      }
    },
    close() {
      closed = true;
      wake();
      return Promise.resolve();
    },
  };
}
