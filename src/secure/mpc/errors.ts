/**
 * Errors of multi-party computation. Messages never contain secrets, shares or openings.
 *
 * @module
 */

import { SottoError, type SottoErrorOptions } from '../../foundations/numerics/index.ts';

/** What can go wrong in a computation among parties. */
export type MpcErrorCode =
  /** Opening a sum of so few parties would show a contribution. */
  | 'mpc/too-few-parties'
  /** Parties run with different parameters, lengths or programs. */
  | 'mpc/parameters-differ'
  /** A message is malformed, or out of order. */
  | 'mpc/malformed-message'
  /** A message or handshake does not authenticate. */
  | 'mpc/authentication-failed'
  /** Shapes, scales or kinds of secrets do not fit the operation. */
  | 'mpc/shape-mismatch'
  /** A secret of another session. */
  | 'mpc/foreign-secret'
  /** A value is not within the declared range. */
  | 'mpc/overflow'
  /** The correlated randomness of this session cannot serve the operation. */
  | 'mpc/unsupported'
  /** A check of authenticated shares failed: somebody deviated. */
  | 'mpc/cheating-detected'
  /** A channel was closed, or the other side gave up. */
  | 'mpc/channel-closed'
  /** Hashing the elements of a set into bins failed. */
  | 'mpc/hashing-failed'
  /** A share that nobody of the roster has signed for this sum. */
  | 'mpc/unsigned';

/** Thrown when a computation stops before anything is released. */
export class MpcError extends SottoError<MpcErrorCode> {
  // oxlint-disable-next-line no-useless-constructor -- narrows the code to this room's union
  constructor(code: MpcErrorCode, message: string, options?: SottoErrorOptions) {
    super(code, message, options);
  }
}
