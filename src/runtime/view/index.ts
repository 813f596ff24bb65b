export { ViewError, type ViewErrorCode } from './errors.ts';
export { gatherReport, renderReport, type ReportData } from './export-report.ts';
export { createFeed, type Feed } from './feed.ts';
export { isolate } from './headers.ts';
export { readLedgerView } from './ledger-view.ts';
export { describeModel } from './model-card.ts';
export { type PageFile, type PageFiles, readPageFiles } from './page-files.ts';
export { drawReportFigures } from './report-figures.ts';
export { addSimulated, createRunSource, listModels, PLAN_FILE, readCohorts, readRun } from './run-source.ts';
export { createStageLog, type StageLog } from './stage-log.ts';
export { createTaskTracker, type PlannedFacts, plannedFacts, type TaskTracker } from './task-tracker.ts';
export type {
  Alarm,
  AttemptPoint,
  LedgerLine,
  LedgerView,
  ModelView,
  ParticipantState,
  ParticipantView,
  PrivacyTerms,
  RoundView,
  StageView,
  TaskChange,
  TaskHead,
  TaskState,
  TaskView,
  ViewFacts,
} from './task-view.ts';
export { createViewRoutes, servePage, type ViewAction } from './view-routes.ts';
export { createViewApp, startViewServer, type ViewServer } from './view-server.ts';
export type { NamedBytes, ViewSource } from './view-source.ts';
