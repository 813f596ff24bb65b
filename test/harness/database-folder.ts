/**
 * Folders of coordinators with an empty database in them: one is made for all test files of a worker, since that takes a
 * process of its own and seconds, and the others are copies.
 *
 * @module
 */

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openDatabase } from '../../src/runtime/storage/database/index.ts';

let original: Promise<string> | undefined;

async function makeOriginal(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-database-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await (await openDatabase({ kind: 'folder', path: folder })).close();
  return folder;
}

/** Makes a folder that nobody has, or fills `folder`, with what a coordinator that has done nothing leaves. */
export async function createDatabaseFolder(folder = mkdtempSync(join(tmpdir(), 'sotto-served-'))): Promise<string> {
  original ??= makeOriginal();
  cpSync(join(await original, 'database'), join(folder, 'database'), { recursive: true });
  return folder;
}
