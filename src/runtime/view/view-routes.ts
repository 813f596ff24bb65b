/**
 * The query interface of the pages, over any source: snapshots as JSON, and a stream of changes. The same routes serve
 * a run of this process, a run folder, and a coordinator, which adds who may ask.
 *
 * @module
 */

import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { streamSSE } from 'hono/streaming';

import { ViewError } from './errors.ts';
import { describeModel } from './model-card.ts';
import type { TaskTracker } from './task-tracker.ts';
import type { TaskHead, ViewFacts } from './task-view.ts';
import type { ViewSource } from './view-source.ts';
import type { PageFiles } from './page-files.ts';

/** What somebody wants to do. `release`: take a model out. */
export type ViewAction = 'read' | 'release';

/** A page that is told more often than this shows no more. */
const PACE_MS = 100;
/** Silence after which a stream says that it is still there. */
const STILL_HERE_MS = 15_000;

/** Creates the routes below `/api`. `authorize` throws unless the request may do what it asks for. */
export function createViewRoutes({
  source,
  version,
  authorize = () => Promise.resolve(),
  onRelease = () => Promise.resolve(),
  others = () => Promise.resolve([]),
  paceMs = PACE_MS,
}: {
  source: ViewSource;
  version: string;
  authorize?: (context: Context, action: ViewAction) => Promise<void>;
  /** Throws unless these very bytes may be taken out. */
  onRelease?: (context: Context, task: string, model: Uint8Array) => Promise<void>;
  /** Heads of tasks that this source has not, where an overview is to have them too. */
  others?: (context: Context) => Promise<readonly TaskHead[]>;
  /** Between two changes on one stream, at the least. */
  paceMs?: number;
}): Hono {
  const routes = new Hono();
  const facts = (): ViewFacts => ({ kind: source.kind, version, place: source.place() });

  routes.get('/facts', (context) => context.json(facts()));
  routes.get('/tasks', async (context) => {
    await authorize(context, 'read');
    return context.json(together(source.heads(), await others(context)));
  });
  routes.get('/tasks/:task', async (context) => {
    await authorize(context, 'read');
    const tracker = await source.tracker(context.req.param('task'));
    return context.json(tracker.view());
  });
  routes.get('/tasks/:task/definition', async (context) => {
    await authorize(context, 'read');
    return context.text(await source.definition(context.req.param('task')));
  });
  routes.get('/tasks/:task/ledger', async (context) => {
    await authorize(context, 'read');
    return context.json(await source.ledger(context.req.param('task')));
  });
  routes.get('/tasks/:task/ledger.jsonl', async (context) => {
    await authorize(context, 'read');
    const bytes = await source.ledgerFile(context.req.param('task'));
    return attachment(context, { name: 'ledger.jsonl', bytes });
  });
  routes.get('/tasks/:task/card', async (context) => {
    await authorize(context, 'read');
    const tracker = await source.tracker(context.req.param('task'));
    return context.text(describeModel(tracker.view()), 200, { 'content-type': 'text/markdown; charset=utf-8' });
  });
  routes.get('/tasks/:task/model', async (context) => {
    await authorize(context, 'release');
    const task = context.req.param('task');
    const model = await source.model(task);
    await onRelease(context, task, model.bytes);
    return attachment(context, model);
  });
  routes.get('/tasks/:task/feed', async (context) => {
    await authorize(context, 'read');
    const id = context.req.param('task');
    const tracker = await source.tracker(id);
    const stillAllowed = async (): Promise<void> => {
      await authorize(context, 'read');
      // Another node may have taken the task over: whoever asks again is led there.
      if ((await source.tracker(id)) !== tracker)
        throw new ViewError('view/unknown-task', `there is no task ${id} here`);
    };
    return streamTask(context, tracker, { stillAllowed, paceMs });
  });
  routes.get('/feed', async (context) => {
    await authorize(context, 'read');
    const stillAllowed = (): Promise<void> => authorize(context, 'read');
    return streamHeads(context, source, { stillAllowed, others: () => others(context) });
  });
  return routes;
}

/** Streams a task: the whole first, then what changes, not more often than every `paceMs`. */
function streamTask(
  context: Context,
  tracker: TaskTracker,
  { stillAllowed, paceMs }: { stillAllowed: () => Promise<void>; paceMs: number },
): Response {
  const { signal } = context.req.raw;
  return streamSSE(context, async (stream) => {
    const view = tracker.view();
    let { version } = view;
    let checkedAt = performance.now();
    await stream.writeSSE({ event: 'task', data: JSON.stringify(view) });
    while (!stream.aborted && !stream.closed) {
      // However much there is to tell: whoever was shut out hears no more.
      if (performance.now() - checkedAt > STILL_HERE_MS) {
        if (!(await holds(stillAllowed))) return;
        checkedAt = performance.now();
      }
      const change = tracker.changesSince(version);
      if (change !== undefined) {
        version = change.version;
        await stream.writeSSE({ event: 'change', data: JSON.stringify(change) });
        if (!tracker.feed.closed) await nextChange([], { signal, timeoutMs: paceMs });
      } else if (tracker.feed.closed) {
        await stream.writeSSE({ event: 'end', data: '' });
        return;
      } else if (!(await nextChange([tracker.feed], { signal, timeoutMs: STILL_HERE_MS }))) {
        await stream.writeSSE({ event: 'still-here', data: '' });
      }
    }
  });
}

function streamHeads(
  context: Context,
  source: ViewSource,
  { stillAllowed, others }: { stillAllowed: () => Promise<void>; others: () => Promise<readonly TaskHead[]> },
): Response {
  const { signal } = context.req.raw;
  return streamSSE(context, async (stream) => {
    let last = '';
    let elsewhere = await others();
    let askedAt = performance.now();
    let isAsking = false;
    /** Asks for the others now and then, without keeping what is here waiting. */
    const askOthers = (): void => {
      if (isAsking || performance.now() - askedAt < OTHERS_MS) return;
      isAsking = true;
      others()
        .then((heads) => (elsewhere = heads))
        .catch(() => {})
        .finally(() => {
          askedAt = performance.now();
          isAsking = false;
        });
    };
    let quietMs = 0;
    let checkedAt = performance.now();
    while (!stream.aborted && !stream.closed) {
      if (performance.now() - checkedAt > STILL_HERE_MS) {
        if (!(await holds(stillAllowed))) return;
        checkedAt = performance.now();
      }
      askOthers();
      const data = JSON.stringify(together(source.heads(), elsewhere));
      const feeds = source.feeds();
      if (data !== last) {
        await stream.writeSSE({ event: 'tasks', data });
        quietMs = 0;
      } else if (quietMs >= STILL_HERE_MS) {
        await stream.writeSSE({ event: 'still-here', data: '' });
        quietMs = 0;
      }
      last = data;
      if (feeds.length > 0 && feeds.every(({ closed }) => closed)) {
        await stream.writeSSE({ event: 'end', data: '' });
        return;
      }
      await nextChange([], { signal, timeoutMs: HEADS_MS });
      quietMs += HEADS_MS;
    }
  });
}

/** How often the overview is looked at for changes and new tasks. */
const HEADS_MS = 250;
/** How often others are asked for their tasks. */
const OTHERS_MS = 1000;

/** All heads, each task once. */
function together(own: readonly TaskHead[], others: readonly TaskHead[]): readonly TaskHead[] {
  const here = new Set(own.map(({ id }) => id));
  return [...own, ...others.filter(({ id }) => !here.has(id))];
}

async function holds(check: () => Promise<void>): Promise<boolean> {
  try {
    await check();
    return true;
  } catch {
    return false;
  }
}

/** Waits for a change; false when none came in time. */
function nextChange(
  feeds: readonly { watch: (onChange: () => void) => () => void }[],
  { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number },
): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (woken: boolean): void => {
      clearTimeout(timer);
      for (const stop of stops) stop();
      signal.removeEventListener('abort', aborted);
      resolve(woken);
    };
    const aborted = (): void => done(false);
    const timer = setTimeout(() => done(false), timeoutMs);
    timer.unref();
    const stops = feeds.map((feed) => feed.watch(() => done(true)));
    signal.addEventListener('abort', aborted, { once: true });
  });
}

function attachment(context: Context, { name, bytes }: { name: string; bytes: Uint8Array }): Response {
  return context.body(new Uint8Array(bytes), 200, {
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${name.replaceAll(/[^A-Za-z0-9._-]/g, '-')}"`,
  });
}

/** Serves the files of a page below `base`, a path that ends in `/`. */
export function servePage({ files, base }: { files: () => Promise<PageFiles>; base: string }): MiddlewareHandler {
  return async (context, next) => {
    const found = (await files()).get(context.req.path.slice(base.length));
    if (found === undefined) {
      await next();
      return undefined;
    }
    return context.body(found.bytes, 200, {
      'content-type': found.type,
      'cache-control': found.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
  };
}
