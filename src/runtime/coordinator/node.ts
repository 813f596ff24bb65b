/**
 * One coordinator node among several on one database: it holds a lease on each task it serves, prolongs it while it lives,
 * takes up tasks whose holder has fallen silent, and puts down those it may have lost. Requests for a task that another node
 * serves are passed on to it.
 *
 * @module
 */

import type { Grant, LeaseStore } from '../storage/leases/index.ts';

/** Who this node is. */
export interface NodeOptions {
  readonly leases: LeaseStore;
  /** Unique among the nodes, and new at every start. */
  readonly id: string;
  /** Address under which the other nodes reach it. */
  readonly url: string;
  /** A node that was silent for so long has lost its tasks. */
  readonly ttlMs: number;
  /** Milliseconds that only grow. */
  readonly clock: () => number;
}

/** What the node does with tasks. */
export interface NodeHandlers {
  list(): Promise<readonly string[]>;
  /** Takes a task up. When that fails nothing of it is left here, and the lease is given back: this node or another tries again. */
  take(taskId: string): Promise<void>;
  drop(taskId: string): Promise<void>;
  /** What failed, of which task. */
  onFailure(error: unknown, taskId?: string): void;
}

/** A node. */
export interface CoordinatorNode {
  /** Takes up what is free, and looks again from now on. */
  start(): Promise<void>;
  /** Whether this node holds a task for certain: its own clock says that the lease has not run out. */
  holds(taskId: string): boolean;
  /** Takes the lease of a new task. */
  claim(taskId: string): Promise<void>;
  /** Address of the node that serves a task, unless it is this one or nobody. */
  holderOf(taskId: string): Promise<string | undefined>;
  /** Stops looking; leases stay. */
  stop(): Promise<void>;
  /** Gives all leases up. */
  release(): Promise<void>;
}

/** A lease is prolonged three times before it runs out. */
const RENEWALS = 3;

/** Creates a node. */
export function createNode({ leases, id, url, ttlMs, clock }: NodeOptions, handlers: NodeHandlers): CoordinatorNode {
  const held = new Map<string, { grant: Grant; until: number }>();
  const nameOf = (taskId: string): string => `task/${taskId}`;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  let turn: Promise<void> = Promise.resolve();

  async function acquire(taskId: string): Promise<boolean> {
    // Counted from before the request: the store counts from after it, so that this node gives up first.
    const until = clock() + ttlMs;
    const grant = await leases.acquire(nameOf(taskId), { holder: id, note: url, ttlMs });
    if (grant === undefined) return false;
    held.set(taskId, { grant, until });
    return true;
  }

  /** Takes up a task whose lease is held. */
  async function takeUp(taskId: string): Promise<void> {
    try {
      await handlers.take(taskId);
    } catch (error) {
      handlers.onFailure(error, taskId);
      const grant = held.get(taskId)?.grant;
      held.delete(taskId);
      if (grant !== undefined)
        await leases.release(grant).catch((failure: unknown) => handlers.onFailure(failure, taskId));
    }
  }

  async function look(): Promise<void> {
    for (const taskId of Array.from(held.keys())) {
      const before = held.get(taskId)?.grant.fence;
      const kept = await acquire(taskId).catch((error: unknown) => {
        handlers.onFailure(error, taskId);
        return (held.get(taskId)?.until ?? 0) > clock();
      });
      // Another fence: the lease had run out in between, and somebody else may have served the task.
      if (kept && held.get(taskId)?.grant.fence === before) continue;
      if (!kept) held.delete(taskId);
      await handlers.drop(taskId);
      if (kept) await takeUp(taskId);
    }
    for (const taskId of await handlers.list()) {
      if (!held.has(taskId) && (await acquire(taskId))) await takeUp(taskId);
    }
  }

  function schedule(): void {
    if (stopped) return;
    timer = setTimeout(() => {
      turn = look()
        .catch((error: unknown) => handlers.onFailure(error))
        .then(schedule);
    }, ttlMs / RENEWALS);
  }

  return {
    async start() {
      await look();
      schedule();
    },
    holds: (taskId) => (held.get(taskId)?.until ?? 0) > clock(),
    async claim(taskId) {
      await acquire(taskId);
    },
    async holderOf(taskId) {
      const holding = await leases.holderOf(nameOf(taskId));
      return holding === undefined || holding.holder === id ? undefined : holding.note;
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await turn;
    },
    async release() {
      for (const { grant } of held.values())
        await leases.release(grant).catch((error: unknown) => handlers.onFailure(error));
      held.clear();
    },
  };
}
