/**
 * Says once, while a run goes on, that most of its budget is spent: at the shares from which the alert rules warn.
 *
 * @module
 */

import { DEFAULT_RULES } from '../trust/monitoring/index.ts';

/** Creates what is told ε after every attempt; `note` prints a line. Without a budget it says nothing. */
export function createBudgetNotes(
  budget: { readonly epsilon: number; readonly delta: number } | undefined,
  note: (line: string) => void,
): (epsilon: number) => void {
  // The first share is for information, and a run on its way to the end passes it anyway.
  const shares = DEFAULT_RULES.budgetShares.slice(1);
  let said = 0;
  return (epsilon) => {
    if (budget === undefined) return;
    const reached = shares.filter((share) => epsilon >= share * budget.epsilon).at(-1) ?? 0;
    if (reached <= said) return;
    said = reached;
    note(
      `${(reached * 100).toFixed(0)} % of the budget is spent: ε ${epsilon.toFixed(3)} of ${budget.epsilon} at δ ${budget.delta}`,
    );
  };
}
