/**
 * Errors of planning and running rounds.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Every code this room throws; stable. */
export type RoundsErrorCode =
  /** The task asks for something no parameters can give. */
  | 'rounds/impossible-plan'
  /** An offer does not match what the participant agreed to. */
  | 'rounds/offer-refused'
  /** A message came that this state does not await. */
  | 'rounds/unexpected-message'
  /** An attempt ended without a sum. */
  | 'rounds/aborted';

/** A refusal or an abort; `details` names the stage and the participants where there are any. */
export class RoundsError extends SottoError<RoundsErrorCode> {}
