/**
 * A tracker for a task that is in the database: its participants, and its attempts as they were reported.
 *
 * @module
 */

import type { RunPlan } from '../training/index.ts';
import { type AttemptPoint, createTaskTracker, type TaskState, type TaskTracker } from '../view/index.ts';
import type { Database } from '../storage/database/index.ts';

/** Builds the tracker. */
export async function restoreTracker(
  db: Database,
  { id, state, run }: { id: string; state: string; run: RunPlan },
): Promise<TaskTracker> {
  const tracker = createTaskTracker({ id, name: run.task.task, mode: 'served' });
  tracker.plan(run);
  const participants = await db
    .selectFrom('participants')
    .select(['id', 'label', 'state'])
    .where('task_id', '=', id)
    .execute();
  for (const { id: who, label, state: how } of participants) {
    tracker.participant(who, { label, state: how === 'revoked' ? 'revoked' : 'away' });
  }
  const reports = await db
    .selectFrom('metrics')
    .innerJoin('attempts', (join) =>
      join.onRef('attempts.task_id', '=', 'metrics.task_id').onRef('attempts.attempt', '=', 'metrics.attempt'),
    )
    .select(['metrics.report', 'attempts.cohort'])
    .where('metrics.task_id', '=', id)
    .orderBy('attempts.closed_at')
    .orderBy('metrics.attempt')
    .execute();
  for (const { report, cohort } of reports) {
    tracker.close(JSON.parse(report) as AttemptPoint, JSON.parse(cohort) as string[]);
  }
  const shown: readonly TaskState[] = ['running', 'paused', 'stopped', 'finished'];
  tracker.setState(shown.find((name) => name === state) ?? 'preparing');
  return tracker;
}
