/**
 * Errors of the wire format.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Every code this room throws; stable. */
export type WireErrorCode = 'wire/malformed' | 'wire/unsupported-version' | 'wire/signature-refused';

/** A message that is not one of ours. It never repeats the message's content. */
export class WireError extends SottoError<WireErrorCode> {}
