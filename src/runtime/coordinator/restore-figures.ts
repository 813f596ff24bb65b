/**
 * What a process that takes up a task says of it: the accuracy that was measured last, and the dropouts so far.
 *
 * @module
 */

import type { Database } from '../storage/database/index.ts';
import type { ServiceReport } from './served-task.ts';
import type { TaskMemory } from './task-context.ts';

/** Reads them from the lines of metrics. */
export async function restoreFigures(
  db: Database,
  id: string,
): Promise<Pick<TaskMemory, 'accuracy' | 'loss' | 'dropouts'>> {
  const rows = await db.selectFrom('metrics').select('report').where('task_id', '=', id).orderBy('attempt').execute();
  const reports = rows.map(({ report }) => JSON.parse(report) as ServiceReport);
  const measured = reports
    .filter(({ accuracy }) => accuracy !== undefined)
    .toSorted((a, b) => a.round - b.round)
    .at(-1);
  return {
    accuracy: measured?.accuracy ?? null,
    loss: measured?.loss,
    dropouts: reports.reduce((sum, { dropouts }) => sum + dropouts, 0),
  };
}
