/**
 * What a ledger's records say when they are read from nothing: the report an auditor recomputes.
 *
 * @module
 */

import { AccountingError } from '../errors.ts';
import type { AccountTerms, Budget, LedgerHead } from './record.ts';
import {
  computeSpent,
  countCharges,
  createAccountAccountant,
  type LedgerCharge,
  type LedgerState,
  replayLedger,
} from './state.ts';

/** What a verified ledger says. */
export interface LedgerReport {
  readonly head: LedgerHead;
  readonly accountant: 'rdp' | 'pld';
  readonly accounts: readonly (AccountTerms & {
    readonly spent: Budget;
    readonly spentByPurpose: Readonly<Record<string, number>>;
  })[];
  readonly charges: readonly Readonly<LedgerCharge>[];
}

/** Recomputes everything a state says. @throws {AccountingError} 'accounting/ledger-broken' when a budget is exceeded. */
export function reportLedger(state: LedgerState): LedgerReport {
  const accounts = state.accounts.map((terms, account) => {
    const empty = createAccountAccountant(state, terms);
    const { delta } = terms.budget;
    const spent = computeSpent(countCharges(state, account), { empty, delta });
    if (!(spent.epsilon <= terms.budget.epsilon * (1 + 1e-9))) {
      throw new AccountingError(
        'accounting/ledger-broken',
        `the charges on "${terms.dataset}" add up to epsilon ${spent.epsilon}, more than its budget of ${terms.budget.epsilon}`,
      );
    }
    const purposes = new Set([...state.charges.values()].map(({ purpose }) => purpose));
    const spentByPurpose = Object.fromEntries(
      [...purposes]
        .map((purpose) => [purpose, countCharges(state, account, { purpose })] as const)
        .filter(([, counts]) => counts.size > 0)
        .map(([purpose, counts]) => [purpose, computeSpent(counts, { empty, delta }).epsilon]),
    );
    return { ...terms, spent, spentByPurpose };
  });
  return { head: state.head, accountant: state.accountant, accounts, charges: [...state.charges.values()] };
}

/** Verifies a ledger's records and recomputes what was spent, without a store. */
export function verifyLedger(records: readonly Uint8Array[]): LedgerReport {
  return reportLedger(replayLedger(records));
}
