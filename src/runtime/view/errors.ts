/**
 * Errors of the pages.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Every code this room throws; stable. */
export type ViewErrorCode = 'view/not-built' | 'view/unknown-task' | 'view/not-here' | 'view/foreign-host';

/** A page or its data cannot be had. */
export class ViewError extends SottoError<ViewErrorCode> {}
