/**
 * What is observed of a task at one time: budgets, attempts, the log, refusals. Counts and epsilons alone; nothing of
 * anybody's data.
 *
 * @module
 */

import type { LedgerReport } from '../../privacy/accounting/index.ts';

/** What was spent on one data set, in one block of time, for one purpose (null: for all of them). */
export interface BudgetFact {
  readonly dataset: string;
  readonly timeBlock: string | null;
  readonly purpose: string | null;
  readonly privacyUnit: string;
  /** At `delta`. */
  readonly epsilonSpent: number;
  readonly epsilonLimit: number;
  readonly delta: number;
}

/** One attempt at a round. */
export interface AttemptFact {
  readonly at: Date;
  readonly outcome: 'committed' | 'aborted';
  readonly cohort: number;
  readonly contributors: number;
  readonly dropouts: number;
  /** Participants that saw different rosters or survivors than others: a coordinator that lies, or a broken network. */
  readonly splitViews: number;
}

/** A task at one time. */
export interface Observation {
  readonly at: Date;
  readonly task: string;
  readonly budgets: readonly BudgetFact[];
  /** Oldest first; those of the last hour are enough. */
  readonly attempts: readonly AttemptFact[];
  /** Noise the plan was made with; null without privacy. */
  readonly noiseMultiplier: number | null;
  /** What must not be gone below. */
  readonly policy: { readonly minNoiseMultiplier: number | null; readonly minCohort: number };
  /** Requests and messages refused, with the time of each. */
  readonly refusals: readonly Date[];
  /** Requests refused because clocks are apart. */
  readonly clockRefusals: readonly Date[];
  /** Records of the ledger, and those of them that the log has; null without a log. */
  readonly log: { readonly ledgerRecords: number; readonly loggedRecords: number } | null;
}

/** Reads budgets from a verified ledger: one a data set and block, and one for every purpose with a quota of its own. */
export function measureBudgets({ accounts }: Pick<LedgerReport, 'accounts'>): readonly BudgetFact[] {
  return accounts.flatMap(({ dataset, timeBlock, privacyUnit, budget, quotas, spent, spentByPurpose }) => {
    const common = { dataset, timeBlock, privacyUnit, delta: budget.delta };
    const purposes = new Set([...Object.keys(quotas ?? {}), ...Object.keys(spentByPurpose)]);
    return [
      { ...common, purpose: null, epsilonSpent: spent.epsilon, epsilonLimit: budget.epsilon },
      ...[...purposes].sort().map((purpose) => ({
        ...common,
        purpose,
        epsilonSpent: spentByPurpose[purpose] ?? 0,
        epsilonLimit: quotas === null ? budget.epsilon : Math.min(quotas[purpose] ?? 0, budget.epsilon),
      })),
    ];
  });
}
