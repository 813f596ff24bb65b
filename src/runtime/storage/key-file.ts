/**
 * A secret of 32 bytes in a file that only its owner can read.
 *
 * @module
 */

import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

import { fromHex, toHex, utf8 } from '../../foundations/crypto/index.ts';
import { readEntropy } from '../../foundations/random/index.ts';
import { StorageError } from './errors.ts';
import { isSealedFile, type Vault } from './sealed/vault.ts';

/**
 * Reads a key file, or makes one with fresh entropy.
 * @param options - `vault` seals a key that is made, and opens one that is sealed; one in the clear is read as it is.
 * @throws {@link StorageError} `storage/unreadable` when the file is not a key, or cannot be made or read;
 * `storage/seal-broken`; `storage/sealed` when it is sealed and there is no vault.
 */
export function loadOrCreateKey(path: string, { vault }: { readonly vault?: Vault | undefined } = {}): Uint8Array {
  let text: string;
  try {
    if (!existsSync(path)) return createKey(path, vault);
    const bytes = new Uint8Array(readFileSync(path));
    if (isSealedFile(bytes) && vault === undefined) {
      throw new StorageError('storage/sealed', `the key file ${path} is sealed: name its key store with --key-store`);
    }
    text = new TextDecoder().decode(isSealedFile(bytes) ? vault?.open(KEY_NAME, bytes) : bytes).trim();
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    const { code = 'failed' } = cause as NodeJS.ErrnoException;
    throw new StorageError('storage/unreadable', `the key file ${path} cannot be read or made (${code})`, { cause });
  }
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new StorageError('storage/unreadable', `${path} is not a key file: it must hold 64 hexadecimal digits`);
  }
  return fromHex(text);
}

/** What a sealed key file is: it opens as nothing else. */
const KEY_NAME = 'key-file';

function createKey(path: string, vault: Vault | undefined): Uint8Array {
  const key = readEntropy(32);
  saveKey(path, key, { vault });
  return key;
}

/** Writes a key into a new file that only its owner reads. */
export function saveKey(path: string, key: Uint8Array, { vault }: { readonly vault?: Vault | undefined } = {}): void {
  mkdirSync(dirname(path), { recursive: true });
  const text = utf8(`${toHex(key)}\n`);
  const file = openSync(path, 'wx', 0o600);
  writeSync(file, vault?.seal(KEY_NAME, text) ?? text);
  closeSync(file);
}
