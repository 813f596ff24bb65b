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
  | 'coordinator/unavailable';

/** A request was refused. */
export class CoordinatorError extends SottoError<CoordinatorErrorCode> {}
