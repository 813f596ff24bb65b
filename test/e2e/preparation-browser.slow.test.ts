/**
 * Preparation in Chromium: a table from recipe to release and a text screened for personal data, value for value as in Node.
 * Needs Debian's chromium (or CHROMIUM_PATH); is skipped, and says so, where there is none.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { buildPage, showFolder } from '../harness/built-pages.ts';
import { hasChromium, launchChromium, listenForComplaints } from '../harness/chromium.ts';
import { prepareSample, TEXT } from '../support/prepared-sample.ts';

const PREFIX = 'http://127.0.0.1:9/preparation/';
const absent = !hasChromium;

describe.skipIf(absent)(`preparation in Chromium${absent ? ' (skipped: no browser)' : ''}`, () => {
  let folder: string;
  let browser: Browser;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-preparation-page-'));
    await buildPage('preparation-page', folder);
    browser = await launchChromium();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  it('gives the rows, statistics, synthetic table and findings of Node', async () => {
    const page = await browser.newPage();
    const complaints = listenForComplaints(page);
    await showFolder(page, { prefix: PREFIX, folder });
    await page.goto(PREFIX);
    await page.waitForFunction(() => 'prepareSample' in globalThis);
    const there = await page.evaluate(() =>
      (globalThis as unknown as { prepareSample: typeof prepareSample }).prepareSample(),
    );
    const here = prepareSample();
    expect(there).toEqual(here);
    expect((here.prepared as unknown[]).length).toBeGreaterThan(250);
    expect((here.synthetic as unknown[]).length).toBe(20);
    const found = (there.spans as { type: string; start: number; end: number }[]).map(({ type, start, end }) => [
      type,
      TEXT.slice(start, end),
    ]);
    expect(found).toContainEqual(['EMAIL_ADDRESS', 'ann.lee@example.org']);
    expect(found).toContainEqual(['IBAN_CODE', 'DE89 3704 0044 0532 0130 00']);
    expect(found).toContainEqual(['PHONE_NUMBER', '+1 415 555 2671']);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
