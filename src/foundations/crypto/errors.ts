/**
 * Errors of the cryptographic wrappers. Messages never contain keys, secrets or plaintexts.
 *
 * @module
 */

import { SottoError, type SottoErrorOptions } from '../numerics/index.ts';

/** What can go wrong with a primitive. */
export type CryptoErrorCode =
  /** A ciphertext, its associated data, nonce or key was changed. */
  | 'crypto/authentication-failed'
  /** A public key has the wrong length, or is a point of small order that would void the agreement. */
  | 'crypto/invalid-public-key';

/** Thrown when an input from outside fails a cryptographic check. */
export class CryptoError extends SottoError<CryptoErrorCode> {
  // oxlint-disable-next-line no-useless-constructor -- narrows the code to this room's union
  constructor(code: CryptoErrorCode, message: string, options?: SottoErrorOptions) {
    super(code, message, options);
  }
}
