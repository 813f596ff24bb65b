/**
 * The typed error of the data room.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Why data was refused. Codes are public API: added, never renamed. */
export type DataErrorCode =
  | 'data/compressed'
  | 'data/not-idx'
  | 'data/truncated'
  | 'data/trailing-bytes'
  | 'data/unsupported-type'
  | 'data/shape-mismatch'
  | 'data/labels-mismatch'
  | 'data/label-out-of-range'
  | 'data/not-finite'
  | 'data/unreachable-split';

/** Data that cannot be read or does not fit together. The message names the source, the rule and the value. */
export class DataError extends SottoError<DataErrorCode> {}
