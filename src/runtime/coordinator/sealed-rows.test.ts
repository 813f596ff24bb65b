/** What a coordinator with a key store leaves on its disk: no message of a round in the clear, and every one readable again. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, it } from 'vitest';

import { createDatabaseFolder } from '../../../test/harness/database-folder.ts';
import { smallTask, startParticipant, startService, until } from '../../../test/harness/service.ts';
import { utf8 } from '../../foundations/crypto/index.ts';
import { createVault, isSealedFile } from '../storage/index.ts';
import { openDatabase } from '../storage/database/index.ts';
import { createMemoryObjectStore } from '../storage/objects/index.ts';
import { createJournal } from './journal.ts';

const base = mkdtempSync(join(tmpdir(), 'sotto-rows-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const CANARY = 'canary-of-a-share-6f1b2c';
const newVault = () => createVault('0a'.repeat(16), new Uint8Array(32).fill(7));

function filesWith(text: string, folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const path = join(folder, name);
    return statSync(path).isFile() && readFileSync(path, 'latin1').includes(text);
  });
}

async function eventsOf(journal: ReturnType<typeof createJournal>): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const event of (await journal.events(1)).read()) events.push(event);
  return events;
}

it('has no message in the clear on the disk of its database, and reads it again under its name alone', async () => {
  const vault = newVault();
  const write = async (folder: string, sealed: boolean) => {
    const database = await openDatabase({ kind: 'folder', path: await createDatabaseFolder(folder) });
    await database.db
      .insertInto('tasks')
      .values({
        id: 't',
        name: 't',
        definition: '',
        state: 'running',
        round: 0,
        checkpoint_key: null,
        model_digest: null,
        created_at: new Date(),
        updated_at: new Date(),
      })
      .execute();
    const objects = createMemoryObjectStore();
    const journal = createJournal({ db: database.db, objects, taskId: 't', vault: sealed ? vault : undefined });
    await journal.open({ attempt: 1, round: 1, cohort: ['a'], reservation: null, base: null });
    const message = (participant: string) =>
      ({ kind: 'message', stage: 'unmask', participant, bytes: utf8(`${CANARY} ${participant}`) }) as const;
    await journal.appendAll(1, 0, [message('a'), { kind: 'timeout', stage: 'unmask' }, message('b')]);
    expect(await eventsOf(journal)).toEqual([message('a'), { kind: 'timeout', stage: 'unmask' }, message('b')]);
    return { database, journal };
  };
  const clear = await write(join(base, 'clear'), false);
  await clear.database.close();
  // The search finds what is there: without a key store the message stands in the database.
  expect(filesWith(CANARY, join(base, 'clear'))).not.toEqual([]);

  const { database, journal } = await write(join(base, 'sealed'), true);
  const rows = database.db
    .selectFrom('attempt_events')
    .select(['position', 'payload'])
    .where('payload', 'is not', null);
  const [first] = await rows.execute();
  // A row put in the place of another one does not open.
  await database.db.updateTable('attempt_events').set({ payload: first?.payload }).where('position', '=', 2).execute();
  await expect(eventsOf(journal)).rejects.toMatchObject({
    code: 'storage/seal-broken',
  });
  await database.close();
  expect(filesWith(CANARY, join(base, 'sealed'))).toEqual([]);
}, 120_000);

it('trains with every row sealed, and shows its ledger all the same', async () => {
  const database = await openDatabase({ kind: 'memory' });
  const objects = createMemoryObjectStore();
  const rows = () => database.db.selectFrom('attempt_events').select(['position', 'payload']).execute();
  const seen: ReturnType<typeof rows>[] = [];
  const onWrite = (point: string): void => {
    if (point === 'message-journaled') seen.push(rows());
  };
  const test = await startService({ database, objects, vault: newVault(), onWrite });
  const { id } = (await test.service.createTask(smallTask({ rounds: 1 }))).status();
  const participants = await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (name) => {
      const { token } = await test.service.invite(id);
      return startParticipant(name, { taskId: id, token, fetch: test.fetch });
    }),
  );
  await until(() => test.service.task(id).status().state === 'finished');
  for (const each of participants) each.leave();
  await Promise.all(participants.map(({ finished }) => finished.catch(() => {})));
  const stored = (await Promise.all(seen)).flat();
  expect(stored.length).toBeGreaterThan(12);
  for (const { payload } of stored) expect(isSealedFile(new Uint8Array(payload ?? []))).toBe(true);
  const ledger = await database.db.selectFrom('ledger_records').select('record').execute();
  expect(ledger.some(({ record }) => new TextDecoder().decode(record).includes('"kind"'))).toBe(false);
  // The page of the ledger opens what is sealed.
  const opened = await test.service.ledgerOf(id).read();
  expect(new TextDecoder().decode(opened[0])).toContain('"kind":"open"');
  await test.close();
  // No message outlives its round.
  expect(await rows()).toEqual([]);
  await database.close();
}, 60_000);
