/**
 * Errors of the service.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Every code this room throws; stable. */
export type CoordinatorErrorCode =
  | 'coordinator/unknown-task'
  | 'coordinator/unknown-participant'
  | 'coordinator/not-authorized'
  | 'coordinator/token-refused'
  | 'coordinator/stale-request'
  | 'coordinator/wrong-state'
  | 'coordinator/too-large'
  | 'coordinator/too-many-requests'
  | 'coordinator/message-refused'
  | 'coordinator/unavailable'
  /** A request has a parameter or body of another form. */
  | 'coordinator/malformed-request'
  /** Another node serves the task, and does not answer. */
  | 'coordinator/elsewhere'
  /** This coordinator has no evidence to show. */
  | 'coordinator/not-attested'
  /** A party that helps to form the sum refuses; `details.type` is its code. */
  | 'coordinator/assistant-refused'
  /** A party that helps to form the sum does not answer. */
  | 'coordinator/assistant-unreachable';

/** A request was refused. */
export class CoordinatorError extends SottoError<CoordinatorErrorCode> {}
