export { type BrowserParticipant, createBrowserParticipant } from './browser-participant.ts';
export {
  DATABASE_NAME,
  deleteParticipantDatabase,
  openParticipantDatabase,
  type ParticipantDatabase,
} from './database.ts';
export { loadOrCreateIdentity } from './identity.ts';
export {
  type AttestationView,
  type BudgetView,
  type DataSummary,
  type DroppedFile,
  type Enrolment,
  type HostEvent,
  type HostRequest,
  type Phase,
  type ReadOptions,
  type GivenPolicy,
  type ReceiptsView,
  type TaskProgress,
  type TaskView,
} from './messages.ts';
export { createRecordList, type RecordList } from './record-list.ts';
