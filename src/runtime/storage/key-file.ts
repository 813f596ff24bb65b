/**
 * A secret of 32 bytes in a file that only its owner can read.
 *
 * @module
 */

import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

import { fromHex, toHex } from '../../foundations/crypto/index.ts';
import { readEntropy } from '../../foundations/random/index.ts';
import { StorageError } from './errors.ts';

/**
 * Reads a key file, or makes one with fresh entropy.
 * @throws {@link StorageError} `storage/unreadable` when the file is not a key, or cannot be made or read.
 */
export function loadOrCreateKey(path: string): Uint8Array {
  let text: string;
  try {
    if (!existsSync(path)) return createKey(path);
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    const { code = 'failed' } = cause as NodeJS.ErrnoException;
    throw new StorageError('storage/unreadable', `the key file ${path} cannot be read or made (${code})`, { cause });
  }
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new StorageError('storage/unreadable', `${path} is not a key file: it must hold 64 hexadecimal digits`);
  }
  return fromHex(text);
}

function createKey(path: string): Uint8Array {
  mkdirSync(dirname(path), { recursive: true });
  const key = readEntropy(32);
  const file = openSync(path, 'wx', 0o600);
  writeSync(file, `${toHex(key)}\n`);
  closeSync(file);
  return key;
}
