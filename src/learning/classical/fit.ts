/**
 * A fit that is paid for: the ledger is charged, then the first row is read.
 *
 * @module
 */

import { createSystemRng, type Rng } from '../../foundations/random/index.ts';
import type { Ledger } from '../../privacy/accounting/index.ts';
import { ClassicalError } from './errors.ts';
import type { ClassicalModel, Estimator, Rows } from './estimator.ts';

/** What pays for a fit. */
export interface FitCharge {
  readonly ledger: Ledger;
  /** The account charged; the first by default. */
  readonly account?: number;
  /** Stands beside the charge; `fit` by default. */
  readonly purpose?: string;
  /** Private coins; the system's by default. A seeded generator protects nobody. */
  readonly rng?: Rng;
  /** Called once the charge is written, before the first row is read. */
  readonly onCharged?: () => Promise<void> | void;
}

/**
 * Fits a model under a ledger: charges, reads, fits, commits. Once rows are asked for the charge stands, whatever comes.
 * @throws {AccountingError} 'accounting/budget-exceeded' or 'accounting/quota-exceeded': no row was read.
 * @throws {ClassicalError} 'classical/unit' when the account hides something else than the estimator bounds: no row was
 * read and nothing charged.
 */
export async function fitPrivately(
  estimator: Estimator,
  rows: Rows,
  { ledger, account = 0, purpose = 'fit', rng = createSystemRng(), onCharged }: FitCharge,
): Promise<ClassicalModel> {
  const terms = ledger.terms[account];
  if (terms === undefined) throw new RangeError(`the ledger has no account ${account}`);
  const { promise } = estimator;
  if (terms.privacyUnit === 'client' && promise.privacyUnit !== 'client') {
    throw new ClassicalError(
      'classical/unit',
      `the account of "${terms.dataset}" hides a person with all her rows: name the column that tells people apart (person.column, person.maxRows)`,
    );
  }
  if (terms.privacyUnit !== promise.privacyUnit || terms.relation !== promise.relation) {
    throw new ClassicalError(
      'classical/unit',
      `the account of "${terms.dataset}" is for one ${terms.privacyUnit} under ${terms.relation}, the fit is calibrated for one ${promise.privacyUnit} under ${promise.relation}: make them the same`,
    );
  }
  const reservation = await ledger.reserve({ event: estimator.event(), purpose, accounts: [account] });
  let touched = false;
  try {
    await onCharged?.();
    touched = true;
    const model = await estimator.fit(rows, rng);
    await ledger.commit(reservation);
    return model;
  } catch (error) {
    await ledger.abort(reservation, { dataTouched: touched });
    throw error;
  }
}
