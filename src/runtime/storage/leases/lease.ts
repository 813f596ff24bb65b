/**
 * Leases: the right of one holder to something, until it is given up or its time is over. Several coordinator nodes hold
 * one lease a task, so that two never run one round; a node that dies loses its leases by silence.
 *
 * @module
 */

/** A lease that was granted. */
export interface Grant {
  readonly name: string;
  readonly holder: string;
  /** Grows with every change of holder: a later holder's is larger. */
  readonly fence: number;
}

/** Who holds a lease, for whoever asks. */
export interface Holding extends Grant {
  /** What the holder says of itself: the address under which it is reached. */
  readonly note: string;
}

/** Grants leases. */
export interface LeaseStore {
  /** Takes a lease that is free or run out, or prolongs one's own. Undefined when somebody else holds it. */
  acquire(name: string, request: { holder: string; note: string; ttlMs: number }): Promise<Grant | undefined>;
  /** Gives a lease up; nothing happens when it is held by somebody else. */
  release(grant: Grant): Promise<void>;
  /** Who holds a lease now. */
  holderOf(name: string): Promise<Holding | undefined>;
  close(): Promise<void>;
}

/** Creates leases for the nodes of one process. `clock` gives milliseconds that only grow. */
export function createMemoryLeaseStore(clock: () => number): LeaseStore {
  const held = new Map<string, Holding & { readonly until: number }>();
  let fence = 0;
  const current = (name: string): (Holding & { readonly until: number }) | undefined => {
    const found = held.get(name);
    return found !== undefined && found.until > clock() ? found : undefined;
  };
  return {
    acquire(name, { holder, note, ttlMs }) {
      const now = current(name);
      if (now !== undefined && now.holder !== holder) return Promise.resolve(undefined);
      if (now === undefined) fence += 1;
      const grant = { name, holder, fence: now?.fence ?? fence };
      held.set(name, { ...grant, note, until: clock() + ttlMs });
      return Promise.resolve(grant);
    },
    release(grant) {
      const now = held.get(grant.name);
      if (now?.holder === grant.holder && now.fence === grant.fence) held.delete(grant.name);
      return Promise.resolve();
    },
    holderOf(name) {
      const now = current(name);
      return Promise.resolve(
        now === undefined ? undefined : { name, holder: now.holder, fence: now.fence, note: now.note },
      );
    },
    close: () => Promise.resolve(),
  };
}
