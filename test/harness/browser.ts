/**
 * Chromium for tests: found, started without a network of its own, and shown pages that Vite builds.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'vite';

/** Where the browser is; undefined when there is none. */
export const CHROMIUM = [process.env.CHROMIUM_PATH, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  (path) => path !== undefined && existsSync(path),
);

/** Starts Chromium. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM as string,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Gathers what a page complains about: errors on its console and errors nobody caught. */
export function listenForComplaints(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  return complaints;
}

/** Builds a page of `test/support` into a folder. */
export async function buildPage(name: string, outDir: string): Promise<void> {
  await build({
    root: fileURLToPath(new URL(`../support/${name}/`, import.meta.url)),
    base: './',
    configFile: false,
    logLevel: 'warn',
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, target: 'es2024' },
  });
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

/** Shows the files of a folder below `prefix` of an origin, whatever its server has there. */
export async function showFolder(
  page: Page,
  { prefix, folder, extra = {} }: { prefix: string; folder: string; extra?: Record<string, Uint8Array> },
): Promise<void> {
  await page.context().route(`${prefix}**`, (route) => {
    const path = normalize(new URL(route.request().url()).pathname.slice(new URL(prefix).pathname.length));
    const file = join(folder, path === '.' || path === '' ? 'index.html' : path);
    const body = extra[path] ?? (existsSync(file) ? readFileSync(file) : undefined);
    if (body === undefined) return route.fulfill({ status: 404 });
    return route.fulfill({
      body: Buffer.from(body),
      contentType: TYPES[extname(file)] ?? 'application/octet-stream',
      headers: {
        'content-security-policy': "default-src 'self'; img-src 'self' data:; script-src 'self' 'wasm-unsafe-eval'",
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
        'cross-origin-resource-policy': 'same-origin',
      },
    });
  });
}
