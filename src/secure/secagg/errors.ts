/**
 * Errors of secure aggregation. They name the stage and the parties, and never contain keys, shares, seeds or data.
 *
 * @module
 */

import { SottoError, type SottoErrorOptions } from '../../foundations/numerics/index.ts';

/** Every way a round can be refused. Codes are public API: added, never reused or renamed. */
export type SecAggErrorCode =
  /** A stage ended with fewer answers than the threshold (details: stage, participants, threshold). */
  | 'secagg/too-few-survivors'
  /** Parameters that give no security for this cohort. */
  | 'secagg/unsafe-parameters'
  /** The ring cannot hold the sum of the whole cohort. */
  | 'secagg/ring-overflow'
  /** Below a floor of the participant's own policy. */
  | 'secagg/policy-refused'
  /** The policy's budget of aborted attempts is spent. */
  | 'secagg/abort-budget-spent'
  /** Bytes that are not a message of this protocol. */
  | 'secagg/malformed-message'
  /** A message of another protocol version. */
  | 'secagg/version-mismatch'
  /** A message made under another model, configuration or code. */
  | 'secagg/config-mismatch'
  /** A message of another round or attempt. */
  | 'secagg/replayed-message'
  /** A round or attempt at or below the participant's high-water mark. */
  | 'secagg/replayed-round'
  /** A message that does not belong to the current stage. */
  | 'secagg/unexpected-message'
  /** A second message of one participant in one stage. */
  | 'secagg/duplicate-message'
  /** A sender outside the cohort, or one that has left the round. */
  | 'secagg/unknown-participant'
  /** The participant has answered the unmask request of this round already. */
  | 'secagg/already-answered'
  /** The state machine has aborted; it answers nothing any more. */
  | 'secagg/aborted'
  /** The roster is not sorted, repeats a member or a key, or leaves the reader out. */
  | 'secagg/bad-roster'
  /** The roster shows other keys than the participant advertised, or a peer's task key changed. */
  | 'secagg/key-substituted'
  /** A signature or certificate does not verify, or the identity is not one the policy admits. */
  | 'secagg/bad-signature'
  /** A roster entry is not under the roster's root. */
  | 'secagg/bad-proof'
  /** A participant withheld its reveal, so the draw of the graph is void. */
  | 'secagg/draw-void'
  /** A reveal does not fit its commitment, or the beacon is missing. */
  | 'secagg/bad-draw'
  /** A sealed share does not open: tampered with, or made for another view of the round. */
  | 'secagg/tampered-share'
  /** The unmask request names one peer both alive and dead. */
  | 'secagg/peer-alive-and-dead'
  /** The survivor set contradicts what the participant saw. */
  | 'secagg/inconsistent-survivors'
  /** Fewer than threshold signatures on this survivor set. */
  | 'secagg/no-consistency'
  /** The input was not set, or was set twice. */
  | 'secagg/input'
  /** The input touches fewer coordinates than the policy allows. */
  | 'secagg/sparse-input'
  /** Shares do not reconstruct the secret they were made from. */
  | 'secagg/bad-shares'
  /** The count coordinate of the sum does not fit the survivor set; the sum is discarded. */
  | 'secagg/wrong-count';

/** Thrown by the state machines of secure aggregation. */
export class SecAggError extends SottoError<SecAggErrorCode> {
  // oxlint-disable-next-line no-useless-constructor -- narrows the code to this room's union
  constructor(code: SecAggErrorCode, message: string, options?: SottoErrorOptions) {
    super(code, message, options);
  }
}
