/**
 * Errors of access control. Messages name who asked for what, never tokens.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Every code this room throws; stable. */
export type AccessErrorCode =
  /** No grant in force allows it. */
  | 'access/denied'
  /** Who operates a task cannot release its model; who proposed a release cannot approve it; nobody grants to herself. */
  | 'access/separation-of-duties'
  /** Not one of ours, or not well formed. */
  | 'access/token-invalid'
  | 'access/token-expired'
  | 'access/token-revoked'
  /** The decision could not be written down, so there is none. */
  | 'access/audit-failed'
  | 'access/unknown-role'
  | 'access/unknown-grant'
  | 'access/unknown-release'
  /** The release was approved, rejected or has expired. */
  | 'access/release-closed'
  /** The approval is of other bytes than the proposal. */
  | 'access/release-mismatch'
  /** There are grants already: a further owner is made by an owner. */
  | 'access/not-empty';

/** A request was refused. */
export class AccessError extends SottoError<AccessErrorCode> {}
