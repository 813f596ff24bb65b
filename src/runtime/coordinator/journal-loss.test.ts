/**
 * Vectors in the journal are not synced one by one: after a power failure some may be missing, cut, or hold anything. What
 * is not as it was sent is never added: the attempt ends, its charge stays, and the next one begins.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { smallDataset, smallTask, startParticipant, startService, until } from '../../../test/harness/service.ts';
import { verifyLedger } from '../../privacy/accounting/index.ts';
import { createLedgerTable, openDatabase, type OpenDatabase } from '../storage/database/index.ts';
import { createMemoryObjectStore, type ObjectStore } from '../storage/objects/index.ts';
import { type AttemptEvent, createJournal } from './journal.ts';

/** Enough inputs that a masked vector is an object of its own kind, not a row. */
const FEATURES = 8000;

let database: OpenDatabase;
beforeAll(async () => {
  database = await openDatabase({ kind: 'memory' });
}, 60_000);
afterAll(() => database.close());

/** Runs two rounds; between three masked vectors and the fourth the coordinator dies, and `harm` befalls its objects. */
async function crashBeforeTheLastVector(
  name: string,
  harm: (objects: ObjectStore, packs: readonly string[]) => Promise<void>,
) {
  const objects = createMemoryObjectStore();
  let service = await startService({ database, objects });
  const task = await service.service.createTask(
    smallTask({ name, rounds: 2, features: FEATURES, stageTimeoutMs: 60_000 }),
  );
  const { id } = task.status();
  let down = false;
  let held: () => void = () => {};
  const released = new Promise<void>((resolve) => (held = resolve));
  let sentByLast = 0;
  const participants = await Promise.all(
    ['a', 'b', 'c', 'last'].map(async (who) =>
      startParticipant(who, {
        taskId: id,
        token: (await service.service.invite(id)).token,
        dataset: smallDataset(who, 40, FEATURES),
        async fetch(input, init) {
          if (who === 'last' && (input as URL).pathname.endsWith('/messages') && (sentByLast += 1) === 3)
            await released;
          if (down) throw new TypeError('fetch failed');
          return service.fetch(input, init);
        },
      }),
    ),
  );
  const journaled = async (): Promise<number> =>
    Number(
      (
        await database.db
          .selectFrom('attempt_events')
          .select(({ fn }) => fn.countAll().as('n'))
          .where('task_id', '=', id)
          .where('object_key', 'is not', null)
          .executeTakeFirstOrThrow()
      ).n,
    );
  let vectors = 0;
  await until(() => {
    void journaled().then((n) => (vectors = n));
    return vectors === 3;
  });
  down = true;
  await service.close();
  const before = service.reports.length;
  await harm(objects, await objects.list(`tasks/${id}/attempts/`));
  service = await startService({ database, objects });
  down = false;
  held();
  await Promise.all(participants.map(({ finished }) => finished));
  const reports = service.reports;
  const left = await objects.list(`tasks/${id}/attempts/`);
  const charges = verifyLedger(await createLedgerTable(database.db, id).read()).charges.map(({ attempt }) => attempt);
  const own = await Promise.all(
    participants.map(async ({ ledgerStore }) =>
      verifyLedger(await ledgerStore.read()).charges.map(({ attempt }) => attempt),
    ),
  );
  const state = service.service.task(id).status();
  await service.close();
  return { before, reports, charges, own, left, state };
}

const flip = async (objects: ObjectStore, key: string): Promise<void> => {
  const bytes = await objects.get(key);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 4;
  await objects.put(key, bytes);
};

describe('a coordinator that starts again on its journal', () => {
  it('goes on with the attempt where every vector is as it was sent', async () => {
    const { before, reports, charges, own, left, state } = await crashBeforeTheLastVector('intact', async () => {});
    expect(before).toBe(0);
    expect(reports.map(({ attempt, outcome, contributors }) => [attempt, outcome, contributors])).toEqual([
      [1, 'committed', 4],
      [2, 'committed', 4],
    ]);
    expect([charges, ...own]).toEqual(Array.from({ length: 5 }, () => [1, 2]));
    expect([left, state]).toMatchObject([[], { state: 'finished', round: 2 }]);
  });

  it.each<[string, (objects: ObjectStore, packs: readonly string[]) => Promise<void>]>([
    ['a bit of one has flipped', (objects, packs) => flip(objects, packs.at(-1) as string)],
    [
      'one was cut short',
      async (objects, packs) =>
        objects.put(packs[0] as string, (await objects.get(packs[0] as string)).subarray(0, 1000)),
    ],
    [
      'one holds zeros, as pages that were never written do',
      async (objects, packs) => {
        const key = packs[0] as string;
        const bytes = await objects.get(key);
        await objects.put(key, bytes.fill(0, 4096));
      },
    ],
    ['all are gone', async (objects, packs) => void (await Promise.all(packs.map((key) => objects.delete(key))))],
  ])('ends the attempt, keeps its charge and adds nothing of it where %s', async (name, harm) => {
    const { reports, charges, own, left, state } = await crashBeforeTheLastVector(name.replaceAll(' ', '-'), harm);
    expect(reports[0]).toMatchObject({ attempt: 1, outcome: 'aborted', code: 'storage/unreadable', contributors: 0 });
    expect(reports.slice(1).map(({ attempt, outcome, contributors }) => [attempt, outcome, contributors])).toEqual([
      [2, 'committed', 4],
      [3, 'committed', 4],
    ]);
    // What was sent stays charged on both sides, once. Whoever had not sent yet has no charge for that attempt to keep.
    expect(charges).toEqual([1, 2, 3]);
    for (const mine of own) expect(mine).toEqual([1, 2, 3]);
    expect([left, state]).toMatchObject([[], { state: 'finished', round: 2 }]);
  });
});

describe('the journal', () => {
  it('never gives back a vector other than the one it was given, whatever becomes of its objects', async () => {
    const objects = createMemoryObjectStore();
    const taskId = 'journal-alone';
    const now = new Date();
    await database.db
      .insertInto('tasks')
      .values({
        id: taskId,
        name: taskId,
        definition: '',
        state: 'running',
        round: 0,
        checkpoint_key: null,
        model_digest: null,
        created_at: now,
        updated_at: now,
      })
      .execute();
    const journal = createJournal({ db: database.db, objects, taskId });
    await journal.open({ attempt: 1, round: 1, cohort: ['a', 'b', 'c'], reservation: null, base: null });
    const events = ['a', 'b', 'c'].map((participant, i): AttemptEvent => {
      const bytes = Uint8Array.from({ length: 40_000 + i }, (_, at) => (at * (i + 3)) % 251);
      return { kind: 'message', stage: 'input', participant, bytes };
    });
    await journal.appendAll(1, 0, events);
    const readAll = async (): Promise<unknown[]> => {
      const events: unknown[] = [];
      for await (const event of (await journal.events(1)).read()) events.push(event);
      return events;
    };
    const [key = ''] = await objects.list('tasks/journal-alone/attempts/');
    const whole = await objects.get(key);
    expect(await readAll()).toEqual(events);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.constantFrom('change', 'cut', 'shift'),
        async (at, change, kind) => {
          const harmed = whole.slice(0, kind === 'cut' ? at : whole.length);
          if (kind === 'change') harmed[at] = (harmed[at] as number) ^ change;
          if (kind === 'shift') harmed.copyWithin(at % 1000, (at % 1000) + change);
          await objects.put(key, harmed);
          expect(await readAll()).toContainEqual({ kind: 'lost' });
        },
      ),
    );
    await objects.put(key, whole);
    expect(await readAll()).toEqual(events);
  });

  it('reads vectors as they are asked for, a batch at a time', async () => {
    const objects = createMemoryObjectStore();
    let fetched = 0;
    const counting: ObjectStore = {
      ...objects,
      get(key) {
        fetched += 1;
        return objects.get(key);
      },
    };
    const now = new Date();
    const taskId = 'journal-lazy';
    const row = { name: taskId, definition: '', state: 'running', round: 0, checkpoint_key: null, model_digest: null };
    await database.db
      .insertInto('tasks')
      .values({ id: taskId, ...row, created_at: now, updated_at: now })
      .execute();
    const journal = createJournal({ db: database.db, objects: counting, taskId });
    await journal.open({ attempt: 1, round: 1, cohort: ['a', 'b', 'c', 'd'], reservation: null, base: null });
    for (const [i, pair] of [
      ['a', 'b'],
      ['c', 'd'],
    ].entries()) {
      const events = pair.map((participant): AttemptEvent => {
        return { kind: 'message', stage: 'input', participant, bytes: new Uint8Array(40_000).fill(i) };
      });
      await journal.appendAll(1, 2 * i, events);
    }
    const { count, read } = await journal.events(1);
    expect([count, fetched]).toEqual([4, 0]);
    const seen: number[] = [];
    for await (const _event of read()) seen.push(fetched);
    expect(seen).toEqual([1, 1, 2, 2]);
  });
});
