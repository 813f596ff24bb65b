/**
 * Several coordinator nodes on one database: one of them holds each task, requests that reach another are passed on, and
 * when the holder falls silent another takes the round up where the journal stands. No round runs twice.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { getRequestListener } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { verifyLedger } from '../../src/privacy/accounting/index.ts';
import { createApp, createService, type Service, type ServiceReport } from '../../src/runtime/coordinator/index.ts';
import { createLedgerTable, openDatabase, type OpenDatabase } from '../../src/runtime/storage/database/index.ts';
import { createMemoryObjectStore } from '../../src/runtime/storage/objects/index.ts';
import { createDatabaseLeaseStore, type LeaseStore } from '../../src/runtime/storage/leases/index.ts';
import { OPERATOR, smallTask, startParticipant, until } from '../harness/service.ts';

interface Node {
  readonly url: string;
  readonly service: Service;
  readonly reports: ServiceReport[];
  /** Cuts the node off: nobody reaches it, and it reaches neither leases nor database. */
  die(): Promise<void>;
  close(): Promise<void>;
}

let database: OpenDatabase;
const objects = createMemoryObjectStore();
beforeAll(async () => {
  database = await openDatabase({ kind: 'memory' });
}, 60_000);
afterAll(() => database.close());

async function startNode(id: string): Promise<Node> {
  let alive = true;
  const inner = createDatabaseLeaseStore(database.db);
  const leases: LeaseStore = {
    ...inner,
    acquire: (...args) => (alive ? inner.acquire(...args) : Promise.reject(new Error('cut off'))),
  };
  const reports: ServiceReport[] = [];
  let listener: ReturnType<typeof getRequestListener> | undefined;
  const server: Server = createServer((incoming, outgoing) => {
    if (!alive) incoming.socket.destroy();
    else void listener?.(incoming, outgoing);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const service = await createService({
    db: database.db,
    objects,
    operatorToken: OPERATOR,
    factsOf: (task) => Promise.resolve({ inputShape: task.model.input ?? [6] }),
    log: () => {},
    onReport: (_task, report) => reports.push(report),
    node: { leases, id, url, ttlMs: 900, clock: () => performance.now() },
  });
  listener = getRequestListener(createApp(service, { rateLimit: { requestsPerSecond: 1e6, burst: 1e6 } }).fetch);
  return {
    url,
    service,
    reports,
    die() {
      alive = false;
      server.closeAllConnections();
      return Promise.resolve();
    },
    async close() {
      await service.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

describe('two coordinator nodes on one database', () => {
  it('share the work: a participant may ask either, and each task has one holder', async () => {
    const a = await startNode('a1');
    const b = await startNode('b1');
    const first = (await a.service.createTask(smallTask({ name: 'on a', rounds: 1, stageTimeoutMs: 8000 }))).status()
      .id;
    const second = (await b.service.createTask(smallTask({ name: 'on b', rounds: 1, stageTimeoutMs: 8000 }))).status()
      .id;
    expect([await a.service.elsewhere(second), await b.service.elsewhere(first)]).toEqual([b.url, a.url]);
    // Every participant of the first task asks the node that does not hold it, and the other way round.
    const all = await Promise.all(
      ['p', 'q', 'r', 's'].flatMap((name) =>
        [
          { id: first, owner: a, asks: b },
          { id: second, owner: b, asks: a },
        ].map(async ({ id, owner, asks }) =>
          startParticipant(name, { url: asks.url, taskId: id, token: (await owner.service.invite(id)).token }),
        ),
      ),
    );
    await Promise.all(all.map(({ finished }) => finished));
    expect([a.reports.length, b.reports.length]).toEqual([1, 1]);
    const listed = await fetch(`${a.url}/v1/tasks`, { headers: { authorization: `Bearer ${OPERATOR}` } });
    expect(((await listed.json()) as { id: string; state: string }[]).map(({ state }) => state)).toEqual([
      'finished',
      'finished',
    ]);
    await a.close();
    await b.close();
  });

  it('tell nobody that a task is gone while it is between two nodes', async () => {
    const a = await startNode('a3');
    const b = await startNode('b3');
    const id = (await a.service.createTask(smallTask({ name: 'between', rounds: 1 }))).status().id;
    await a.die();
    const seen: number[] = [];
    await until(async () => {
      const { status } = await fetch(`${b.url}/v1/tasks/${id}`, { headers: { authorization: `Bearer ${OPERATOR}` } });
      seen.push(status);
      return status === 200;
    });
    expect(seen.filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect(seen.length).toBeGreaterThan(1);
    await a.close();
    await b.close();
  });

  it('fail over: the round goes on from the journal, every charge once, no round twice', async () => {
    const a = await startNode('a2');
    const b = await startNode('b2');
    const id = (await a.service.createTask(smallTask({ name: 'failover', rounds: 3, stageTimeoutMs: 8000 }))).status()
      .id;
    let contributions = 0;
    let at = a.url;
    const all = await Promise.all(
      ['p', 'q', 'r', 's'].map(async (name) =>
        startParticipant(name, {
          url: a.url,
          taskId: id,
          token: (await a.service.invite(id)).token,
          fetch: async (input, init) => {
            const url = new URL(input as URL);
            // In the middle of the second round the first node is gone.
            if (url.pathname.endsWith('/messages') && (contributions += 1) === 25) {
              await a.die();
              at = b.url;
            }
            return fetch(new URL(`${url.pathname}${url.search}`, at), init);
          },
        }),
      ),
    );
    await Promise.all(all.map(({ finished }) => finished));
    const committed = [...a.reports, ...b.reports].filter(({ outcome }) => outcome === 'committed');
    expect(committed.map(({ round }) => round).toSorted((x, y) => x - y)).toEqual([1, 2, 3]);
    expect(b.reports.length).toBeGreaterThan(0);
    const charges = verifyLedger(await createLedgerTable(database.db, id).read()).charges.map(({ attempt }) => attempt);
    expect(new Set(charges).size).toBe(charges.length);
    for (const { ledgerStore } of all) {
      const own = verifyLedger(await ledgerStore.read()).charges.map(({ attempt }) => attempt);
      expect(new Set(own).size).toBe(own.length);
    }
    // The node that was cut off knows by its own clock that it serves the task no more.
    await until(() => a.service.tasks().length === 0);
    await a.close();
    await b.close();
  });
});
