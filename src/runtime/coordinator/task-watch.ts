/**
 * What people see of a served task: a tracker fed by the task's service, and the stages of each attempt for its report.
 * It holds no vector and no message, and nothing here can change the task.
 *
 * @module
 */

import { createStageLog, type StageLog, type StageView, type TaskState, type TaskTracker } from '../view/index.ts';

/** What is added to the report of an attempt. */
export interface WatchedAttempt {
  readonly stages?: readonly StageView[];
  readonly dropped?: Readonly<Record<string, string>>;
  readonly bytesPerParticipant?: number;
}

/** The report of an attempt, as far as it is looked at. */
type Reported = Parameters<TaskTracker['close']>[0];

/** Watches one task. */
export interface TaskWatch {
  readonly tracker: TaskTracker;
  opened(
    attempt: { readonly attempt: number; readonly round: number; readonly cohort: readonly string[] },
    stage: string,
    nowMs: number,
  ): void;
  answered(attempt: number, participant: string, sizeBytes: number): void;
  sent(attempt: number, sizeBytes: number): void;
  moved(attempt: number, stage: string, nowMs: number): void;
  /** Ends the log of an attempt. */
  ended(attempt: number, nowMs: number): WatchedAttempt;
  reported(report: Reported): void;
  state(name: string): void;
  present(participants: readonly string[]): void;
  left(participant: string): void;
}

const STATES: Readonly<Record<string, TaskState>> = {
  enrolling: 'preparing',
  running: 'running',
  paused: 'paused',
  stopped: 'stopped',
  finished: 'finished',
  'budget-spent': 'budget-spent',
};

/** Watches a task into a tracker. */
export function createTaskWatch(tracker: TaskTracker): TaskWatch {
  const open = new Map<number, { readonly log: StageLog; bytes: number }>();
  let known = new Set<string>();
  return {
    tracker,
    opened({ attempt, round, cohort }, stage, nowMs) {
      const log = createStageLog({ attempt, round, cohort, stage, nowMs });
      open.set(attempt, { log, bytes: 0 });
      tracker.open(log);
    },
    answered(attempt, participant, sizeBytes) {
      const watched = open.get(attempt);
      if (watched === undefined) return;
      watched.bytes += sizeBytes;
      watched.log.answer(participant, sizeBytes);
      tracker.touch();
    },
    sent(attempt, sizeBytes) {
      const watched = open.get(attempt);
      if (watched !== undefined) watched.bytes += sizeBytes;
    },
    moved(attempt, stage, nowMs) {
      open.get(attempt)?.log.at(stage, nowMs);
      tracker.touch();
    },
    ended(attempt, nowMs) {
      const watched = open.get(attempt);
      if (watched === undefined) return {};
      const { log, bytes } = watched;
      log.end(nowMs);
      const dropped = log.dropped();
      const stages = log.stages();
      const bytesPerParticipant = Math.round(bytes / Math.max(1, log.cohort.length));
      open.delete(attempt);
      return { stages, bytesPerParticipant, ...(Object.keys(dropped).length === 0 ? {} : { dropped }) };
    },
    reported: (report) => tracker.close(report),
    state(name) {
      const state = STATES[name];
      if (state !== undefined) tracker.setState(state);
    },
    present(participants) {
      const now = new Set(participants);
      for (const who of now) if (!known.has(who)) tracker.participant(who, { state: 'waiting' });
      for (const who of known) if (!now.has(who)) tracker.participant(who, { state: 'away' });
      known = now;
      tracker.setPresent(now.size);
    },
    left(participant) {
      known.delete(participant);
      tracker.participant(participant, { state: 'away' });
      tracker.setPresent(known.size);
    },
  };
}
