/**
 * An append-only list of records in IndexedDB: the browser's driver behind `LedgerStore`. Records are the same bytes as
 * in a run folder's file, and the export is that file, byte for byte.
 *
 * @module
 */

import { encodeLedgerLine, type LedgerStore, ledgerConflict } from '../../../privacy/accounting/index.ts';
import type { ParticipantDatabase } from './database.ts';

/** A list of records that can be taken along. */
export interface RecordList extends LedgerStore {
  /** The list as the file every other driver writes: one record a line. */
  export(): Promise<Uint8Array>;
}

/** Opens the list `name`; it need not exist yet. */
export function createRecordList(database: ParticipantDatabase, name: string): RecordList {
  const range = IDBKeyRange.bound([name], [name, []], false, true);
  const read = async (): Promise<Uint8Array[]> => (await database.getAll('records', range)) as Uint8Array[];
  return {
    read,
    append: (record, { expectedLength }) =>
      // Counting and adding are one transaction, so that two windows never write the same place.
      database.write('records', (objects, abort) => {
        if (record.includes(10)) return abort(new RangeError('"record" must not contain a line feed'));
        const counted = objects.count(range);
        counted.onsuccess = () => {
          if (counted.result === expectedLength) objects.add(record.slice(), [name, expectedLength]);
          else abort(ledgerConflict(expectedLength, counted.result));
        };
      }),
    async export() {
      const lines = (await read()).map((record) => encodeLedgerLine(record));
      const file = new Uint8Array(lines.reduce((size, line) => size + line.length, 0));
      let at = 0;
      for (const line of lines) {
        file.set(line, at);
        at += line.length;
      }
      return file;
    },
  };
}
