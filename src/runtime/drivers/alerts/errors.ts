/**
 * Errors of delivering alerts.
 *
 * @module
 */

import { SottoError } from '../../../foundations/numerics/index.ts';

/** Every code that is thrown here; stable. */
export type AlertErrorCode = 'alerts/not-delivered';

/** Nobody got the alert. Messages name the host, never passwords or paths. */
export class AlertError extends SottoError<AlertErrorCode> {}
