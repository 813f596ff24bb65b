export { createAccessTables } from './access-tables.ts';
export { createLedgerTable } from './ledger-table.ts';
export { type Database, type DatabaseLocation, openDatabase, type OpenDatabase } from './open.ts';
export type { Tables } from './schema.ts';
