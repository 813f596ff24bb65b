/**
 * Where a ledger's records are kept: the contract of a store, a store in memory, and the framing of a ledger file.
 *
 * @module
 */

import { AccountingError } from '../errors.ts';

/**
 * An append-only list of records.
 *
 * `append` resolves only once the record is durable. It rejects with {@link AccountingError}
 * 'accounting/ledger-conflict' when the list does not have `expectedLength` records, and leaves it as it was. When it
 * rejects with anything else the record may or may not be there; the ledger reads again before it goes on.
 */
export interface LedgerStore {
  read(): Promise<readonly Uint8Array[]>;
  append(record: Uint8Array, options: { readonly expectedLength: number }): Promise<void>;
}

/** The refusal of a store whose length is not what the writer expected. */
export function ledgerConflict(expectedLength: number, found: number): AccountingError {
  return new AccountingError(
    'accounting/ledger-conflict',
    `another writer was faster: expected ${expectedLength} ledger records, found ${found}`,
    { retryable: true, details: { expectedLength, found } },
  );
}

/** Creates a store in memory, holding copies. */
export function createMemoryLedgerStore(records: readonly Uint8Array[] = []): LedgerStore {
  const kept = records.map((record) => record.slice());
  return {
    read: () => Promise.resolve(kept.map((record) => record.slice())),
    append(record, { expectedLength }) {
      if (kept.length !== expectedLength) return Promise.reject(ledgerConflict(expectedLength, kept.length));
      kept.push(record.slice());
      return Promise.resolve();
    },
  };
}

const NEWLINE = 10;

/** Frames one record as a line of a ledger file. Canonical JSON holds no newline. */
export function encodeLedgerLine(record: Uint8Array): Uint8Array {
  const line = new Uint8Array(record.length + 1);
  line.set(record);
  line[record.length] = NEWLINE;
  return line;
}

/**
 * Splits the bytes of a ledger file into records. A last line without its newline was torn by a crash before `append`
 * resolved, so nobody has acted on it: it is no record, and a driver cuts the file to `intactBytes` before it appends. A
 * torn reservation was never run; a torn commit or abort leaves its reservation charged.
 */
export function decodeLedgerLines(file: Uint8Array): {
  readonly records: readonly Uint8Array[];
  readonly intactBytes: number;
} {
  const records: Uint8Array[] = [];
  let start = 0;
  for (let end = file.indexOf(NEWLINE); end !== -1; end = file.indexOf(NEWLINE, start)) {
    records.push(file.slice(start, end));
    start = end + 1;
  }
  return { records, intactBytes: start };
}
