/**
 * A ledger as rows of a table. The primary key is what lets only one writer append at a position.
 *
 * @module
 */

import { ledgerConflict, type LedgerStore } from '../../../privacy/accounting/index.ts';
import type { Database } from './open.ts';

/** Opens the ledger called `ledger`; it need not exist yet. */
export function createLedgerTable(db: Database, ledger: string): LedgerStore {
  return {
    async read() {
      const rows = await db
        .selectFrom('ledger_records')
        .select('record')
        .where('ledger', '=', ledger)
        .orderBy('position')
        .execute();
      return rows.map(({ record }) => new Uint8Array(record));
    },
    async append(record, { expectedLength }) {
      await db.transaction().execute(async (transaction) => {
        const { count } = await transaction
          .selectFrom('ledger_records')
          .select(({ fn }) => fn.countAll<number>().as('count'))
          .where('ledger', '=', ledger)
          .executeTakeFirstOrThrow();
        if (Number(count) !== expectedLength) throw ledgerConflict(expectedLength, Number(count));
        const inserted = await transaction
          .insertInto('ledger_records')
          .values({ ledger, position: expectedLength, record })
          .onConflict((conflict) => conflict.columns(['ledger', 'position']).doNothing())
          .executeTakeFirst();
        if (inserted.numInsertedOrUpdatedRows !== 1n) throw ledgerConflict(expectedLength, expectedLength + 1);
      });
    },
  };
}
