/**
 * The engine in Chromium: the bits of Node, on the page's thread and in workers, with and without shared memory. Needs
 * Debian's chromium (or CHROMIUM_PATH); is skipped, and says so, where there is none.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { buildPage } from '../harness/built-pages.ts';
import { hasChromium, launchChromium, listenForComplaints } from '../harness/chromium.ts';
import { computeSums } from '../support/engine-sums.ts';

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

/** Serves the built page; under `/isolated/` with the headers that allow shared memory. */
function serve(folder: string): Server {
  return createServer((request, response) => {
    const isolated = request.url?.startsWith('/isolated/') === true;
    const path = normalize((request.url ?? '/').replace(/^\/(isolated|plain)\//, '/'));
    const file = join(folder, path === '/' ? 'index.html' : path);
    response.setHeader(
      'content-security-policy',
      "default-src 'self'; img-src data:; script-src 'self' 'wasm-unsafe-eval'",
    );
    if (isolated) {
      response.setHeader('cross-origin-opener-policy', 'same-origin');
      response.setHeader('cross-origin-embedder-policy', 'require-corp');
      response.setHeader('cross-origin-resource-policy', 'same-origin');
    }
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
    response.end(readFileSync(file));
  });
}

describe.skipIf(!hasChromium)(`the engine in Chromium${hasChromium ? '' : ' (skipped: no browser)'}`, () => {
  let folder: string;
  let server: Server;
  let browser: Browser;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-engine-page-'));
    await buildPage('engine-page', folder);
    server = serve(folder);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    browser = await launchChromium();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
    rmSync(folder, { recursive: true });
  });

  it.each(['plain', 'isolated'])('gives the bits of Node in a page that is %s', async (kind) => {
    const page = await browser.newPage();
    const complaints = listenForComplaints(page);
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${kind}/`);
    await page.waitForFunction(() => 'computeSums' in globalThis);
    const there = await page.evaluate(async () => {
      const { computeSums: compute } = globalThis as unknown as { computeSums: typeof computeSums };
      return {
        isolated: globalThis.crossOriginIsolated,
        thread: await compute({ workers: 0 }),
        one: await compute({ workers: 1 }),
        three: await compute({ workers: 3 }),
      };
    });
    const here = await computeSums({ workers: 0 });
    expect(await computeSums({ workers: 2 })).toEqual(here);
    expect(there).toEqual({ isolated: kind === 'isolated', thread: here, one: here, three: here });
    expect(new Set(Object.values(here)).size).toBe(3);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
