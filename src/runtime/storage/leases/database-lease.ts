/**
 * Leases as rows of the coordinators' common database, by the database's own clock: nodes need not agree on the time.
 *
 * @module
 */

import { sql } from 'kysely';

import type { Database } from '../database/index.ts';
import type { LeaseStore } from './lease.ts';

/** Opens the leases of a database. */
export function createDatabaseLeaseStore(db: Database): LeaseStore {
  return {
    async acquire(name, { holder, note, ttlMs }) {
      const until = sql<Date>`now() + ${ttlMs} * interval '1 millisecond'`;
      const row = await db
        .insertInto('leases')
        .values({ name, holder, note, fence: 1, expires_at: until })
        .onConflict((conflict) =>
          conflict
            .column('name')
            .doUpdateSet({
              holder,
              note,
              expires_at: until,
              fence: sql<number>`case when leases.holder = ${holder} and leases.expires_at > now()
                then leases.fence else leases.fence + 1 end`,
            })
            .where((where) =>
              where.or([where('leases.holder', '=', holder), where('leases.expires_at', '<=', sql<Date>`now()`)]),
            ),
        )
        .returning('fence')
        .executeTakeFirst();
      return row === undefined ? undefined : { name, holder, fence: Number(row.fence) };
    },
    async release({ name, holder, fence }) {
      // The row stays: its fence must go on growing.
      await db
        .updateTable('leases')
        .set({ expires_at: sql<Date>`now()` })
        .where('name', '=', name)
        .where('holder', '=', holder)
        .where('fence', '=', fence)
        .execute();
    },
    async holderOf(name) {
      const row = await db
        .selectFrom('leases')
        .select(['holder', 'note', 'fence'])
        .where('name', '=', name)
        .where('expires_at', '>', sql<Date>`now()`)
        .executeTakeFirst();
      return row === undefined ? undefined : { name, holder: row.holder, note: row.note, fence: Number(row.fence) };
    },
    close: () => Promise.resolve(),
  };
}
