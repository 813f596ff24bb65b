import { describe, expect, it, onTestFinished } from 'vitest';

import { bufferedTask } from '../../../test/harness/buffered.ts';
import { smallTask, startParticipant, startService, type TestService, until } from '../../../test/harness/service.ts';
import { participantIdOf } from '../../federation/wire/index.ts';
import { createSigningKey } from '../../foundations/crypto/index.ts';
import { readEntropy } from '../../foundations/random/index.ts';
import { openDatabase } from '../storage/database/index.ts';
import { createMemoryObjectStore } from '../storage/objects/index.ts';
import { pruneCheckpoints } from './checkpoints.ts';

const taskId = 'task';
const keyOf = (name: string): string => `tasks/${taskId}/checkpoints/${name}`;

/** What stays of some checkpoints after `round`, with attempts open that were offered `bases`. */
async function left(
  names: readonly string[],
  { round, keep, bases = [] }: { round: number; keep: number; bases?: readonly string[] },
): Promise<readonly string[]> {
  const objects = createMemoryObjectStore();
  for (const name of names) await objects.put(keyOf(name), new Uint8Array(1));
  const open = bases.map((base, i) => ({ attempt: i, round, cohort: [], reservation: null, base }));
  await pruneCheckpoints({ taskId, objects, journal: { opened: () => Promise.resolve(open) } }, { round, keep });
  return (await objects.list(keyOf(''))).map((key) => key.slice(keyOf('').length)).toSorted();
}

describe('checkpoints of old rounds', () => {
  it('are deleted, but for the newest, for those that open attempts were offered, and for what is none', async () => {
    const names = ['1-1', '2-3', '3-2', '9-9', '10-10', 'notes'];
    expect(await left(names, { round: 10, keep: 2 })).toEqual(['10-10', '9-9', 'notes']);
    expect(await left(names, { round: 10, keep: 1, bases: [keyOf('2-3'), ''] })).toEqual(['10-10', '2-3', 'notes']);
    expect(await left(names, { round: 10, keep: 50 })).toEqual(names.toSorted());
  });

  it('go with those that a crash kept from being committed, and never ones of rounds to come', async () => {
    expect(await left(['4-4', '4-5', '7-8', '7-9', '8-9'], { round: 7, keep: 1 })).toEqual(['7-8', '7-9', '8-9']);
  });

  it('are deleted a hundred after a round, the oldest first', async () => {
    const names = Array.from({ length: 130 }, (_, i) => `${i + 1}-${i + 1}`);
    const kept = await left(names, { round: 130, keep: 1 });
    expect(kept.toSorted()).toEqual(names.slice(100).toSorted());
  });
});

async function joinAll(test: TestService, id: string, names: readonly string[]) {
  return Promise.all(
    names.map(async (name) =>
      startParticipant(name, { taskId: id, token: (await test.service.invite(id)).token, fetch: test.fetch }),
    ),
  );
}

const checkpointsOf = (test: TestService, id: string) => test.objects.list(`tasks/${id}/checkpoints/`);

describe('a served task', () => {
  it('keeps as many checkpoints as it is told, and is taken up from the newest', async () => {
    const database = await openDatabase({ kind: 'memory' });
    onTestFinished(() => database.close());
    const test = await startService({ database, keepCheckpoints: 2 });
    const task = await test.service.createTask(smallTask({ rounds: 4, stageTimeoutMs: 8000 }));
    const { id } = task.status();
    const all = await joinAll(test, id, ['a', 'b', 'c', 'd']);
    await Promise.all(all.map(({ finished }) => finished));
    await until(async () => (await checkpointsOf(test, id)).length === 2);
    expect((await checkpointsOf(test, id)).toSorted()).toEqual([
      `tasks/${id}/checkpoints/3-3`,
      `tasks/${id}/checkpoints/4-4`,
    ]);
    const model = task.model();
    await test.service.close();
    const again = await startService({ database, objects: test.objects, keepCheckpoints: 2 });
    expect(again.service.task(id).model()).toEqual(model);
    await again.service.close();
  }, 60_000);

  it('keeps what an open attempt was offered, though it is old, until that has ended', async () => {
    const test = await startService({ keepCheckpoints: 1 });
    onTestFinished(() => test.close());
    const task = await test.service.createTask(
      bufferedTask({ name: 'bases', rounds: 6, maxParticipations: 12, stageTimeoutMs: 20_000 }),
    );
    const { id } = task.status();
    const { promise: late, resolve: goOn } = Promise.withResolvers<void>();
    const { db } = test.database;
    const openOf = () => db.selectFrom('attempts').selectAll().where('task_id', '=', id).where('state', '=', 'open');
    const keySeed = readEntropy(32);
    const silent = participantIdOf(createSigningKey(keySeed).publicKey);
    /** The checkpoint that the cohort of the silent one was offered. */
    const base = async (): Promise<string> =>
      (await openOf().execute()).find(({ cohort }) => cohort.includes(silent))?.base ?? '';
    const all = await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map(async (name) =>
        startParticipant(name, {
          taskId: id,
          token: (await test.service.invite(id)).token,
          ...(name === 'f' ? { keySeed } : {}),
          async fetch(input, init) {
            if (name === 'f' && (input as URL).pathname.endsWith('/messages') && (await base()) !== '') await late;
            return test.fetch(input, init);
          },
        }),
      ),
    );
    const roundOf = (key: string): number => Number(key.split('/').at(-1)?.split('-')[0]);
    await until(async () => task.status().round >= roundOf(await base()) + 2);
    await until(async () => (await checkpointsOf(test, id)).length === 2);
    const [oldest, newest] = (await checkpointsOf(test, id)).toSorted((a, b) => roundOf(a) - roundOf(b));
    expect(oldest).toBe(await base());
    expect(roundOf(newest ?? '')).toBe(task.status().round);
    goOn();
    await Promise.all(all.map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 6 });
    await until(async () => (await checkpointsOf(test, id)).length === 1);
  }, 60_000);
});
