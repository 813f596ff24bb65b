import { describe, expect, it } from 'vitest';

import {
  createStageLog,
  type StageLog,
  createTaskTracker,
  createViewApp,
  describeModel,
  drawReportFigures,
  type PageFiles,
  readLedgerView,
  renderReport,
  type TaskTracker,
  type ViewSource,
} from './index.ts';

function trackerOf(name = 'task'): TaskTracker {
  const tracker = createTaskTracker({ id: 'task', name, mode: 'served', now: () => new Date(0) });
  for (const id of ['a', 'b', 'c']) tracker.participant(id);
  return tracker;
}

const point = {
  attempt: 1,
  round: 1,
  outcome: 'committed',
  epsilon: 1,
  contributors: 2,
  dropouts: 1,
  seconds: 2,
} as const;

function sourceOf(tracker: TaskTracker): ViewSource {
  return {
    kind: 'run',
    place: () => 'here',
    heads: () => [tracker.head()],
    feeds: () => [tracker.feed],
    tracker: () => Promise.resolve(tracker),
    definition: () => Promise.resolve('task: x'),
    ledger: () => Promise.resolve(readLedgerView([])),
    ledgerFile: () => Promise.resolve(new Uint8Array()),
    model: () => Promise.resolve({ name: 'm', bytes: Uint8Array.of(1) }),
  };
}

const files = (entries: Readonly<Record<string, string>>): PageFiles =>
  new Map(
    Object.entries(entries).map(([path, text]) => [
      path,
      { type: 'text/html; charset=utf-8', bytes: new TextEncoder().encode(text), immutable: false },
    ]),
  );

describe('the stages of an attempt', () => {
  it('names who was lost where, and expects nobody back', () => {
    const log = createStageLog({ attempt: 1, round: 1, cohort: ['a', 'b', 'c'], stage: 'one', nowMs: 100 });
    log.answer('a', 10);
    log.answer('b', 10);
    log.at('two', 150);
    log.answer('a', 5);
    log.end(170);
    expect(log.dropped()).toEqual({ c: 'one', b: 'two' });
    expect(log.stages()).toEqual([
      { stage: 'one', expected: 3, answered: 2, startMs: 0, endMs: 50, sizeBytes: 20 },
      { stage: 'two', expected: 2, answered: 1, startMs: 50, endMs: 70, sizeBytes: 5 },
    ]);
  });
});

describe('a tracker', () => {
  it('says what has changed since a version, and a view put together from changes is the whole view', () => {
    const tracker = trackerOf();
    const first = tracker.view();
    expect(tracker.changesSince(first.version)).toBeUndefined();
    const asked = createStageLog({ attempt: 1, round: 1, cohort: ['a', 'b'], stage: 'input', nowMs: 0 });
    asked.answer('a', 1);
    asked.at('assistants', 5);
    asked.end(9);
    // Nobody of the cohort is asked while assistants are.
    expect(asked.dropped()).toEqual({ b: 'input' });
    expect(asked.stages().at(-1)).toMatchObject({ stage: 'assistants', expected: 0 });
    const log = createStageLog({ attempt: 1, round: 1, cohort: ['a', 'b', 'c'], stage: 'one', nowMs: 0 });
    tracker.open(log);
    log.answer('a', 1);
    tracker.touch();
    const change = tracker.changesSince(first.version);
    expect(change?.participants?.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'a answered',
      'b working',
      'c working',
    ]);
    log.end(9);
    tracker.close({ ...point, stages: log.stages(), dropped: log.dropped() });
    const last = tracker.changesSince(change?.version ?? 0);
    const view = tracker.view();
    expect(last?.history).toEqual(view.history);
    expect(last?.open).toEqual([]);
    expect(view.participants.map(({ history }) => history)).toEqual(['c', 'd', 'd']);
    expect(view.head).toMatchObject({ round: 1, dropouts: 1, seconds: 2 });
  });

  it('shows every attempt that is open, and each participant as its own attempt has it', () => {
    const tracker = trackerOf();
    const [slow, fast] = ['a', 'b'].map((who, i) =>
      createStageLog({ attempt: i + 1, round: 1, cohort: [who], stage: 'one', nowMs: 0 }),
    );
    for (const log of [slow, fast]) tracker.open(log as StageLog);
    fast?.answer('b', 1);
    expect(tracker.view().open.map(({ attempt, stages }) => [attempt, stages[0]?.answered])).toEqual([
      [1, 0],
      [2, 1],
    ]);
    tracker.close({ ...point, attempt: 2, staleness: 0 });
    const { open, participants, history } = tracker.view();
    expect(open.map(({ attempt }) => attempt)).toEqual([1]);
    expect(participants.map(({ id, state, history: marks }) => `${id} ${state} ${marks}`)).toEqual([
      'a working -',
      'b waiting c',
      'c waiting -',
    ]);
    expect(history).toHaveLength(1);
  });

  it('does not hide a change from one who was told before another looked', () => {
    const tracker = trackerOf();
    const log = createStageLog({ attempt: 1, round: 1, cohort: ['a'], stage: 'one', nowMs: 0 });
    tracker.open(log);
    const told = tracker.view().version;
    log.answer('a', 1);
    tracker.view();
    expect(tracker.changesSince(told)?.participants?.[0]?.state).toBe('answered');
  });

  it('raises an alarm once for a round that was aborted', () => {
    const tracker = trackerOf();
    tracker.close({ ...point, outcome: 'aborted', reason: 'too few were left' });
    expect(tracker.view().alarms.map(({ code, level }) => `${level} ${code}`)).toEqual(['warning round-aborted']);
  });
});

describe('the figures of a report', () => {
  it('have attempts that were open at once in the order in which they ended', async () => {
    const tracker = trackerOf();
    for (const [i, attempt] of [2, 3, 1].entries()) {
      tracker.close({ ...point, attempt, round: i + 1, staleness: i, accuracy: 0.5 + i / 10 });
    }
    const drawn = await drawReportFigures([tracker.view()]);
    const [, path = ''] = /<path [^>]*d="(M[^"]*)"/.exec(drawn.slice(drawn.indexOf('aria-label="line"'))) ?? [];
    const across = [...path.matchAll(/[ML](-?[\d.]+),/g)].map(([, x]) => Number(x));
    expect(across.length).toBeGreaterThan(1);
    expect(across).toEqual(across.toSorted((a, b) => a - b));
  });
});

describe('the page of a run', () => {
  const app = createViewApp({
    source: sourceOf(trackerOf()),
    version: '1',
    pages: () => Promise.resolve(files({ '': '<html>', 'assets/a.js': 'x' })),
  });

  it.each(['/', '/assets/a.js', '/api/tasks', '/nothing', '/api/tasks/task/feed'])(
    'isolates the answer at %s',
    async (path) => {
      const response = await app.request(`http://127.0.0.1${path}`);
      expect(response.headers.get('cross-origin-opener-policy')).toBe('same-origin');
      expect(response.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
      expect(response.headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'self'; script-src 'self'/);
      expect(response.headers.get('content-security-policy')).not.toMatch(/unsafe-inline|https?:|\*/);
      await response.body?.cancel();
    },
  );

  it('answers to loopback names alone', async () => {
    expect((await app.request('http://127.0.0.1/api/tasks')).status).toBe(200);
    expect((await app.request('http://localhost:7707/api/tasks')).status).toBe(200);
    expect((await app.request('http://rebound.example/api/tasks')).status).toBe(421);
  });

  it('serves the files of the page and nothing beside them', async () => {
    expect((await app.request('http://127.0.0.1/assets/a.js')).status).toBe(200);
    expect((await app.request('http://127.0.0.1/../package.json')).status).toBe(404);
    expect((await app.request('http://127.0.0.1/%2e%2e/package.json')).status).toBe(404);
  });

  it('changes nothing: there is no other method', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      for (const path of ['/api/tasks', '/api/tasks/task', '/api/tasks/task/stop']) {
        expect((await app.request(`http://127.0.0.1${path}`, { method })).status).toBe(404);
      }
    }
  });

  it('streams a task whole, then ends when the run does', async () => {
    const tracker = trackerOf();
    const own = createViewApp({ source: sourceOf(tracker), version: '1', pages: () => Promise.resolve(files({})) });
    const response = await own.request('http://127.0.0.1/api/tasks/task/feed');
    tracker.close(point);
    tracker.feed.close();
    const text = await response.text();
    expect([...text.matchAll(/^event: (.*)$/gm)].map(([, event]) => event)).toEqual(['task', 'change', 'end']);
  });
});

describe('a report', () => {
  const evil = '</script><script>alert(1)</script><img src=x onerror=alert(1)>';
  const data = (name: string) => {
    const tracker = trackerOf(name);
    return {
      facts: { kind: 'report', version: '1', place: 'here' } as const,
      tasks: [tracker.view()],
      ledgers: {},
      definitions: {},
      cards: { task: describeModel(tracker.view()) },
    };
  };
  const pages = files({
    '': '<html><head><link rel="stylesheet" crossorigin integrity="x" href="./assets/a.css"><script type="module" crossorigin src="./assets/a.js"></script></head><body></body></html>',
    'assets/a.js': 'const a = "</script>$&";',
    'assets/a.css': 'p { color: red }',
  });

  it('loads nothing and runs only what it names', () => {
    const html = renderReport(pages, data('digits'));
    expect(html).not.toMatch(/(src|href)="\.?\//);
    expect(html).toMatch(/default-src 'none'; script-src 'sha256-[^']+'; style-src/);
    expect(html).toContain('const a = "<\\/script>$&";');
    expect(html.match(/<\/script>/g)).toHaveLength(2);
  });

  it('keeps markup in a name text', () => {
    const html = renderReport(pages, data(evil));
    expect(html).not.toContain('<img');
    expect(html).not.toContain('<script>alert');
    const json = /<script type="application\/json" id="report">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
    expect((JSON.parse(json) as { tasks: { head: { name: string } }[] }).tasks[0]?.head.name).toBe(evil);
  });
});

describe('a ledger for people', () => {
  it('says why one does not hold, and shows it all the same', () => {
    const view = readLedgerView([new TextEncoder().encode('{"kind":"open"}')]);
    expect(view).toMatchObject({ verified: false, lines: [{ index: 0, kind: 'open' }] });
    expect(view.problem).not.toBeNull();
  });
});
