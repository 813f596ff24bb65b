export { StorageError, type StorageErrorCode } from './errors.ts';
export { appendSynced, readFileOf, writeFileAtomic } from './files.ts';
export { createLedgerFile } from './ledger-file.ts';
export { createRunFolder, openRunFolder, type RunFolder } from './run-folder.ts';
export { loadTaskData, type TaskData } from './task-data.ts';
