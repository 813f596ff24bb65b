import { expect, it } from 'vitest';

import { bundleScript } from '../harness/built-pages.ts';
import { hasChromium, launchChromium } from '../harness/chromium.ts';
import { computeTranscript } from '../support/secagg-transcript.ts';

it.skipIf(!hasChromium)('gives the same transcript bytes in Node and in Chromium', async () => {
  const here = computeTranscript();
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.addScriptTag({ content: await bundleScript('secagg-transcript.ts', { global: 'transcript' }) });
    const there = await page.evaluate(() =>
      (globalThis as unknown as { transcript: { computeTranscript(): unknown } }).transcript.computeTranscript(),
    );
    expect(here.provider).toBe('node');
    expect(there).toEqual({ provider: 'noble', digest: here.digest });
  } finally {
    await browser.close();
  }
});
