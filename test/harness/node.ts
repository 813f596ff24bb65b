/**
 * One of several coordinator nodes on one database, in this process, with an address of its own.
 *
 * @module
 */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { getRequestListener } from '@hono/node-server';
import { sql } from 'kysely';

import {
  createApp,
  createService,
  mountPages,
  type Service,
  type ServiceReport,
} from '../../src/runtime/coordinator/index.ts';
import type { Database } from '../../src/runtime/storage/database/index.ts';
import { createDatabaseLeaseStore, type LeaseStore } from '../../src/runtime/storage/leases/index.ts';
import type { ObjectStore } from '../../src/runtime/storage/objects/index.ts';
import type { PageFiles } from '../../src/runtime/view/index.ts';
import { OPERATOR } from './service.ts';

/** How a node is started. */
export interface StartNodeOptions {
  readonly db: Database;
  readonly objects: ObjectStore;
  readonly id: string;
  /** With it, every task has a log. */
  readonly logSeed?: Uint8Array;
  /** Whether it answers what pages ask. */
  readonly pages?: boolean;
  /** Whether it may take tasks up now, or find them free. */
  readonly mayTake?: () => boolean;
}

/** A node that runs. Its leases hold until it is told that they have run out, however slow the machine is. */
export interface TestNode {
  readonly url: string;
  readonly service: Service;
  readonly reports: readonly ServiceReport[];
  /** Cuts the node off: nobody reaches it, and it prolongs no lease. Those that it has go on. */
  die(): void;
  /**
   * Lets the time of its leases be over, for the others and by its own clock. The database it still reaches, as a process
   * does that stood still for a while.
   */
  lapse(): Promise<void>;
  close(): Promise<void>;
}

/** How often a node looks for tasks, three times over. */
const TTL_MS = 300;
/** How long leases are granted for: no test takes so long. */
const GRANTED_MS = 3_600_000;

/** Starts a node. It listens before it has a service: the other nodes reach it under its address. */
export async function startNode({
  db,
  objects,
  id,
  logSeed,
  pages = false,
  mayTake = () => true,
}: StartNodeOptions): Promise<TestNode> {
  let alive = true;
  let nowMs = 0;
  const inner = createDatabaseLeaseStore(db);
  const leases: LeaseStore = {
    ...inner,
    acquire(name, request) {
      if (!alive) return Promise.reject(new Error('cut off'));
      return mayTake() ? inner.acquire(name, { ...request, ttlMs: GRANTED_MS }) : Promise.resolve(undefined);
    },
  };
  const reports: ServiceReport[] = [];
  let listener: ReturnType<typeof getRequestListener> | undefined;
  const server = createServer((incoming, outgoing) => {
    if (!alive) incoming.socket.destroy();
    else void listener?.(incoming, outgoing);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const service = await createService({
    db,
    objects,
    operatorToken: OPERATOR,
    factsOf: (task) => Promise.resolve({ inputShape: task.model.input ?? [6] }),
    log: () => {},
    onReport: (_task, report) => reports.push(report),
    ...(logSeed === undefined ? {} : { logSeed }),
    node: { leases, id, url, ttlMs: TTL_MS, clock: () => nowMs },
  });
  const none = (): Promise<PageFiles> => Promise.resolve(new Map());
  const mounted = pages ? mountPages(service, { dashboard: none, participant: none, version: '0' }) : undefined;
  const app = createApp(service, {
    rateLimit: { requestsPerSecond: 1e6, burst: 1e6 },
    ...(mounted === undefined ? {} : { pages: mounted.routes }),
  });
  listener = getRequestListener(app.fetch);
  return {
    url,
    service,
    reports,
    die() {
      alive = false;
      server.closeAllConnections();
    },
    async lapse() {
      nowMs += TTL_MS;
      await db
        .updateTable('leases')
        .set({ expires_at: sql<Date>`now()` })
        .where('holder', '=', id)
        .execute();
    },
    async close() {
      for (const task of service.tasks()) service.tracker(task.status().id).feed.close();
      await service.close();
      await mounted?.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
