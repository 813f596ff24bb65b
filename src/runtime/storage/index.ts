export { StorageError, type StorageErrorCode } from './errors.ts';
export { appendSynced, readFileOf, writeFileAtomic } from './files.ts';
export { loadOrCreateKey } from './key-file.ts';
export { createLedgerFile } from './ledger-file.ts';
export { createRunFolder, openRunFolder, type RunFolder } from './run-folder.ts';
export { type DataPart, loadTaskData } from './task-data.ts';
