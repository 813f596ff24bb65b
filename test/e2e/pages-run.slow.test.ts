/**
 * The pages of a run in Chromium: live from `sotto run`, from a run folder, and from one file; and a thousand participants
 * that change sixty times a second. Is skipped, and says so, where there is no browser.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

import { getRequestListener } from '@hono/node-server';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadPages } from '../../src/cli/pages.ts';
import {
  createStageLog,
  createTaskTracker,
  createViewApp,
  readLedgerView,
  type StageLog,
  type TaskTracker,
} from '../../src/runtime/view/index.ts';
import { findViolations, hasChromium, launchChromium, openPage } from '../harness/chromium.ts';
import { runSotto, startSotto } from './sotto.ts';

const TABS = ['', '/rounds', '/participants', '/ledger', '/model', '/definition'];

/** Serves the pages of a tracker that the test feeds itself. */
async function serveTracker(tracker: TaskTracker): Promise<{ readonly url: string; readonly close: () => void }> {
  const app = createViewApp({
    version: '0',
    pages: () => loadPages('dashboard'),
    paceMs: 0,
    source: {
      kind: 'run',
      place: () => '',
      heads: () => [tracker.head()],
      feeds: () => [tracker.feed],
      tracker: () => Promise.resolve(tracker),
      definition: () => Promise.resolve(''),
      ledger: () => Promise.resolve(readLedgerView([])),
      ledgerFile: () => Promise.resolve(new Uint8Array()),
      model: () => Promise.reject(new Error('none')),
    },
  });
  const listener = getRequestListener(app.fetch);
  const server = createServer((request, response) => void listener(request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      tracker.feed.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

describe.skipIf(!hasChromium)(`the pages of a run in Chromium${hasChromium ? '' : ' (skipped: no browser)'}`, () => {
  let folder: string;
  let browser: Browser;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-pages-'));
    browser = await launchChromium();
    await loadPages('dashboard');
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  it('show a run while it is under way, and how it ended; the process ends by itself', async () => {
    let announce: (url: string) => void;
    const announced = new Promise<string>((resolve) => {
      announce = resolve;
    });
    const { finished } = startSotto(
      ['run', 'examples/digits/task.yaml', '--rounds', '12', '--out', join(folder, 'run')],
      {
        onStderr(text) {
          const url = /watch it live: (http:\S+)/.exec(text)?.[1];
          if (url !== undefined) announce(url);
        },
      },
    );
    const { page, complaints, requests } = await openPage(browser);
    const url = await announced;
    await page.goto(url);
    await page.getByRole('heading', { level: 1, name: 'digits' }).waitFor();
    await page
      .getByText(/^[1-9]\d* of 12/)
      .first()
      .waitFor({ timeout: 60_000 });
    expect(await page.getByRole('status').textContent()).toBe('live');
    await page.getByText('finished', { exact: true }).waitFor({ timeout: 120_000 });
    await page.getByText('not live: this is how it ended').waitFor();
    expect(await page.getByText('12 of 12').count()).toBe(1);
    const { code, stderr } = await finished;
    expect(stderr).not.toMatch(/defect/);
    expect(code).toBe(0);
    expect(complaints).toEqual([]);
    expect(requests.filter((each) => !each.startsWith(url))).toEqual([]);
    await page.context().close();
  });

  it.each([
    ['light', 1280],
    ['light', 390],
    ['dark', 1280],
    ['dark', 390],
  ] as const)(
    'show a run folder, %s, %i wide, without a serious violation or a bar to scroll sideways',
    async (scheme, width) => {
      const { child, finished } = startSotto(['view', join(folder, 'run'), '--port', '0', '--json']);
      const url = await new Promise<string>((resolve) => {
        child.stdout?.once('data', (chunk: Buffer) => resolve((JSON.parse(chunk.toString()) as { url: string }).url));
      });
      const { page, complaints } = await openPage(browser, { colorScheme: scheme, viewport: { width, height: 800 } });
      for (const tab of TABS) {
        await page.goto(`${url}#/tasks/digits${tab}`);
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.waitForTimeout(300);
        expect([tab, await findViolations(page)]).toEqual([tab, []]);
        expect([tab, await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)]).toEqual([tab, 0]);
      }
      await page.goto(`${url}#/settings`);
      await page.getByRole('heading', { name: 'Settings' }).waitFor();
      expect(await findViolations(page)).toEqual([]);
      expect(complaints).toEqual([]);
      await page.context().close();
      child.kill('SIGTERM');
      expect((await finished).code).toBe(0);
    },
  );

  it('go through everything by the keyboard alone', async () => {
    const { child, finished } = startSotto(['view', join(folder, 'run'), '--port', '0', '--json']);
    const url = await new Promise<string>((resolve) => {
      child.stdout?.once('data', (chunk: Buffer) => resolve((JSON.parse(chunk.toString()) as { url: string }).url));
    });
    const { page, complaints } = await openPage(browser);
    await page.goto(url);
    await page.getByRole('heading', { level: 1, name: 'digits' }).waitFor();
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
    const seen: string[] = [];
    for (let i = 0; i < 6; i += 1) {
      await page.keyboard.press('Tab');
      seen.push(await focused());
    }
    expect(seen).toEqual(['Overview', 'Rounds', 'Participants', 'Ledger', 'Model', 'Task file']);
    for (let i = 0; i < 3; i += 1) await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: '20 participants' }).waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
    child.kill('SIGTERM');
    await finished;
  });

  it('are small: script and style together at most 150 kB gzipped', async () => {
    const files = [...(await loadPages('dashboard'))].filter(([path]) => /\.(js|css)$/.test(path));
    expect(files.length).toBeGreaterThan(1);
    expect(files.reduce((sum, [, { bytes }]) => sum + gzipSync(bytes).length, 0)).toBeLessThan(150_000);
  });

  it('become one file that needs nothing else', async () => {
    const file = join(folder, 'report.html');
    const { code } = await runSotto('view', join(folder, 'run'), '--export', file, '--json');
    expect(code).toBe(0);
    const { page, complaints, requests } = await openPage(browser);
    await page.goto(pathToFileURL(file).href);
    await page.getByRole('heading', { level: 1, name: 'digits' }).waitFor();
    for (const name of ['Rounds', 'Participants', 'Ledger', 'Model', 'Task file']) {
      await page.getByRole('link', { name, exact: true }).click();
      await page.locator('main section').first().waitFor();
      expect([name, await findViolations(page)]).toEqual([name, []]);
    }
    expect(await page.getByText('The ledger holds').count()).toBe(0);
    await page.getByRole('link', { name: 'Ledger', exact: true }).click();
    await page.getByText('The ledger holds').waitFor();
    expect(complaints).toEqual([]);
    expect(requests.filter((each) => !each.startsWith('file:'))).toEqual([]);
    await page.context().close();

    // Where no script may run, the figures are there as pictures.
    const still = await openPage(browser, { javaScriptEnabled: false });
    await still.page.goto(pathToFileURL(file).href);
    const captions = await still.page.locator('figcaption').allTextContents();
    expect(captions.join(' ')).toMatch(/Accuracy on public test data\. .*Privacy spent, attempt by attempt/);
    expect(await still.page.locator('figure svg').count()).toBe(4);
    expect(still.complaints.filter((each) => !/script/i.test(each))).toEqual([]);
    await still.page.context().close();
  });

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 390],
    ['dark', 390],
  ] as const)(
    'show every cohort that is open, how late it is, and what has ended in the order of its end; %s, %i wide',
    async (scheme, width) => {
      const tracker = createTaskTracker({ id: 'buffered', name: 'buffered', mode: 'served' });
      const cohorts = Array.from({ length: 9 }, (_, k) => Array.from({ length: 5 }, (__, i) => `p-${k}${i}`));
      for (const who of cohorts.flat()) tracker.participant(who);
      const logs = cohorts.map((cohort, k) => {
        const log = createStageLog({ attempt: k + 1, round: 1, cohort, stage: 'advertiseKeys', nowMs: 0 });
        tracker.open(log);
        return log;
      });
      const { url, close } = await serveTracker(tracker);
      const { page, complaints } = await openPage(browser, { colorScheme: scheme, viewport: { width, height: 800 } });
      try {
        await page.goto(`${url}#/tasks/buffered`);
        const open = page.getByRole('list', { name: /Attempts that are open/ });
        await open.getByRole('heading', { name: 'Attempt 9' }).waitFor();
        expect(await open.getByRole('heading').allTextContents()).toEqual(
          logs.map(({ attempt }) => `Attempt ${attempt}`),
        );
        expect(await open.getByText('on the newest model').count()).toBe(9);
        expect(await findViolations(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);

        // Those of the middle end first; the others are the later for it.
        for (const [i, k] of [2, 1].entries()) {
          const log = logs[k] as StageLog;
          for (const who of log.cohort) log.answer(who, 100);
          log.end(10);
          const point = { attempt: k + 1, round: i + 1, staleness: i, outcome: 'committed', contributors: 5 } as const;
          const figures = { dropouts: 0, epsilon: 0.5, seconds: 0.1, accuracy: 0.5 + i / 10, stages: log.stages() };
          tracker.close({ ...point, ...figures });
        }
        const slow = logs[0] as StageLog;
        for (const who of slow.cohort) slow.answer(who, 100);
        slow.at('shareKeys', 5);
        slow.answer('p-00', 100);
        tracker.touch();
        await open.getByText('Shares: 1 of 5 answered').waitFor();
        expect(await open.getByText('2 versions late').count()).toBe(7);
        expect(await open.getByRole('heading').allTextContents()).toEqual(
          [1, 4, 5, 6, 7, 8, 9].map((n) => `Attempt ${n}`),
        );
        expect(await page.getByText('2 of 0').count()).toBe(1);
        expect(await page.getByText('attempts, added up').count()).toBe(1);

        // Whoever has a keyboard alone reaches those that do not fit.
        await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
        const reached = (): Promise<boolean> => open.evaluate((list) => list === document.activeElement);
        for (let i = 0; i < 40 && !(await reached()); i += 1) await page.keyboard.press('Tab');
        expect(await reached()).toBe(true);
        const room = await open.evaluate((list) => list.scrollHeight - list.clientHeight);
        expect(room).toBeGreaterThan(0);
        await page.keyboard.press('End');
        await expect.poll(() => open.evaluate((list) => Math.ceil(list.scrollTop))).toBeGreaterThanOrEqual(room - 1);
        if (process.env.SOTTO_TEST_PICTURES !== undefined) {
          await page.screenshot({
            path: join(process.env.SOTTO_TEST_PICTURES, `${scheme}-${width}.png`),
            fullPage: true,
          });
        }

        await page.goto(`${url}#/tasks/buffered/rounds`);
        await page.getByRole('heading', { name: 'Attempt 2, round 2' }).waitFor();
        expect(await page.getByText('one version late').count()).toBe(1);
        const rows = await page
          .locator('tbody tr')
          .evaluateAll((all) => all.map((row) => [...row.children].slice(0, 4).map(({ textContent }) => textContent)));
        expect(rows).toEqual([
          ['2', '2', 'committed', '1'],
          ['3', '1', 'committed', '0'],
        ]);
        expect(await findViolations(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);

        // One alone is shown with all of its stages, as where cohorts follow one another.
        for (const log of logs.slice(3)) {
          log.end(20);
          const point = { attempt: log.attempt, round: 3, outcome: 'aborted', contributors: 0, dropouts: 5 } as const;
          tracker.close({ ...point, epsilon: 0.5, seconds: 0.1 });
        }
        await page.goto(`${url}#/tasks/buffered`);
        await page.getByRole('region', { name: 'Current round' }).getByText('attempt 1, 5 drawn').waitFor();
        expect(complaints).toEqual([]);
      } finally {
        await page.context().close();
        close();
      }
    },
  );

  it('keep still while a thousand participants change sixty times a second', async () => {
    const cohort = Array.from({ length: 1000 }, (_, i) => `p-${String(i).padStart(4, '0')}`);
    const tracker = createTaskTracker({ id: 'many', name: 'many', mode: 'served' });
    for (const who of cohort) tracker.participant(who);
    const { url, close } = await serveTracker(tracker);
    let attempt = 0;
    let updates = 0;
    let log: StageLog | undefined;
    const beat = setInterval(() => {
      updates += 1;
      const now = performance.now();
      if (log === undefined || updates % 4 === 0) {
        if (log !== undefined) {
          log.end(now);
          const point = { attempt, round: attempt, outcome: 'committed', contributors: 1000, dropouts: 0 } as const;
          tracker.close({ ...point, epsilon: attempt / 100, seconds: 0.1, accuracy: 0.5, stages: log.stages() });
        }
        attempt += 1;
        log = createStageLog({ attempt, round: attempt, cohort, stage: 'advertiseKeys', nowMs: now });
        tracker.open(log);
      }
      for (const who of cohort) log.answer(who, 100);
      if (updates % 4 === 2) log.at('shareKeys', now);
      tracker.touch();
    }, 1000 / 60);
    try {
      for (const tab of ['', '/participants', '/rounds']) {
        const { page, complaints } = await openPage(browser);
        await page.addInitScript(() => {
          const tasks: number[] = [];
          Object.assign(globalThis, { longTasks: tasks });
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) tasks.push(entry.duration);
          }).observe({ type: 'longtask', buffered: true });
        });
        await page.goto(`${url}#/tasks/many${tab}`);
        await page.getByRole('heading', { level: 1, name: 'many' }).waitFor();
        // What starting the page costs is another matter; what is measured is a page that is being told.
        await page.waitForTimeout(1000);
        await page.evaluate(() => (globalThis as unknown as { longTasks: number[] }).longTasks.splice(0));
        const before = updates;
        await page.waitForTimeout(4000);
        expect(updates - before).toBeGreaterThan(100);
        const long = await page.evaluate(() => (globalThis as unknown as { longTasks: number[] }).longTasks);
        expect([tab, long.filter((duration) => duration > 100)]).toEqual([tab, []]);
        expect(complaints).toEqual([]);
        await page.context().close();
      }
    } finally {
      clearInterval(beat);
      close();
    }
  });
});
