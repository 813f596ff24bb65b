/** Buffered rounds on two coordinator nodes: what is open when its node is gone goes on at the other one, each attempt as it was. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { verifyLedger } from '../../src/privacy/accounting/index.ts';
import type { TaskStatus } from '../../src/runtime/coordinator/index.ts';
import { createLedgerTable, openDatabase, type OpenDatabase } from '../../src/runtime/storage/database/index.ts';
import { createMemoryObjectStore } from '../../src/runtime/storage/objects/index.ts';
import { attemptsOf, auditServed, bufferedTask, membershipsIn } from '../harness/buffered.ts';
import { startNode, type TestNode } from '../harness/node.ts';
import { OPERATOR, startParticipant, type TestParticipant, until } from '../harness/service.ts';

const logSeed = new Uint8Array(32).fill(9);
const NAMES = ['a', 'b', 'c', 'd', 'e', 'slow'];

let database: OpenDatabase;
const objects = createMemoryObjectStore();
beforeAll(async () => {
  database = await openDatabase({ kind: 'memory' });
}, 60_000);
afterAll(() => database.close());

/** Starts a node for one test: one that went on would take up the tasks of the next. */
async function start(id: string): Promise<TestNode> {
  const node = await startNode({ db: database.db, objects, id, logSeed });
  onTestFinished(() => node.close());
  return node;
}

const chargesOf = async (id: string): Promise<readonly (number | null)[]> =>
  verifyLedger(await createLedgerTable(database.db, id).read()).charges.map(({ attempt }) => attempt);

/** Two nodes, a task on the first one, and six who take part in it wherever `at` says. */
async function begin(name: string, text: string) {
  const first = await start(`${name}-1`);
  const second = await start(`${name}-2`);
  const task = await first.service.createTask(text);
  const { id } = task.status();
  const { promise: again, resolve: goOn } = Promise.withResolvers<void>();
  let at = first.url;
  const attempts = () => attemptsOf(database.db, id);
  const open = async () => (await attempts()).filter(({ state }) => state === 'open');
  const all: TestParticipant[] = [];
  for (const label of NAMES) {
    const { token } = await first.service.invite(id);
    const participant = startParticipant(label, {
      url: first.url,
      taskId: id,
      token,
      async fetch(input, init) {
        const { pathname, search } = new URL(input as URL);
        // One says nothing until the second node is there, and the others nothing after two rounds.
        if (pathname.endsWith('/messages') && (label === 'slow' || task.status().round >= 2)) await again;
        return fetch(new URL(`${pathname}${search}`, at), init);
      },
    });
    all.push(participant);
  }
  await until(async () => task.status().round >= 2 && (await open()).length === 2, { timeoutMs: 60_000 });
  return {
    id,
    task,
    first,
    second,
    all,
    attempts,
    open,
    /** Cuts the first node off, and lets those who waited speak to the second one. */
    async failOver(): Promise<void> {
      first.die();
      await first.lapse();
      at = second.url;
      goOn();
      await until(() => second.service.tasks().some((taken) => taken.status().id === id));
    },
  };
}

/** Checks that nothing was charged twice, or not at all, and that the second node's log holds. */
async function assertSound({ id, second, all, attempts }: Awaited<ReturnType<typeof begin>>): Promise<void> {
  const rows = await attempts();
  expect(rows.filter(({ state }) => state === 'open')).toEqual([]);
  expect(rows.filter(({ state }) => state === 'committed').map(({ round }) => round)).toHaveLength(8);
  const counts = membershipsIn(rows);
  const charges = await chargesOf(id);
  expect(new Set(charges).size).toBe(charges.length);
  expect(charges).toHaveLength(Math.max(...counts.values()));
  for (const { events, ledgerStore } of all) {
    const [joined = ''] = events.flatMap((event) => (event.kind === 'joined' ? [event.participant] : []));
    const own = verifyLedger(await ledgerStore.read()).charges.map(({ attempt }) => attempt);
    expect(new Set(own).size).toBe(own.length);
    const called = rows.filter(({ cohort }) => (JSON.parse(cohort) as string[]).includes(joined));
    expect(new Set(own)).toEqual(new Set(called.map(({ attempt }) => attempt)));
  }
  const report = await auditServed(id, second);
  expect(report.problems).toEqual([]);
  expect(report).toMatchObject({ ok: true, rounds: 8 });
}

const task = (name: string): string => bufferedTask({ name, rounds: 8, maxParticipations: 12, stageTimeoutMs: 30_000 });

describe('buffered rounds of a task whose node is gone with two attempts open', () => {
  it('go on at the other node: each attempt ends under its number and from the model that it was offered', async () => {
    const run = await begin('open', task('open-at-both'));
    const left = await run.open();
    // The slow cohort was offered an earlier model than the other one.
    expect(left[0]?.base).not.toBe(left[1]?.base);
    await run.failOver();
    await Promise.all(run.all.map(({ finished }) => finished));
    expect(run.second.service.task(run.id).status()).toMatchObject({ state: 'finished', round: 8 });
    const rows = await run.attempts();
    for (const { attempt, base } of left)
      expect(rows.find((row) => row.attempt === attempt)).toMatchObject({ base, state: 'committed' });
    const committed = [...run.first.reports, ...run.second.reports].filter(({ outcome }) => outcome === 'committed');
    expect(committed.map(({ round }) => round)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(run.second.reports.map(({ attempt }) => attempt)).toEqual(
      expect.arrayContaining(left.map(({ attempt }) => attempt)),
    );
    await assertSound(run);
  }, 90_000);

  it('end while the task is paused, and no others begin until it goes on', async () => {
    const run = await begin('paused', task('paused-with-two'));
    await run.task.pause();
    const left = (await run.open()).map(({ attempt, round }) => ({ attempt, round }));
    // Whichever node is asked tells of both.
    const asked = await fetch(`${run.second.url}/v1/tasks/${run.id}`, {
      headers: { authorization: `Bearer ${OPERATOR}` },
    });
    const told = (await asked.json()) as TaskStatus;
    expect(told).toMatchObject({ state: 'paused', attempts: left });
    expect(told.stage).toBe(told.attempts[0]?.stage);
    await run.failOver();
    await until(async () => (await run.open()).length === 0, { timeoutMs: 60_000 });
    const taken = run.second.service.task(run.id);
    expect(taken.status()).toMatchObject({ state: 'paused', round: 4, stage: null, attempts: [] });
    expect((await run.attempts()).map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(left).toHaveLength(2);
    const charged = await chargesOf(run.id);
    const resumed = new Date();
    await taken.resume();
    await Promise.all(run.all.map(({ finished }) => finished));
    expect(taken.status()).toMatchObject({ state: 'finished', round: 8 });
    const later = (await run.attempts()).filter(({ attempt }) => attempt > 4);
    expect(later.every(({ opened_at: opened }) => opened !== null && opened >= resumed)).toBe(true);
    expect((await chargesOf(run.id)).slice(0, charged.length)).toEqual(charged);
    await assertSound(run);
  }, 90_000);
});
