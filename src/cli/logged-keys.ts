/**
 * Keys in files, and beside them the log of which were made and replaced.
 *
 * @module
 */

import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { createSigningKey, type SigningKey, sha256, toHex } from '../foundations/crypto/index.ts';
import { readEntropy } from '../foundations/random/index.ts';
import {
  createKeyLog,
  type KeyLog,
  loadOrCreateKey,
  saveKey,
  StorageError,
  withLock,
} from '../runtime/storage/index.ts';

/** Folder with the log of what was done to the keys beside it. */
export const KEY_LOG = 'key-log';

/** A key, as the log names it. */
export const fingerprintOf = ({ publicKey }: Pick<SigningKey, 'publicKey'>): string =>
  `sha256:${toHex(sha256(publicKey))}`;

/**
 * Does something to the keys of a folder while no other process does.
 * @throws {@link StorageError} `storage/unreadable` when nothing can be written there.
 */
export async function withKeyLog<T>(folder: string, act: (log: KeyLog) => Promise<T>): Promise<T> {
  try {
    mkdirSync(folder, { recursive: true });
    const path = join(folder, KEY_LOG);
    return await withLock(`${path}.lock`, `the log of keys ${path}`, () => act(createKeyLog(path)));
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (syscall === undefined) throw cause;
    throw new StorageError('storage/unreadable', `keys in ${folder} cannot be made or changed (${code})`, { cause });
  }
}

/** Reads a key, or makes one, which the log beside it tells. */
export async function loadOrMakeKey(path: string): Promise<SigningKey> {
  if (existsSync(path)) return createSigningKey(loadOrCreateKey(path));
  return withKeyLog(dirname(path), async (log) => {
    // Another process may have made it in the meantime.
    if (existsSync(path)) return createSigningKey(loadOrCreateKey(path));
    const seed = readEntropy(32);
    const key = createSigningKey(seed);
    await log.perform({ act: 'made', key: fingerprintOf(key) }, () => saveKey(path, seed));
    return key;
  });
}
