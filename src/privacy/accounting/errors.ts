/**
 * What can go wrong in this room.
 *
 * @module
 */

import { SottoError, type SottoErrorOptions } from '../../foundations/numerics/index.ts';

/** Closed list of this room's failures. Codes are public API: added, never reused or renamed. */
export type AccountingErrorCode =
  /** The accountant has no sound bound for this event. */
  | 'accounting/unsupported-event'
  /** The event is sound, but says nothing about this neighbouring relation. */
  | 'accounting/unknown-relation'
  /** A value is no event in the algebra, or one of its fields is out of range. */
  | 'accounting/invalid-event'
  /** No value of the parameter meets the target inside the range searched. */
  | 'accounting/calibration-failed'
  /** A numerical method did not reach the accuracy it promises. */
  | 'accounting/no-convergence'
  /** The charge would exceed the budget; nothing was reserved. */
  | 'accounting/budget-exceeded'
  /** The charge would exceed the quota of its purpose; nothing was reserved. */
  | 'accounting/quota-exceeded'
  /** The ledger's records do not verify. */
  | 'accounting/ledger-broken'
  /** The ledger on record was opened with other terms. */
  | 'accounting/ledger-mismatch'
  /** Another writer appended first; read again and retry. */
  | 'accounting/ledger-conflict'
  /** The reservation is unknown, closed, or may no longer be refunded. */
  | 'accounting/reservation-closed';

/** An error of the accounting room. Messages name the field, the rule, the value and the next step. */
export class AccountingError extends SottoError<AccountingErrorCode> {
  constructor(code: AccountingErrorCode, message: string, options: SottoErrorOptions = {}) {
    super(code, message, options);
  }
}
