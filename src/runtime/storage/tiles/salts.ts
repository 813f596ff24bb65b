/**
 * Salts of commitments in a file that only its owner reads, one a subject. A destroyed salt leaves its name, so that it is
 * never made anew: that is the erasure.
 *
 * @module
 */

import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

import canonicalize from 'canonicalize';

import { fromHex, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { readEntropy } from '../../../foundations/random/index.ts';
import { SALT_BYTES, type SaltStore } from '../../../trust/log/index.ts';
import { StorageError } from '../errors.ts';
import { readFileOf, writeFileAtomic } from '../files.ts';
import type { ObjectStore } from '../objects/index.ts';
import type { Vault } from '../sealed/vault.ts';

const DESTROYED = 'destroyed';

function gone(subject: string): StorageError {
  return new StorageError('storage/not-found', `the salt of ${subject} was destroyed: it cannot be committed to again`);
}

/** Reads a file of salts. @throws {StorageError} `storage/unreadable`. */
export function parseSalts(text: string, path: string): Map<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const entries =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : undefined;
  if (entries === undefined || entries.some(([, salt]) => salt !== DESTROYED && !/^[0-9a-f]{64}$/.test(String(salt)))) {
    throw new StorageError('storage/unreadable', `${path} is not a file of salts`);
  }
  return new Map(entries as [string, string][]);
}

/** Creates the store of a file of salts; `vault` seals it under `name`. */
export function createFileSaltStore(
  path: string,
  { vault, name = path }: { readonly vault?: Vault | undefined; readonly name?: string } = {},
): SaltStore {
  const read = (): Map<string, string> => {
    const bytes = readFileOf(path, 'salts');
    return parseSalts(new TextDecoder().decode(vault === undefined ? bytes : vault.open(name, bytes)), path);
  };
  const salts = existsSync(path) ? read() : new Map<string, string>();
  const write = (): void => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const bytes = utf8(`${canonicalize(Object.fromEntries(salts)) as string}\n`);
    writeFileAtomic(path, vault === undefined ? bytes : vault.seal(name, bytes));
    chmodSync(path, 0o600);
  };
  /** Salts that are asked for at once, a cohort's, are written together; nobody has one before it is on the disk. */
  let writing: Promise<void> | undefined;
  const written = (): Promise<void> => {
    writing ??= Promise.resolve().then(() => {
      writing = undefined;
      write();
    });
    return writing;
  };
  return {
    async saltOf(subject) {
      const known = salts.get(subject);
      if (known === DESTROYED) throw gone(subject);
      if (known !== undefined) {
        await writing;
        return fromHex(known);
      }
      const salt = readEntropy(SALT_BYTES);
      salts.set(subject, toHex(salt));
      await written();
      return salt;
    },
    has: (subject) => Promise.resolve((salts.get(subject) ?? DESTROYED) !== DESTROYED),
    destroy(subject) {
      salts.set(subject, DESTROYED);
      write();
      return Promise.resolve();
    },
  };
}

/** Creates a store of salts as objects below a prefix. */
export function createObjectSaltStore(objects: ObjectStore, prefix: string): SaltStore {
  const keyOf = (subject: string): string => `${prefix}${toHex(new TextEncoder().encode(subject))}`;
  return {
    async saltOf(subject) {
      const key = keyOf(subject);
      if (await objects.has(key)) {
        const salt = await objects.get(key);
        if (salt.length !== SALT_BYTES) throw gone(subject);
        return salt;
      }
      const salt = readEntropy(SALT_BYTES);
      await objects.put(key, salt);
      return salt;
    },
    async has(subject) {
      const key = keyOf(subject);
      return (await objects.has(key)) && (await objects.get(key)).length === SALT_BYTES;
    },
    destroy: (subject) => objects.put(keyOf(subject), new Uint8Array(1)),
  };
}
