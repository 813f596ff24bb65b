/**
 * Errors of secret sharing. Messages never contain secrets or shares.
 *
 * @module
 */

import { SottoError, type SottoErrorOptions } from '../../foundations/numerics/index.ts';

/** What can go wrong with a sharing. */
export type SharingErrorCode =
  /** Bytes or an integer outside the field. */
  | 'sharing/not-an-element'
  /** The coordinate 0 (it is the secret itself), one outside the field, or two equal ones. */
  | 'sharing/bad-coordinate'
  /** Fewer shares than the threshold. */
  | 'sharing/too-few-shares'
  /** Two holders of one replicated component disagree. */
  | 'sharing/inconsistent'
  /** A value, or the sum of all, does not fit the ring. */
  | 'sharing/overflow';

/** Thrown when shares cannot be made or joined. */
export class SharingError extends SottoError<SharingErrorCode> {
  // oxlint-disable-next-line no-useless-constructor -- narrows the code to this room's union
  constructor(code: SharingErrorCode, message: string, options?: SottoErrorOptions) {
    super(code, message, options);
  }
}
