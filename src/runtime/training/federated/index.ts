export {
  type ContributionSeconds,
  type Contributor,
  type ContributorState,
  createContributor,
} from '../contribution.ts';
export { createModelState, type ModelState } from '../model-state.ts';
export { planRun, type RunPlan } from '../plan-run.ts';
export { openTaskLedger } from '../task-ledger.ts';
