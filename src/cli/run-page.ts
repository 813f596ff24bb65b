/**
 * The page of a run that is under way: it follows the run's events, and ends with it.
 *
 * @module
 */

import { resolve } from 'node:path';

import type { RunEvents, RunSummary } from '../runtime/simulation/index.ts';
import type { TaskFile } from '../runtime/task/index.ts';
import {
  addSimulated,
  createRunSource,
  createTaskTracker,
  listModels,
  readCohorts,
  startViewServer,
  type TaskState,
} from '../runtime/view/index.ts';
import { preloadPages } from './pages.ts';
import { version } from './version.ts';

/** Where a page is looked for first; when it is taken, any other is. */
export const PAGE_PORT = 7707;

/** The page of a run. */
export interface RunPage {
  readonly url: string;
  /** What the run must tell. */
  readonly events: RunEvents;
  /** Tells the pages how the run ended, and stops serving. */
  end(summary?: RunSummary): Promise<void>;
}

/** Starts the page of a run. */
export async function startRunPage({ task, port = PAGE_PORT }: { task: TaskFile; port?: number }): Promise<RunPage> {
  const { mode } = task.simulation;
  const tracker = createTaskTracker({ id: task.task, name: task.task, mode });
  let folder = '';
  const server = await startViewServer({
    source: createRunSource({ folder: () => folder, tracker }),
    version,
    pages: preloadPages('dashboard'),
    port,
  });
  return {
    url: server.url,
    events: {
      onStep: (step) => tracker.note(step),
      onPlan(run) {
        tracker.plan(run);
        addSimulated(tracker, mode === 'single-party' ? 0 : run.plan.enrolled);
      },
      onEarlier(reports, { path }) {
        folder = resolve(path);
        const cohorts = readCohorts(folder, task);
        for (const report of reports) tracker.close(report, cohorts(report.attempt));
      },
      onOpen: (log) => tracker.open(log),
      onProgress: () => tracker.touch(),
      onAttempt: (report) => tracker.close(report),
    },
    async end(summary) {
      if (folder !== '') tracker.setModels(listModels(folder, tracker));
      tracker.setState(stateOf(summary));
      tracker.feed.close();
      await server.close();
    },
  };
}

function stateOf(summary: RunSummary | undefined): TaskState {
  if (summary === undefined) return 'closed';
  return summary.ended === 'rounds-done' ? 'finished' : summary.ended;
}
