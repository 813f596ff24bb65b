/** Buffered rounds over HTTP: a slow participant holds up its own cohort alone, and what is charged is what was counted. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { readEntropy } from '../../src/foundations/random/index.ts';
import { createMemoryLedgerStore, type LedgerStore, verifyLedger } from '../../src/privacy/accounting/index.ts';
import type { ServiceReport } from '../../src/runtime/coordinator/index.ts';
import { type OpenDatabase, openDatabase } from '../../src/runtime/storage/database/index.ts';
import { createMemoryObjectStore } from '../../src/runtime/storage/objects/index.ts';
import { attemptsOf, auditServed, bufferedTask, membershipsIn } from '../harness/buffered.ts';
import { startParticipant, startService, type TestService, until, URL_OF_SERVICE } from '../harness/service.ts';

const logSeed = new Uint8Array(32).fill(7);
const NAMES = ['a', 'b', 'c', 'd', 'e', 'slow'];
const DELAY_MS = 120;

let database: OpenDatabase;
beforeAll(async () => {
  database = await openDatabase({ kind: 'memory' });
}, 60_000);
afterAll(() => database.close());

interface Member {
  readonly keySeed: Uint8Array;
  readonly ledgerStore: LedgerStore;
  readonly token: string;
}

async function enrol(test: TestService, taskId: string): Promise<ReadonlyMap<string, Member>> {
  const members = new Map<string, Member>();
  for (const name of NAMES) {
    const { token } = await test.service.invite(taskId);
    members.set(name, { keySeed: readEntropy(32), ledgerStore: createMemoryLedgerStore(), token });
  }
  return members;
}

/** Lets everybody take part; `before` is waited for before somebody says something in a round. */
function startAll(
  test: () => TestService | undefined,
  { taskId, members }: { taskId: string; members: ReadonlyMap<string, Member> },
  before: (name: string) => Promise<unknown>,
) {
  return [...members].map(([name, member]) =>
    startParticipant(name, {
      ...member,
      taskId,
      fetch: async (input, init) => {
        const address = input instanceof Request ? input.url : input.toString();
        if (address.endsWith('/messages')) await before(name);
        const reached = test();
        if (reached === undefined) throw new TypeError('nobody is there');
        return reached.fetch(input, init);
      },
    }),
  );
}

const pause = (ms: number): Promise<unknown> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const committedOf = (reports: readonly ServiceReport[]): readonly ServiceReport[] =>
  reports.filter(({ outcome }) => outcome === 'committed');

describe('buffered rounds of a served task', () => {
  it('go on beside a slow cohort, which counts less when it is late; charges are the memberships of the most frequent', async () => {
    const test = await startService({ database, logSeed });
    const task = await test.service.createTask(bufferedTask({ name: 'slow-one' }));
    const { id } = task.status();
    const members = await enrol(test, id);
    const participants = startAll(
      () => test,
      { taskId: id, members },
      (name) => pause(name === 'slow' ? DELAY_MS : 0),
    );
    await until(() => task.status().state !== 'running', { timeoutMs: 60_000 });
    await Promise.all(participants.map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 6 });

    const committed = committedOf(test.reports);
    expect(committed.map(({ round }) => round)).toEqual([1, 2, 3, 4, 5, 6]);
    // The cohort of the slow one was offered a model that others had moved on from when it ended.
    expect(Math.max(...committed.map(({ staleness }) => staleness ?? -1))).toBeGreaterThan(0);
    expect(committed.every(({ staleness }) => (staleness ?? -1) >= 0)).toBe(true);
    const order = committed.map(({ attempt }) => attempt);
    expect(order).not.toEqual(order.toSorted((a, b) => a - b));

    const counts = membershipsIn(await attemptsOf(database.db, id));
    const charges = verifyLedger(
      (
        await database.db
          .selectFrom('ledger_records')
          .select('record')
          .where('ledger', '=', id)
          .orderBy('position')
          .execute()
      ).map(({ record }) => new Uint8Array(record)),
    ).charges;
    expect(charges).toHaveLength(Math.max(...counts.values()));
    expect(charges.length).toBeLessThan(test.reports.length);
    // Everybody's own ledger has its own memberships, no more and no less.
    for (const { events, ledgerStore } of participants) {
      const [joined] = events.flatMap((event) => (event.kind === 'joined' ? [event.participant] : []));
      const own = verifyLedger(await ledgerStore.read()).charges;
      expect(own).toHaveLength(counts.get(joined ?? '') ?? 0);
    }
    await test.service.close();
    const report = await auditServed(id, { url: URL_OF_SERVICE, fetch: test.fetch });
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ ok: true, rounds: 6 });
    expect(report.epsilon).toBeCloseTo(task.status().epsilon ?? 0, 9);
  }, 90_000);

  it('go on from the journal when the coordinator ends with two attempts open, each from the model that it was offered', async () => {
    const objects = createMemoryObjectStore();
    let test = await startService({ database, objects, logSeed });
    let isDown = false;
    const first = await test.service.createTask(
      bufferedTask({ name: 'restarted', rounds: 8, maxParticipations: 12, stageTimeoutMs: 20_000 }),
    );
    const { id } = first.status();
    // The slow one says nothing until the coordinator is there again, and the others nothing after two rounds.
    const { promise: again, resolve: goOn } = Promise.withResolvers<void>();
    const members = await enrol(test, id);
    const participants = startAll(
      () => (isDown ? undefined : test),
      { taskId: id, members },
      async (name) => {
        if (name === 'slow' || first.status().round >= 2) await again;
      },
    );
    const openNow = () =>
      database.db.selectFrom('attempts').selectAll().where('task_id', '=', id).where('state', '=', 'open').execute();
    await until(() => first.status().round >= 2);
    while ((await openNow()).length < 2) await pause(20);
    // Participants come back by themselves when the next process is there.
    isDown = true;
    await test.service.close();
    const left = await openNow();
    // The slow cohort was offered an earlier model than the other one.
    expect(left.map(({ round }) => round)).toEqual([expect.toSatisfy((round: number) => round < 3), 3]);
    expect(left.at(-1)?.base).toContain('/checkpoints/2-');
    expect(left[0]?.base).not.toBe(left[1]?.base);
    test = await startService({ database, objects, logSeed });
    isDown = false;
    goOn();
    await until(() => test.service.task(id).status().state !== 'running', { timeoutMs: 60_000 });
    await Promise.all(participants.map(({ finished }) => finished));
    expect(test.service.task(id).status()).toMatchObject({ state: 'finished', round: 8 });

    const rows = await database.db
      .selectFrom('attempts')
      .select(['attempt', 'state', 'cohort'])
      .where('task_id', '=', id)
      .execute();
    expect(rows.filter(({ state }) => state === 'committed')).toHaveLength(8);
    expect(rows.filter(({ state }) => state === 'open')).toEqual([]);
    // What was under way went on under its number, and was not called to again.
    for (const { attempt } of left) expect(rows.find((row) => row.attempt === attempt)?.state).toBe('committed');
    const counts = membershipsIn(await attemptsOf(database.db, id));
    for (const { events, ledgerStore } of participants) {
      const [joined] = events.flatMap((event) => (event.kind === 'joined' ? [event.participant] : []));
      const own = verifyLedger(await ledgerStore.read()).charges.map(({ attempt }) => attempt);
      expect(new Set(own).size).toBe(own.length);
      expect(own.length).toBeLessThanOrEqual(counts.get(joined ?? '') ?? 0);
    }
    await test.service.close();
    const report = await auditServed(id, { url: URL_OF_SERVICE, fetch: test.fetch });
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ ok: true, rounds: 8 });
  }, 90_000);
});
