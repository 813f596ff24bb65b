/**
 * Several coordinator nodes on one database: one of them holds each task, requests that reach another are passed on, and
 * when the holder falls silent another takes the round up where the journal stands. No round runs twice.
 */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { verifyLedger } from '../../src/privacy/accounting/index.ts';
import { createLedgerTable, openDatabase, type OpenDatabase } from '../../src/runtime/storage/database/index.ts';
import { createMemoryObjectStore } from '../../src/runtime/storage/objects/index.ts';
import { startNode, type StartNodeOptions, type TestNode } from '../harness/node.ts';
import { OPERATOR, smallTask, startParticipant, until } from '../harness/service.ts';

let database: OpenDatabase;
const objects = createMemoryObjectStore();
beforeAll(async () => {
  database = await openDatabase({ kind: 'memory' });
}, 60_000);
afterAll(() => database.close());

/** Starts a node for one test: one that went on would take up the tasks of the next. */
async function start(id: string, options: Pick<StartNodeOptions, 'mayTake'> = {}): Promise<TestNode> {
  const node = await startNode({ db: database.db, objects, id, ...options });
  onTestFinished(() => node.close());
  return node;
}

describe('two coordinator nodes on one database', () => {
  it('share the work: a participant may ask either, and each task has one holder', async () => {
    const a = await start('a1');
    const b = await start('b1');
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
  });

  it('tell nobody that a task is gone while it is between two nodes', async () => {
    let mayTake = false;
    const a = await start('a3');
    const b = await start('b3', { mayTake: () => mayTake });
    const id = (await a.service.createTask(smallTask({ name: 'between', rounds: 1 }))).status().id;
    const ask = async (): Promise<Response> =>
      fetch(`${b.url}/v1/tasks/${id}`, { headers: { authorization: `Bearer ${OPERATOR}` } });
    const refusal = async (): Promise<unknown> => {
      const response = await ask();
      return { status: response.status, ...((await response.json()) as object) };
    };
    const refused = { status: 503, type: 'coordinator/elsewhere', retryable: true };
    a.die();
    expect(await refusal()).toMatchObject({ ...refused, detail: expect.stringMatching(/does not answer/) });
    await a.lapse();
    expect(await refusal()).toMatchObject({
      ...refused,
      detail: expect.stringMatching(/no node serves this task yet/),
    });
    mayTake = true;
    const seen: number[] = [];
    await until(async () => seen[seen.push((await ask()).status) - 1] === 200);
    expect(seen.slice(0, -1).filter((status) => status !== 503)).toEqual([]);
  });

  it('fail over: the round goes on from the journal, every charge once, no round twice', async () => {
    const a = await start('a2');
    const b = await start('b2');
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
              a.die();
              await a.lapse();
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
  });
});
