/**
 * A run folder as people see it: the same view that a page had while the run was under way.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { StorageError } from '../storage/index.ts';
import { parseTaskFile, type TaskFile } from '../task/index.ts';
import { RUN_FILES } from '../../trust/log/index.ts';
import { createTaskTracker, type PlannedFacts, plannedFacts, type TaskTracker } from './task-tracker.ts';
import type { AttemptPoint, ModelView, TaskState } from './task-view.ts';
import { ViewError } from './errors.ts';
import type { ViewSource } from './view-source.ts';
import { readLedgerView } from './ledger-view.ts';

const MODEL = 'model.safetensors';
/** The figures a run was planned with, so that it can be shown without its data. */
export const PLAN_FILE = 'plan.json';

/** The one task of a run folder, whose tracker may still be fed. */
export function createRunSource({ folder, tracker }: { folder: () => string; tracker: TaskTracker }): ViewSource {
  const assertTask = (id: string): void => {
    if (id !== tracker.id) throw new ViewError('view/unknown-task', `there is no task ${id} here`);
  };
  const fileOf = (name: string): string => join(folder(), name);
  return {
    kind: 'run',
    place: folder,
    heads: () => [tracker.head()],
    feeds: () => [tracker.feed],
    tracker(id) {
      assertTask(id);
      return Promise.resolve(tracker);
    },
    definition(id) {
      assertTask(id);
      return Promise.resolve(textOf(fileOf('task.resolved.yaml')));
    },
    ledger(id) {
      assertTask(id);
      return Promise.resolve(readLedgerView(linesOf(fileOf('ledger.jsonl'))));
    },
    ledgerFile(id) {
      assertTask(id);
      return Promise.resolve(new Uint8Array(readFileSync(fileOf('ledger.jsonl'))));
    },
    model(id) {
      assertTask(id);
      if (!existsSync(fileOf(MODEL))) {
        throw new ViewError('view/not-here', 'the run has no model yet: it is written when the run ends');
      }
      return Promise.resolve({ name: `${tracker.head().name}.safetensors`, bytes: readFileSync(fileOf(MODEL)) });
    },
  };
}

/**
 * Reads a run folder whole. It takes no lock: a run that is under way may be looked at.
 * @throws `StorageError` `storage/not-a-run` when it is none.
 */
export function readRun(path: string): ViewSource {
  const taskPath = join(path, 'task.resolved.yaml');
  if (!existsSync(taskPath)) {
    throw new StorageError('storage/not-a-run', `${path} is not a run folder: it has no task.resolved.yaml`);
  }
  const task = parseTaskFile(readFileSync(taskPath, 'utf8'), { path: taskPath });
  const changed = new Date(Math.max(...['metrics.jsonl', 'summary.json'].map((name) => changedAt(join(path, name)))));
  const tracker = createTaskTracker({
    id: task.task,
    name: task.task,
    mode: task.simulation.mode,
    now: () => changed,
  });
  const planned = join(path, PLAN_FILE);
  tracker.restore(
    existsSync(planned) ? (JSON.parse(readFileSync(planned, 'utf8')) as PlannedFacts) : plannedFacts(task),
  );
  addSimulated(tracker, task.simulation.mode === 'single-party' ? 0 : task.participants);
  const cohorts = readCohorts(path, task);
  for (const line of readLines(join(path, 'metrics.jsonl'))) {
    const point = line as unknown as AttemptPoint;
    tracker.close(point, cohorts(point.attempt));
  }
  tracker.setState(stateOf(path));
  tracker.setModels(listModels(path, tracker));
  if (tracker.head().state !== 'running') tracker.feed.close();
  return createRunSource({ folder: () => path, tracker });
}

/**
 * Reads who was in which attempt of a run, where not everybody was in all of them.
 * @returns the cohort of an attempt; nobody, where it is not known; undefined, where everybody was asked.
 */
export function readCohorts(path: string, task: TaskFile): (attempt: number) => readonly string[] | undefined {
  const { training, privacy, participants } = task;
  // Who was drawn in private stays with the coordinator.
  const isDrawn = 'participation' in privacy && privacy.participation?.kind === 'private-draw';
  const areAll =
    isDrawn ||
    ((training.cohortSize ?? participants) >= participants &&
      ('maxParticipations' in privacy ? privacy.maxParticipations : undefined) === undefined);
  if (areAll) return () => undefined;
  const lines = readLines(join(path, RUN_FILES.cohorts)) as { attempt: number; cohort: string[] }[];
  const cohorts = new Map(lines.map(({ attempt, cohort }) => [attempt, cohort]));
  return (attempt) => cohorts.get(attempt) ?? [];
}

/** Makes the participants of a simulation known. */
export function addSimulated(tracker: TaskTracker, count: number): void {
  for (let i = 1; i <= count; i += 1) tracker.participant(`participant-${i}`);
  tracker.setPresent(count);
}

/** The models of a run folder. */
export function listModels(path: string, tracker: TaskTracker): ModelView[] {
  const file = join(path, MODEL);
  if (!existsSync(file)) return [];
  const bytes = readFileSync(file);
  const { round, parameters, accuracy, epsilon } = tracker.head();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return [{ name: MODEL, round, sha256, sizeBytes: bytes.length, parameters, accuracy, epsilon }];
}

function stateOf(path: string): TaskState {
  const summary = join(path, 'summary.json');
  if (!existsSync(summary)) return existsSync(join(path, 'run.lock')) ? 'running' : 'closed';
  const { ended } = JSON.parse(readFileSync(summary, 'utf8')) as { ended?: string };
  return ended === 'budget-spent' || ended === 'stopped' ? ended : 'finished';
}

function readLines(path: string): Readonly<Record<string, unknown>>[] {
  return linesOf(path).map((line) => JSON.parse(new TextDecoder().decode(line)) as Record<string, unknown>);
}

/** The complete lines of a file; one cut by a crash is left out. */
function linesOf(path: string): Uint8Array[] {
  return textOf(path)
    .split('\n')
    .slice(0, -1)
    .map((line) => new TextEncoder().encode(line));
}

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
const changedAt = (path: string): number => (existsSync(path) ? statSync(path).mtimeMs : 0);
