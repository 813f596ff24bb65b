/**
 * The engine in Chromium: the bits of Node, on the page's thread and in workers, with and without shared memory. Needs
 * Debian's chromium (or CHROMIUM_PATH); is skipped, and says so, where there is none.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium, type Browser } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { computeSums } from '../support/engine-sums.ts';

const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const present = existsSync(executablePath);

const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

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

describe.skipIf(!present)(`the engine in Chromium${present ? '' : ' (skipped: no browser)'}`, () => {
  let folder: string;
  let server: Server;
  let browser: Browser;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-engine-page-'));
    await build({
      root: fileURLToPath(new URL('../support/engine-page/', import.meta.url)),
      base: './',
      configFile: false,
      logLevel: 'warn',
      worker: { format: 'es' },
      build: { outDir: folder, emptyOutDir: true, target: 'es2024' },
    });
    server = serve(folder);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
    rmSync(folder, { recursive: true });
  });

  it.each(['plain', 'isolated'])('gives the bits of Node in a page that is %s', async (kind) => {
    const complaints: string[] = [];
    const page = await browser.newPage();
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
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
