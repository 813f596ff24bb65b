/**
 * Errors of reading and writing what the user names: files and folders.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Every code this room throws; stable. */
export type StorageErrorCode =
  | 'storage/not-found'
  | 'storage/exists'
  | 'storage/unreadable'
  | 'storage/not-a-run'
  /** Somebody else wrote first. */
  | 'storage/conflict';

/** Something outside the program is not as it must be. */
export class StorageError extends SottoError<StorageErrorCode> {}
