/**
 * The ledger that a federated task is charged to, at whichever party: its budget, relation and unit are those of the task.
 *
 * @module
 */

import { createLedger, type Ledger, type LedgerStore } from '../../privacy/accounting/index.ts';
import type { RunPlan } from './plan-run.ts';

/**
 * Opens the ledger of a task; undefined where the task is not private, and then no store is asked for.
 * @param options - `clock`, the system's by default.
 */
export async function openTaskLedger(
  { task, plan }: Pick<RunPlan, 'task' | 'plan'>,
  {
    store,
    clock = () => new Date(),
  }: { readonly store: () => LedgerStore | Promise<LedgerStore>; readonly clock?: () => Date },
): Promise<Ledger | undefined> {
  const { privacy } = task;
  if (privacy.trust === 'off' || plan.budget === undefined) return undefined;
  return createLedger({
    store: await store(),
    budget: plan.budget,
    relation: privacy.relation,
    privacyUnit: privacy.privacyUnit,
    dataset: task.task,
    accountant: privacy.accountant,
    clock,
  });
}
