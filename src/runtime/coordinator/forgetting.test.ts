import { describe, expect, it, onTestFinished } from 'vitest';

import { smallTask, startParticipant, startService, type TestService, until } from '../../../test/harness/service.ts';
import { decodeLeaf, parseLogProof } from '../../trust/log/index.ts';
import { type Database, openDatabase } from '../storage/database/index.ts';

const logSeed = new Uint8Array(32).fill(5);
const NAMES = ['a', 'b', 'c', 'd'];

/** A database that writes an attempt down only when it is let: the cohort is chosen, and nobody can read it yet. */
function holdAttempts(db: Database, { reached, may }: { reached: () => void; may: Promise<unknown> }): Database {
  return new Proxy(db, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      if (key !== 'insertInto') return value.bind(target) as unknown;
      return (table: 'attempts') => {
        const insert = target.insertInto(table);
        if (table !== 'attempts') return insert;
        const values = (row: Parameters<typeof insert.values>[0]) => ({
          async execute() {
            reached();
            await may;
            return insert.values(row).execute();
          },
        });
        return { values };
      };
    },
  });
}

async function start(wrap: (db: Database) => Database = (db) => db) {
  const opened = await openDatabase({ kind: 'memory' });
  const database = { db: wrap(opened.db), close: () => opened.close() };
  const test = await startService({ database, logSeed });
  onTestFinished(async () => {
    await test.close();
    await opened.close();
  });
  return { test, db: opened.db };
}

/** Lets four join; those that are erased find the door shut, which is none of the tests' concern. */
async function joinAll(test: TestService, taskId: string): Promise<void> {
  for (const name of NAMES) {
    const { token } = await test.service.invite(taskId);
    const participant = startParticipant(name, { taskId, token, fetch: test.fetch });
    participant.finished.catch(() => {});
    onTestFinished(() => participant.leave());
  }
}

const cohortsOf = async (db: Database): Promise<readonly string[][]> =>
  (await db.selectFrom('attempts').select('cohort').orderBy('attempt').execute()).map(
    ({ cohort }) => JSON.parse(cohort) as string[],
  );

async function participantOf(db: Database, label: string): Promise<string> {
  const { id } = await db.selectFrom('participants').select('id').where('label', '=', label).executeTakeFirstOrThrow();
  return id;
}

describe('erasing a participant', () => {
  it('waits for an attempt that is being opened, and is refused when the participant is in it', async () => {
    const { promise: chosen, resolve: reached } = Promise.withResolvers<void>();
    const { promise: may, resolve: goOn } = Promise.withResolvers<void>();
    const { test, db } = await start((inner) => holdAttempts(inner, { reached, may }));
    const { id } = (await test.service.createTask(smallTask({ rounds: 1, stageTimeoutMs: 8000 }))).status();
    await joinAll(test, id);
    await chosen;
    const gone = await participantOf(db, 'a');
    const erasing = test.service.erase(id, gone, 'local:olga').then(
      () => 'erased',
      (error: unknown) => error,
    );
    // The database answers one after another: an erasure that does not wait is done by then.
    for (let i = 0; i < 40; i += 1) await participantOf(db, 'b');
    goOn();
    expect(await erasing).toMatchObject({ code: 'coordinator/wrong-state', retryable: true });
    expect((await cohortsOf(db))[0]).toContain(gone);
    expect(await participantOf(db, 'a')).toBe(gone);
  }, 60_000);

  it('keeps it from being called, though it was heard of while it was being erased', async () => {
    const { test, db } = await start();
    const text = smallTask({ rounds: 9, stageTimeoutMs: 8000 }).replace('startThreshold: 4', 'startThreshold: 3');
    const task = await test.service.createTask(text);
    const { id } = task.status();
    await joinAll(test, id);
    const openOf = () => db.selectFrom('attempts').select('attempt').where('state', '=', 'open').execute();
    const called = async (): Promise<boolean> =>
      (await cohortsOf(db)).flat().includes(await participantOf(db, 'a').catch(() => ''));
    await until(called);
    await task.pause();
    await until(async () => (await openOf()).length === 0);
    const before = (await cohortsOf(db)).length;
    const gone = await participantOf(db, 'a');
    await test.service.erase(id, gone, 'local:olga');
    // As a request that was let in just before does.
    task.seen(gone);
    await task.resume();
    await until(async () => (await cohortsOf(db)).length > before);
    const cohort = (await cohortsOf(db))[before] ?? [];
    expect(cohort).toHaveLength(3);
    expect(cohort).not.toContain(gone);
  }, 60_000);

  it('takes key and label of somebody who was called to no round, and proves it', async () => {
    const { test, db } = await start();
    const task = await test.service.createTask(smallTask({ rounds: 1, stageTimeoutMs: 8000 }));
    const { id } = task.status();
    const { token } = await test.service.invite(id);
    const early = startParticipant('early', { taskId: id, token, fetch: test.fetch });
    early.finished.catch(() => {});
    await until(async () => (await db.selectFrom('participants').select('id').execute()).length === 1);
    const gone = await participantOf(db, 'early');
    const proof = await test.service.erase(id, gone, 'local:olga');
    const { extra } = parseLogProof(proof);
    expect(decodeLeaf(extra as Uint8Array)).toMatchObject({
      kind: 'erasure',
      destroyed: ['salt', 'identity key', 'label', 'messages', 'place in cohorts'],
    });
    expect(await db.selectFrom('participants').select('id').execute()).toEqual([]);
    early.leave();
    await joinAll(test, id);
    await until(() => task.status().state === 'finished');
    await expect(test.service.erase(id, gone, 'local:olga')).rejects.toMatchObject({
      code: 'coordinator/unknown-participant',
    });
  }, 60_000);
});
