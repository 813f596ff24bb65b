/**
 * Keepers of root keys: a file that only its owner reads, a passphrase, the keyring of the system, a key management
 * service behind an adapter.
 *
 * @module
 */

import { scrypt } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { concatBytes, openSealed, seal, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { readEntropy } from '../../../foundations/random/index.ts';
import { loadOrCreateKey, type RootKeeper, StorageError } from '../../storage/index.ts';

const CONTEXT = utf8('sotto/root-key/v1');

function wrapUnder(key: Uint8Array, root: Uint8Array): Uint8Array {
  const nonce = readEntropy(12);
  return concatBytes(nonce, seal(root, { key, nonce, associatedData: CONTEXT }));
}

function unwrapUnder(key: Uint8Array, wrapped: Uint8Array, why: string): Uint8Array {
  try {
    return openSealed(wrapped.subarray(12), { key, nonce: wrapped.subarray(0, 12), associatedData: CONTEXT });
  } catch {
    throw new StorageError('storage/key-store', `the key store cannot be opened: ${why}`);
  }
}

const NAME_BYTES = 8;
/** Name of a store, name of its key, nonce, sealed root. */
const WRAPPED_BYTES = 2 * NAME_BYTES + 12 + 32 + 16;

/**
 * Keeps the root under a key in a file of a folder of its own, mode 0600. Every wrap has a new key; the old file is
 * overwritten and removed once the store no longer needs it. Several stores may share a folder: each touches the files of
 * its own name alone. Keep this folder apart from the store and its backups: whoever has both has everything.
 */
export function createFileKeeper(folder: string): RootKeeper {
  /** Name of the store that is kept; drawn when it is first wrapped. */
  let store: Uint8Array | undefined;
  const nameOf = (wrapped: Uint8Array): string =>
    `${toHex(wrapped.subarray(0, NAME_BYTES))}-${toHex(wrapped.subarray(NAME_BYTES, 2 * NAME_BYTES))}.key`;
  return {
    kind: 'file',
    wrap(root) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      store ??= readEntropy(NAME_BYTES);
      const names = concatBytes(store, readEntropy(NAME_BYTES));
      const key = loadOrCreateKey(join(folder, nameOf(names)));
      const wrapped = concatBytes(names, wrapUnder(key, root));
      key.fill(0);
      return Promise.resolve(wrapped);
    },
    async unwrap(wrapped) {
      const path = join(folder, nameOf(wrapped));
      if (wrapped.length !== WRAPPED_BYTES || !existsSync(path)) {
        throw new StorageError('storage/key-store', `the key file ${path} is not there`);
      }
      const key = loadOrCreateKey(path);
      try {
        const root = unwrapUnder(key, wrapped.subarray(2 * NAME_BYTES), 'its key file is another one');
        store = wrapped.slice(0, NAME_BYTES);
        return root;
      } finally {
        key.fill(0);
      }
    },
    settle(wrapped) {
      const current = nameOf(wrapped);
      const own = current.slice(0, 2 * NAME_BYTES + 1);
      for (const file of readdirSync(folder)) {
        if (!file.startsWith(own) || !file.endsWith('.key') || file === current) continue;
        const path = join(folder, file);
        writeFileSync(path, '0'.repeat(readFileSync(path).length), { flag: 'r+', flush: true });
        rmSync(path);
      }
      return Promise.resolve();
    },
  };
}

const SALT_BYTES = 16;
/** log2 N of scrypt: 2^17 · 8 · 128 bytes = 128 MiB a guess. [RFC7914] */
const WORK_FACTOR = 17;
const MAX_WORK_FACTOR = 20;

function derive(passphrase: string, salt: Uint8Array, workFactor: number): Promise<Uint8Array> {
  const cost = { N: 2 ** workFactor, r: 8, p: 1, maxmem: 2 * 1024 * 2 ** workFactor };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFKC'), salt, 32, cost, (error, key) => {
      if (error === null) resolve(new Uint8Array(key));
      else reject(error);
    });
  });
}

/**
 * Keeps the root under a passphrase of at least 12 characters, through scrypt with a new salt every time.
 * @param options - `workFactor`: log2 of scrypt's cost, 17 unless a test is in a hurry; written beside the root.
 */
export function createPassphraseKeeper(
  passphrase: string,
  { workFactor = WORK_FACTOR }: { readonly workFactor?: number } = {},
): RootKeeper {
  if (passphrase.length < 12) throw new RangeError('"passphrase" must have at least 12 characters');
  return {
    kind: 'passphrase',
    async wrap(root) {
      const salt = readEntropy(SALT_BYTES);
      const key = await derive(passphrase, salt, workFactor);
      const wrapped = concatBytes(Uint8Array.of(workFactor), salt, wrapUnder(key, root));
      key.fill(0);
      return wrapped;
    },
    async unwrap(wrapped) {
      const factor = wrapped[0] ?? 0;
      if (factor < 1 || factor > MAX_WORK_FACTOR) {
        throw new StorageError('storage/key-store', `the key store cannot be opened: its work factor is ${factor}`);
      }
      const key = await derive(passphrase, wrapped.subarray(1, 1 + SALT_BYTES), factor);
      try {
        return unwrapUnder(key, wrapped.subarray(1 + SALT_BYTES), 'the passphrase is another one');
      } finally {
        key.fill(0);
      }
    },
  };
}

/** A key management service, or a hardware module: it wraps 32 bytes and unwraps them again. */
export interface KmsAdapter {
  /** As the store records it: `kms:NAME`. */
  readonly name: string;
  wrap(plaintext: Uint8Array): Promise<Uint8Array>;
  unwrap(ciphertext: Uint8Array): Promise<Uint8Array>;
}

/** Keeps the root in a service; the adapter is the caller's. */
export function createKmsKeeper(adapter: KmsAdapter): RootKeeper {
  return {
    kind: `kms:${adapter.name}`,
    wrap: (root) => adapter.wrap(root),
    async unwrap(wrapped) {
      let root: Uint8Array;
      try {
        root = await adapter.unwrap(wrapped);
      } catch (cause) {
        const message = `the key store cannot be opened: ${adapter.name} does not unwrap its root key`;
        throw new StorageError('storage/key-store', message, { cause });
      }
      if (root.length !== 32) throw new StorageError('storage/key-store', `${adapter.name} gave no root key back`);
      return root;
    },
  };
}

/** The part of `@napi-rs/keyring` that is used. */
export interface KeyringModule {
  readonly Entry: new (
    service: string,
    account: string,
  ) => {
    getPassword(): string | null;
    setPassword(password: string): void;
  };
}

/**
 * Keeps the root under a key in the keyring of the system, through the optional peer `@napi-rs/keyring`.
 * @param options - `account` in the keyring; `module` instead of the installed peer.
 * @throws {@link StorageError} `storage/key-store` when the peer is not installed.
 */
export async function createKeyringKeeper({
  account,
  module,
}: {
  readonly account: string;
  readonly module?: KeyringModule;
}): Promise<RootKeeper> {
  let keyring = module;
  if (keyring === undefined) {
    const name = '@napi-rs/keyring';
    try {
      keyring = (await import(name)) as KeyringModule;
    } catch (cause) {
      throw new StorageError('storage/key-store', `the keyring needs a package: npm install ${name}`, { cause });
    }
  }
  const entry = new keyring.Entry('sotto', account);
  const load = (): Uint8Array | undefined => {
    const text = entry.getPassword();
    return text === null || !/^[0-9a-f]{64}$/.test(text) ? undefined : new Uint8Array(Buffer.from(text, 'hex'));
  };
  return {
    kind: 'keyring',
    wrap(root) {
      let key = load();
      if (key === undefined) {
        key = readEntropy(32);
        entry.setPassword(toHex(key));
      }
      const wrapped = wrapUnder(key, root);
      key.fill(0);
      return Promise.resolve(wrapped);
    },
    async unwrap(wrapped) {
      const key = load();
      if (key === undefined) throw new StorageError('storage/key-store', `the keyring has no entry sotto/${account}`);
      try {
        return unwrapUnder(key, wrapped, 'the keyring holds another key');
      } finally {
        key.fill(0);
      }
    },
  };
}
