/**
 * The pages of two coordinator nodes on one database: whichever node a person asks, she sees and steers the tasks of both,
 * with the one session she has; a page of a foreign address reaches neither.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openDatabase, type OpenDatabase } from '../../src/runtime/storage/database/index.ts';
import { createMemoryObjectStore } from '../../src/runtime/storage/objects/index.ts';
import type { TaskHead } from '../../src/runtime/view/index.ts';
import { startNode, type TestNode } from '../harness/node.ts';
import { OPERATOR, smallTask } from '../harness/service.ts';

const objects = createMemoryObjectStore();
let database: OpenDatabase;
let a: TestNode;
let b: TestNode;
let cookie: string;

const start = (id: string): Promise<TestNode> => startNode({ db: database.db, objects, id, pages: true });

/** Asks as a page of node `at` does, in a browser that holds the session's cookie. */
function ask(
  at: TestNode,
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
  a = await start('a');
  b = await start('b');
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
