/**
 * A network with a virtual clock: what is scheduled happens in order of virtual time, ties in order of scheduling.
 * Work may really run in parallel: an event can carry a promise that is awaited only when its time has come, so the
 * order of events, and with it every result, does not depend on who computes faster.
 *
 * @module
 */

/** What happens at a point of virtual time. */
type Action = () => void | Promise<void>;

interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly action: Action;
}

/** The event queue. */
export interface VirtualNetwork {
  /** Virtual milliseconds since the start. */
  readonly nowMs: number;
  /** Whether nothing is scheduled any more. */
  readonly isDry: boolean;
  /** Schedules an action `afterMs` from now. */
  schedule(afterMs: number, action: Action): void;
  /** Runs events until none is left or `until` holds. */
  run(until: () => boolean): Promise<void>;
}

/** Creates a network whose clock starts at `startMs`. */
export function createVirtualNetwork({ startMs = 0 }: { startMs?: number } = {}): VirtualNetwork {
  const heap: Scheduled[] = [];
  let nowMs = startMs;
  let order = 0;

  const before = (a: Scheduled, b: Scheduled): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

  function push(item: Scheduled): void {
    let at = heap.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Scheduled;
      if (!before(item, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = item;
  }

  function pop(): Scheduled | undefined {
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && before(heap[right] as Scheduled, heap[left] as Scheduled) ? right : left;
      if (!before(heap[child] as Scheduled, last)) break;
      heap[at] = heap[child] as Scheduled;
      at = child;
    }
    heap[at] = last;
    return top;
  }

  return {
    get nowMs() {
      return nowMs;
    },
    get isDry() {
      return heap.length === 0;
    },
    schedule(afterMs, action) {
      if (!(afterMs >= 0)) throw new RangeError(`"afterMs" must be ≥ 0, got ${afterMs}`);
      push({ atMs: nowMs + afterMs, order: (order += 1), action });
    },
    async run(until) {
      while (!until()) {
        const next = pop();
        if (next === undefined) return;
        nowMs = next.atMs;
        await next.action();
      }
    },
  };
}
