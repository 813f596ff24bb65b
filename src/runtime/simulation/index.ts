export { type RunEvents, type RunMode, runTask } from './run-task.ts';
export type { StageWork } from './simulate-round.ts';
export type { AttemptReport } from './simulate-task.ts';
export type { RunSummary } from './summary.ts';
