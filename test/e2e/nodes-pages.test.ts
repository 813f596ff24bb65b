/**
 * The pages of two coordinator nodes on one database: whichever node a person asks, she sees and steers the tasks of both,
 * with the one session she has; a page of a foreign address reaches neither.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { getRequestListener } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createApp, createService, mountPages, type Service } from '../../src/runtime/coordinator/index.ts';
import { openDatabase, type OpenDatabase } from '../../src/runtime/storage/database/index.ts';
import { createMemoryObjectStore } from '../../src/runtime/storage/objects/index.ts';
import { createDatabaseLeaseStore } from '../../src/runtime/storage/leases/index.ts';
import type { PageFiles, TaskHead } from '../../src/runtime/view/index.ts';
import { OPERATOR, smallTask } from '../harness/service.ts';

interface Node {
  readonly url: string;
  readonly service: Service;
  close(): Promise<void>;
}

const objects = createMemoryObjectStore();
let database: OpenDatabase;
let a: Node;
let b: Node;
let cookie: string;

async function startNode(id: string): Promise<Node> {
  let listener: ReturnType<typeof getRequestListener> | undefined;
  const server = createServer((incoming, outgoing) => void listener?.(incoming, outgoing));
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
    node: { leases: createDatabaseLeaseStore(database.db), id, url, ttlMs: 5000, clock: () => performance.now() },
  });
  const none = (): Promise<PageFiles> => Promise.resolve(new Map());
  const pages = mountPages(service, { dashboard: none, participant: none, version: '0' });
  listener = getRequestListener(createApp(service, { pages: pages.routes }).fetch);
  return {
    url,
    service,
    async close() {
      for (const task of service.tasks()) service.tracker(task.status().id).feed.close();
      await service.close();
      await pages.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** Asks as a page of node `at` does, in a browser that holds the session's cookie. */
function ask(
  at: Node,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Readonly<Record<string, string>> } = {},
): Promise<Response> {
  const usual = { origin: at.url, 'sec-fetch-site': 'same-origin', cookie };
  return fetch(`${at.url}/api${path}`, { method, headers: { ...usual, ...headers } });
}

let onA: string;
let onB: string;
beforeAll(async () => {
  database = await openDatabase({ kind: 'memory' });
  a = await startNode('a');
  b = await startNode('b');
  onA = (await a.service.createTask(smallTask({ name: 'on a' }))).status().id;
  onB = (await b.service.createTask(smallTask({ name: 'on b' }))).status().id;
  const made = await fetch(`${a.url}/api/setup`, {
    method: 'POST',
    headers: { origin: a.url, 'content-type': 'application/json' },
    body: JSON.stringify({ code: OPERATOR, name: 'ada', password: 'four random words here' }),
  });
  if (made.status !== 204) throw new Error(await made.text());
  cookie = (made.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}, 60_000);
afterAll(async () => {
  await a?.close();
  await b?.close();
  await database?.close();
});

describe('the pages of two nodes', () => {
  it('show the tasks of both in one overview, whichever is asked', async () => {
    for (const node of [a, b]) {
      const heads = (await (await ask(node, '/tasks')).json()) as TaskHead[];
      expect(heads.map(({ name }) => name).toSorted()).toEqual(['on a', 'on b']);
      const { body } = await ask(node, '/feed');
      const reader = (body as ReadableStream<Uint8Array>).getReader();
      const { value } = await reader.read();
      expect(new TextDecoder().decode(value)).toMatch(/event: tasks[\s\S]*on a[\s\S]*on b|on b[\s\S]*on a/);
      await reader.cancel();
    }
  });

  it('show a task of the other node, its file and its changes', async () => {
    expect(((await (await ask(a, `/tasks/${onB}`)).json()) as { head: TaskHead }).head.name).toBe('on b');
    expect(await (await ask(b, `/tasks/${onA}/definition`)).text()).toMatch(/task: on a/);
    const { body } = await ask(a, `/tasks/${onB}/feed`);
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toMatch(/event: task\n/);
    expect((await ask(a, `/tasks/${onB}/pause`, { method: 'POST' })).status).toBe(204);
    expect(new TextDecoder().decode((await reader.read()).value)).toMatch(/"state":"paused"/);
    await reader.cancel();
  });

  it('steer a task of the other node, and invite to the address that was asked', async () => {
    expect((await ask(a, `/tasks/${onB}/resume`, { method: 'POST' })).status).toBe(204);
    expect(b.service.task(onB).status().state).toBe('running');
    const invited = (await (await ask(a, `/tasks/${onB}/invitations`, { method: 'POST' })).json()) as { link: string };
    expect(invited.link.startsWith(`${a.url}/participant/#`)).toBe(true);
  });

  it('pass nothing on for a foreign address, or for nobody', async () => {
    const stop = (headers: Record<string, string>): Promise<Response> =>
      ask(a, `/tasks/${onB}/stop`, { method: 'POST', headers });
    expect((await stop({ origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await stop({ cookie: '' })).status).toBe(401);
    // Whoever claims to be a node gets nothing passed on, and is asked for a session like everybody.
    expect((await stop({ 'sotto-forwarded': b.url })).status).toBe(503);
    expect(
      (await ask(b, `/tasks/${onB}/stop`, { method: 'POST', headers: { cookie: '', 'sotto-forwarded': a.url } }))
        .status,
    ).toBe(401);
    expect(b.service.task(onB).status().state).toBe('running');
  });
});
