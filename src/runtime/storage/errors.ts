/**
 * Errors of reading and writing what the user names: files, folders, task files.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Every code this room throws; stable. */
export type StorageErrorCode =
  | 'storage/not-found'
  | 'storage/exists'
  | 'storage/unreadable'
  | 'storage/task-file'
  | 'storage/not-a-run';

/** Something outside the program is not as it must be. `details.problems` lists a task file's problems. */
export class StorageError extends SottoError<StorageErrorCode> {}
