/**
 * The tasks as they change. What arrives is kept until the next frame, so that any number of changes costs one drawing;
 * a page that nobody looks at draws once a second.
 */

import { signal } from '@preact/signals';

import type {
  Alarm,
  AttemptPoint,
  ModelView,
  ParticipantView,
  RoundView,
  TaskChange,
  TaskHead,
  TaskView,
} from '../../../src/runtime/view/task-view.ts';
import { report } from './report.ts';

/** How the page hears of changes. */
export type Connection = 'connecting' | 'live' | 'lost' | 'over';
export const connection = signal<Connection>(report === undefined ? 'connecting' : 'over');

export const heads = signal<readonly TaskHead[] | undefined>(report?.tasks.map(({ head }) => head));

/** One task, as signals of its parts. */
export interface LiveTask {
  readonly id: string;
  readonly head: { readonly value: TaskHead };
  readonly history: { readonly value: readonly AttemptPoint[] };
  readonly open: { readonly value: readonly RoundView[] };
  readonly participants: { readonly value: readonly ParticipantView[] };
  readonly alarms: { readonly value: readonly Alarm[] };
  readonly models: { readonly value: readonly ModelView[] };
}

interface MutableTask {
  readonly head: { value: TaskHead };
  readonly history: { value: readonly AttemptPoint[] };
  readonly open: { value: readonly RoundView[] };
  readonly participants: { value: readonly ParticipantView[] };
  readonly alarms: { value: readonly Alarm[] };
  readonly models: { value: readonly ModelView[] };
}

export const task = signal<LiveTask | undefined>(undefined);
export const missing = signal<string | undefined>(undefined);

/** Between two drawings; the eye follows no more, and a page of a thousand participants stays idle most of the time. */
const DRAW_MS = 100;

function schedule(action: () => void): void {
  if (document.hidden) setTimeout(action, 1000);
  else setTimeout(() => requestAnimationFrame(action), DRAW_MS);
}

function createTask(view: TaskView): { live: LiveTask; apply: (changes: readonly TaskChange[]) => void } {
  const parts: MutableTask = {
    head: signal(view.head),
    history: signal(view.history),
    open: signal(view.open),
    participants: signal(view.participants),
    alarms: signal(view.alarms),
    models: signal(view.models),
  };
  const places = new Map(view.participants.map(({ id }, i) => [id, i]));
  return {
    live: { id: view.head.id, ...parts },
    apply(changes) {
      let participants: ParticipantView[] | undefined;
      let { value: history } = parts.history;
      let { value: alarms } = parts.alarms;
      for (const change of changes) {
        if (change.head !== undefined) parts.head.value = change.head;
        if (change.open !== undefined) parts.open.value = change.open;
        if (change.models !== undefined) parts.models.value = change.models;
        if (change.history !== undefined) history = [...history, ...change.history];
        if (change.alarms !== undefined) alarms = [...alarms, ...change.alarms];
        for (const moved of change.participants ?? []) {
          participants ??= [...parts.participants.value];
          const place = places.get(moved.id);
          if (place === undefined) {
            places.set(moved.id, participants.length);
            participants.push(moved);
          } else participants[place] = moved;
        }
      }
      parts.history.value = history;
      parts.alarms.value = alarms;
      if (participants !== undefined) parts.participants.value = participants;
    },
  };
}

/** Follows a task until the returned function is called. */
export function followTask(id: string): () => void {
  missing.value = undefined;
  if (report !== undefined) {
    const view = report.tasks.find(({ head }) => head.id === id);
    task.value = view === undefined ? undefined : createTask(view).live;
    missing.value = view === undefined ? id : undefined;
    return () => {};
  }
  if (task.value?.id !== id) task.value = undefined;
  begin();
  let pending: TaskChange[] = [];
  let scheduled = false;
  let apply: ((changes: readonly TaskChange[]) => void) | undefined;
  const source = new EventSource(`/api/tasks/${encodeURIComponent(id)}/feed`);
  source.addEventListener('task', (event) => {
    const created = createTask(JSON.parse(event.data as string) as TaskView);
    ({ apply } = created);
    pending = [];
    task.value = created.live;
    connection.value = 'live';
  });
  source.addEventListener('change', (event) => {
    pending.push(JSON.parse(event.data as string) as TaskChange);
    if (scheduled) return;
    scheduled = true;
    schedule(() => {
      scheduled = false;
      const changes = pending;
      pending = [];
      apply?.(changes);
    });
  });
  return end(source, () => {
    // An answer that is not a stream: the task is not there, or may not be seen.
    if (source.readyState === EventSource.CLOSED && apply === undefined) missing.value = id;
  });
}

/** Follows the list of tasks. */
export function followTasks(): () => void {
  missing.value = undefined;
  if (report !== undefined) return () => {};
  begin();
  const source = new EventSource('/api/feed');
  source.addEventListener('tasks', (event) => {
    heads.value = JSON.parse(event.data as string) as TaskHead[];
    connection.value = 'live';
  });
  return end(source, () => {});
}

function begin(): void {
  if (connection.value !== 'over') connection.value = 'connecting';
}

function end(source: EventSource, onError: () => void): () => void {
  source.addEventListener('end', () => {
    connection.value = 'over';
    source.close();
  });
  source.addEventListener('error', () => {
    if (connection.value !== 'over') connection.value = 'lost';
    onError();
  });
  return () => source.close();
}
