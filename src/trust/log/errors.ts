/**
 * Errors of the transparency log. Verifiers of proofs return verdicts; these are thrown where something cannot be read,
 * signed or written.
 *
 * @module
 */

import { SottoError, type SottoErrorOptions } from '../../foundations/numerics/index.ts';

/** What can be wrong with a log, a note or a proof. */
export type LogErrorCode =
  /** Text or bytes that are no note, checkpoint, tile, bundle, leaf, proof or receipt. */
  | 'log/malformed'
  /** No signature of a known key verifies, or one of a known key does not. */
  | 'log/signature-invalid'
  /** Two checkpoints of one log that no single append-only tree has: somebody was shown another story. */
  | 'log/forked'
  /** A log that has fewer leaves than it had. */
  | 'log/rolled-back'
  /** Tiles, bundles and checkpoint do not belong together. */
  | 'log/inconsistent'
  /** A tile or bundle that the checkpoint promises is not there. */
  | 'log/incomplete'
  /** A leaf that cannot be written: too long, or nothing that the log records. */
  | 'log/invalid-leaf'
  /** The log has records of a budget ledger that the ledger does not have: the ledger was cut or replaced. */
  | 'log/ledger-behind'
  /** The log was made by another key or under another origin. */
  | 'log/key-mismatch'
  /** A witness gave no signature: it is not there, does not know the log, or answered nonsense. */
  | 'log/witness-refused';

/** Thrown when a log cannot be read, trusted or continued. */
export class LogError extends SottoError<LogErrorCode> {
  // oxlint-disable-next-line no-useless-constructor -- narrows the code to this room's union
  constructor(code: LogErrorCode, message: string, options?: SottoErrorOptions) {
    super(code, message, options);
  }
}
