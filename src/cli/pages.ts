/**
 * Finds the built pages. In a checkout they are built the first time they are asked for, and again when one of their
 * inputs has changed, in a process of its own so that nothing here waits; a published package has them.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { type PageFiles, readPageFiles, ViewError } from '../runtime/view/index.ts';

/** The pages there are. */
export type PageName = 'dashboard' | 'participant';

/** Loads a page, building it where that is due. @throws {@link ViewError} `view/not-built`. */
export async function loadPages(name: PageName): Promise<PageFiles> {
  const script = fileURLToPath(new URL('../../scripts/build-apps.ts', import.meta.url));
  const folder = fileURLToPath(new URL(`../../dist/apps/${name}/`, import.meta.url));
  if (existsSync(script)) {
    try {
      await promisify(execFile)(process.execPath, [script, name]);
    } catch (cause) {
      if (!existsSync(folder)) {
        throw new ViewError('view/not-built', `the page ${name} cannot be built: run "npm ci", then try again`, {
          cause,
        });
      }
    }
  }
  return readPageFiles(folder);
}

/** A loader that begins at once and loads once. */
export function preloadPages(name: PageName): () => Promise<PageFiles> {
  const loaded = loadPages(name);
  // Whoever asks for the page is told; nobody who does not must be disturbed.
  loaded.catch(() => {});
  return () => loaded;
}
