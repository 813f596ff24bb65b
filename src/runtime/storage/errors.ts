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
  | 'storage/conflict'
  /** It is sealed, and no key store was named. */
  | 'storage/sealed'
  | 'storage/seal-broken'
  /** The key store cannot be opened with what was given. */
  | 'storage/key-store'
  | 'storage/unknown-key'
  /** What is done to keys cannot be written down. */
  | 'storage/key-log'
  | 'storage/key-destroyed';

/** Something outside the program is not as it must be. */
export class StorageError extends SottoError<StorageErrorCode> {}
