/**
 * Errors of the privacy card.
 *
 * @module
 */

import { SottoError, type SottoErrorOptions } from '../../foundations/numerics/index.ts';

export type CardErrorCode =
  /** The run does not verify, so that nothing can be said about it. */
  | 'card/unverified'
  /** The facts given beside the log are not as they must be. */
  | 'card/facts-invalid';

/** Thrown when no card can be made. */
export class CardError extends SottoError<CardErrorCode> {
  // oxlint-disable-next-line no-useless-constructor -- narrows the code to this room's union
  constructor(code: CardErrorCode, message: string, options?: SottoErrorOptions) {
    super(code, message, options);
  }
}
