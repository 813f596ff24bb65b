export { type AnswerReceipt, type AnswerRecorder, openAnswerRecorder } from './answer-records.ts';
export { type ContributionSeconds, type Contributor, createContributor } from './contribution.ts';
export { createModelState, type ModelState } from './model-state.ts';
export { planRun, type RunPlan } from './plan-run.ts';
export { openTaskLedger } from './task-ledger.ts';
export {
  DECLARATION_KEY,
  decodeModel,
  encodeModel,
  MODEL_FORMATS,
  type ModelFormat,
  type StoredModel,
} from './model-export.ts';
export { type PlannedSteps, planTraining, type TrainingPlan } from './plan-training.ts';
export { LEDGER_NAME, openRunLog, recordEarlier, recordRelease, recordStart } from './run-log.ts';
export { describeTask, PLAN_VERSION } from './task-leaves.ts';
export { prepareTraining } from './prepare-training.ts';
export { readTaskData, wantedOf } from './read-task-data.ts';
export { rehearseTraining, type RehearsalOptions } from './rehearsal.ts';
export type { StartingPoint } from './start-model.ts';
export { createSteps } from './steps.ts';
export { type StepsReport, type TrainEvents, type TrainSummary, trainTask } from './train-task.ts';
export { deriveTraining, TRAIN_VERSION } from './train-log.ts';
export { deriveFit, digestFitted, FIT_VERSION } from './fit-log.ts';
export { type FitSummary, fitTable, type FitTableOptions } from './fit-table.ts';
