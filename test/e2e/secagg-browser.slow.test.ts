import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';
import { build } from 'vite';
import { expect, it } from 'vitest';

import { computeTranscript } from '../support/secagg-transcript.ts';

const browser = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));

/** Bundles the transcript for a page, as Vite bundles the pages. */
async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2024',
      minify: false,
      lib: {
        entry: fileURLToPath(new URL('../support/secagg-transcript.ts', import.meta.url)),
        formats: ['iife'],
        name: 'transcript',
      },
    },
  });
  const [first] = Array.isArray(built) ? built : [built];
  const chunk = (first as { output: readonly { type: string; code?: string }[] }).output.find(
    ({ type }) => type === 'chunk',
  );
  return chunk?.code ?? '';
}

it.skipIf(browser === undefined)('gives the same transcript bytes in Node and in Chromium', async () => {
  const here = computeTranscript();
  const instance = await chromium.launch({ executablePath: browser as string, args: ['--no-sandbox'] });
  try {
    const page = await instance.newPage();
    await page.addScriptTag({ content: await bundle() });
    const there = await page.evaluate(() =>
      (globalThis as unknown as { transcript: { computeTranscript(): unknown } }).transcript.computeTranscript(),
    );
    expect(here.provider).toBe('node');
    expect(there).toEqual({ provider: 'noble', digest: here.digest });
  } finally {
    await instance.close();
  }
});
