/**
 * Errors of connections.
 *
 * @module
 */

import { SottoError } from '../../../foundations/numerics/index.ts';

/** Every code of this folder; stable. */
export type TlsErrorCode =
  /** The peer shows another certificate than the one that was pinned. */
  'tls/wrong-fingerprint';

/** A connection that is refused for good. */
export class TlsError extends SottoError<TlsErrorCode> {}
