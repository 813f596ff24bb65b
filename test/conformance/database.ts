/**
 * What the database must do, whichever PostgreSQL is behind it.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { gaussian } from '../../src/privacy/accounting/index.ts';
import { createLedger } from '../../src/privacy/accounting/index.ts';
import { createLedgerTable, type OpenDatabase } from '../../src/runtime/storage/database/index.ts';

/** Describes a database; `open` gives one that may hold earlier data. */
export function describeDatabase(name: string, open: () => Promise<OpenDatabase>): void {
  describe(`database: ${name}`, () => {
    const id = `t${crypto.randomUUID()}`;
    let database: OpenDatabase;
    beforeAll(async () => {
      database = await open();
    }, 60_000);
    afterAll(async () => database.close());

    it('gives numbers, dates and bytes back as they were', async () => {
      const { db } = database;
      await db
        .insertInto('tasks')
        .values({ id, name: 'n', definition: 'd', state: 'running', round: 3 } as never)
        .execute();
      const row = await db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
      expect([row.round, row.created_at instanceof Date]).toEqual([3, true]);
      const key = Uint8Array.from({ length: 32 }, (_, i) => i * 8);
      await db
        .insertInto('participants')
        .values({ id: 'p', task_id: id, identity_key: key, label: '<b>', state: 'active' } as never)
        .execute();
      const found = await db.selectFrom('participants').select('identity_key').where('task_id', '=', id).execute();
      expect(new Uint8Array(found[0]?.identity_key ?? [])).toEqual(key);
    });

    it('accepts one answer a participant and stage, whatever arrives twice', async () => {
      const { db } = database;
      await db
        .insertInto('attempts')
        .values({ task_id: id, attempt: 1, round: 1, cohort: '[]', state: 'open' } as never)
        .execute();
      const event = { task_id: id, attempt: 1, kind: 'message', stage: 's', participant: 'p' };
      await db
        .insertInto('attempt_events')
        .values({ ...event, position: 0 } as never)
        .execute();
      await expect(
        db
          .insertInto('attempt_events')
          .values({ ...event, position: 1 } as never)
          .execute(),
      ).rejects.toThrow();
    });

    it('keeps a ledger that several writers share without losing a charge', async () => {
      const { db } = database;
      const openLedger = (): ReturnType<typeof createLedger> =>
        createLedger({
          store: createLedgerTable(db, id),
          budget: { epsilon: 5, delta: 1e-5 },
          relation: 'add-or-remove-one',
          privacyUnit: 'example',
          dataset: 'd',
          accountant: 'rdp',
          clock: () => new Date(0),
        });
      const ledgers = [await openLedger(), await openLedger()];
      const event = gaussian({ noiseMultiplier: 20 });
      await Promise.all(
        Array.from({ length: 6 }, (_, i) =>
          (ledgers[i % 2] as Awaited<ReturnType<typeof openLedger>>).reserve({
            event,
            purpose: 'training',
            attempt: i + 1,
          }),
        ),
      );
      const report = await (await openLedger()).verify();
      expect(report.charges.map(({ attempt }) => attempt).toSorted((a, b) => (a ?? 0) - (b ?? 0))).toEqual([
        1, 2, 3, 4, 5, 6,
      ]);
    });
  });
}
