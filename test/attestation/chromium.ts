/**
 * The verifiers bundled into a page of Chromium, under the policy of production pages.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Page } from 'playwright-core';
import { build } from 'vite';

import { launchChromium, listenForComplaints } from '../harness/chromium.ts';

/** A page with the functions of page.ts as `globalThis.attestation`. */
export interface AttestationPage {
  readonly page: Page;
  /** Errors of the console and of scripts. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

/** Bundles page.ts and opens it. */
export async function openAttestationPage(): Promise<AttestationPage> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-page-'));
  await build({
    root: folder,
    configFile: false,
    logLevel: 'warn',
    resolve: { conditions: ['source', 'browser', 'import', 'default'] },
    build: {
      outDir: join(folder, 'dist'),
      target: 'es2024',
      lib: { entry: fileURLToPath(new URL('page.ts', import.meta.url)), formats: ['es'], fileName: () => 'page.js' },
    },
  });
  writeFileSync(
    join(folder, 'dist', 'index.html'),
    '<!doctype html><title>t</title><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>',
  );
  const server = createServer((request, response) => {
    const name = request.url === '/page.js' ? 'page.js' : 'index.html';
    response.setHeader('content-type', name.endsWith('.js') ? 'text/javascript' : 'text/html');
    response.setHeader(
      'content-security-policy',
      "default-src 'self'; img-src data:; script-src 'self' 'wasm-unsafe-eval'",
    );
    response.end(readFileSync(join(folder, 'dist', name)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await launchChromium();
  const page = await browser.newPage();
  const complaints = listenForComplaints(page);
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.waitForFunction(() => 'attestation' in globalThis);
  return {
    page,
    complaints,
    async close() {
      await browser.close();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
