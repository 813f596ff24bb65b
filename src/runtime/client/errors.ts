/**
 * Errors of a participant that speaks to a coordinator.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Every code this room throws; stable. */
export type ClientErrorCode =
  /** The coordinator cannot be reached, or answers what it should not. */
  | 'client/unreachable'
  /** The coordinator refused; `details.type` is its code. */
  | 'client/refused'
  /** The task is not what the participant's policy accepts. */
  | 'client/policy-refused'
  /** The coordinator's evidence does not satisfy the policy: nothing is sent to it. */
  | 'client/attestation-refused'
  /** The browser does not keep what must be kept: identity, ledger, receipts. */
  | 'client/storage';

/** What a participant's side throws. */
export class ClientError extends SottoError<ClientErrorCode> {}
