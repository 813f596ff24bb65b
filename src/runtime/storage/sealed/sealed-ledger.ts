/**
 * A ledger whose records are sealed one by one, over any store: append-only and as safe in a crash as the store below.
 *
 * @module
 */

import type { LedgerStore } from '../../../privacy/accounting/index.ts';
import type { Vault } from './vault.ts';

/** Seals what goes into a ledger store and opens what comes out; `name` binds the records to their ledger. */
export function createSealedLedgerStore(
  store: LedgerStore,
  { vault, name }: { vault: Vault; name: string },
): LedgerStore {
  return {
    async read() {
      return (await store.read()).map((record, position) => vault.openRecord(name, position, record));
    },
    append: (record, { expectedLength }) =>
      store.append(vault.sealRecord(name, expectedLength, record), { expectedLength }),
  };
}
