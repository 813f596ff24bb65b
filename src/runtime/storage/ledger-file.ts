/**
 * The ledger as a file of lines, one record a line: the driver behind `LedgerStore` for run folders. A record is on
 * the disk before `append` returns. A last line without an end was cut by a crash before its append returned, so
 * nobody acted on it: it is dropped at the next append.
 *
 * @module
 */

import { existsSync, readFileSync, truncateSync } from 'node:fs';

import { type LedgerStore, ledgerConflict } from '../../privacy/accounting/index.ts';
import { appendSynced } from './files.ts';

/** Opens the ledger file at `path`; it need not exist yet. */
export function createLedgerFile(path: string): LedgerStore {
  function readLines(): { records: Uint8Array[]; sizeBytes: number; cut: boolean } {
    if (!existsSync(path)) return { records: [], sizeBytes: 0, cut: false };
    const bytes = readFileSync(path);
    const records: Uint8Array[] = [];
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      records.push(new Uint8Array(bytes.subarray(start, end)));
      start = end + 1;
    }
    return { records, sizeBytes: start, cut: start < bytes.length };
  }
  let known: number | undefined;

  /** Counts the records once and drops a cut last line. */
  function open(): number {
    if (known !== undefined) return known;
    const { records, sizeBytes, cut } = readLines();
    if (cut) truncateSync(path, sizeBytes);
    known = records.length;
    return known;
  }

  return {
    read: () => Promise.resolve(readLines().records),
    append: (record, { expectedLength }) => {
      const length = open();
      if (length !== expectedLength) return Promise.reject(ledgerConflict(expectedLength, length));
      if (record.includes(10)) throw new RangeError('"record" must not contain a line feed');
      const line = new Uint8Array(record.length + 1);
      line.set(record);
      line[record.length] = 10;
      appendSynced(path, line);
      known = length + 1;
      return Promise.resolve();
    },
  };
}
