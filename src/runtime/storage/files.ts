/**
 * Writes that are whole or not at all, and appends that are on the disk when they return.
 *
 * @module
 */

import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { StorageError } from './errors.ts';

/**
 * Replaces a file whole: its content is written beside it, then renamed over it.
 * @param options - `durable: false` spares the syncs: after a power failure the older content may be back, never a mix;
 * `mode`: permissions of the file, where not everybody may read it.
 */
export function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  { durable = true, mode }: { durable?: boolean; mode?: number } = {},
): void {
  const temporary = `${path}.part`;
  const file = openSync(temporary, 'w', mode);
  try {
    if (mode !== undefined) fchmodSync(file, mode);
    writeFileSync(file, content);
    if (durable) fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  if (durable) syncFolder(dirname(path));
}

/** Appends to a file and syncs it. */
export function appendSynced(path: string, content: string | Uint8Array): void {
  const file = openSync(path, 'a');
  try {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    let written = 0;
    while (written < bytes.length) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes a rename in a folder durable; not every platform lets a folder be opened. */
function syncFolder(path: string): void {
  let folder: number;
  try {
    folder = openSync(path, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(folder);
  } catch {
    // Some file systems refuse to sync a folder; the rename is then as durable as they make it.
  } finally {
    closeSync(folder);
  }
}

/**
 * Reads a file.
 * @throws {@link StorageError} `storage/not-found` or `storage/unreadable`, naming `what` it is.
 */
export function readFileOf(path: string, what: string): Uint8Array {
  try {
    const buffer = readFileSync(path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new StorageError('storage/not-found', `${what}: ${path} does not exist`, { cause });
    throw new StorageError('storage/unreadable', `${what}: ${path} cannot be read (${code ?? 'unknown'})`, { cause });
  }
}
