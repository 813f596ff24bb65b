/**
 * Errors of lineage.
 *
 * @module
 */

import { SottoError, type SottoErrorOptions } from '../../foundations/numerics/index.ts';

export type LineageErrorCode =
  /** The run does not verify, so that nothing can be said about where its model comes from. */
  | 'lineage/unverified'
  /** A lineage file of a preparation that is not the one in the log, or none at all. */
  | 'lineage/preparation-mismatch'
  /** Nobody of that name is committed to in the log, or not any more. */
  | 'lineage/unknown-subject';

/** Thrown when no lineage can be told. */
export class LineageError extends SottoError<LineageErrorCode> {
  // oxlint-disable-next-line no-useless-constructor -- narrows the code to this room's union
  constructor(code: LineageErrorCode, message: string, options?: SottoErrorOptions) {
    super(code, message, options);
  }
}
