/**
 * Pages that Vite builds for a test, and the origin they are shown under.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Page } from 'playwright-core';
import { build } from 'vite';

const SUPPORT = new URL('../support/', import.meta.url);

/** Builds a page of `test/support` into a folder. */
export async function buildPage(name: string, outDir: string): Promise<void> {
  await build({
    root: fileURLToPath(new URL(`${name}/`, SUPPORT)),
    base: './',
    configFile: false,
    logLevel: 'warn',
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, target: 'es2024' },
  });
}

/** Bundles a module of `test/support` into a script that leaves its exports in a global variable, as Vite bundles pages. */
export async function bundleScript(
  module: string,
  { global, external = [] }: { readonly global: string; readonly external?: string[] },
): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2024',
      minify: false,
      lib: { entry: fileURLToPath(new URL(module, SUPPORT)), formats: ['iife'], name: global },
      rollupOptions: { external },
    },
  });
  const [first] = Array.isArray(built) ? built : [built];
  const chunk = (first as { output: readonly { type: string; code?: string }[] }).output.find(
    ({ type }) => type === 'chunk',
  );
  return chunk?.code ?? '';
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
