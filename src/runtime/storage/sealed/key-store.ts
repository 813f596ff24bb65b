/**
 * Envelope keys: every data set, run or model has a data key of its own; data keys are wrapped by one root key, and the
 * root key by a keeper (a file, a passphrase, the keyring of the system, a KMS). One file holds the wrapped keys and is
 * replaced whole, so that rotation and destruction happen or do not happen. A key that is destroyed takes everything
 * sealed under it along: crypto-shredding.
 *
 * @module
 */

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { fromHex, openSealed, seal, sha256, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { readEntropy } from '../../../foundations/random/index.ts';
import { StorageError } from '../errors.ts';
import { readFileOf, writeFileAtomic } from '../files.ts';
import { withLock } from '../with-lock.ts';
import { createKeyLog } from './key-log.ts';

/** Wraps the root key. What it needs to unwrap it again, other than its secret, is in what it returns. */
export interface RootKeeper {
  /** Such as `file`, `passphrase`, `keyring`, `kms:NAME`; stored, and checked when the store is opened. */
  readonly kind: string;
  wrap(root: Uint8Array): Promise<Uint8Array>;
  /** @throws {@link StorageError} `storage/key-store` when it cannot. */
  unwrap(wrapped: Uint8Array): Promise<Uint8Array>;
  /**
   * Called after a store with a newly wrapped root is on the disk, or with none when nothing was written: the keeper
   * drops every secret that no longer wraps anything.
   */
  settle?(wrapped: Uint8Array): Promise<void>;
}

/** A key, without its secret. */
export interface KeyInfo {
  readonly id: string;
  /** What it is for, such as `run/digits`. */
  readonly label: string;
  readonly createdAt: string;
  /** Null while it lives. */
  readonly destroyedAt: string | null;
}

/** Data keys. */
export interface KeyStore {
  readonly keeper: string;
  /** Makes a data key. */
  createKey(label: string): Promise<KeyInfo>;
  /**
   * Returns a data key, 32 bytes; the caller fills it with zeros after use.
   * @throws {@link StorageError} `storage/unknown-key`, `storage/key-destroyed`.
   */
  openKey(id: string): Promise<Uint8Array>;
  list(): readonly KeyInfo[];
  /** Replaces the root key and wraps every data key anew; nothing sealed has to be written again. */
  rotate(): Promise<void>;
  /** Hands the store to another keeper. */
  rekey(keeper: RootKeeper): Promise<void>;
  /**
   * Destroys a data key, and replaces the root so that no older copy of the file gives it back without the keeper.
   * This and every other change stands in the log of the folder. @throws {@link StorageError} `storage/key-log`.
   */
  destroy(id: string): Promise<KeyInfo>;
  /** Fills the root key with zeros. */
  close(): void;
}

const hex = z.string().regex(/^([0-9a-f]{2})+$/);
const keySchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  label: z.string().max(200),
  createdAt: z.string(),
  destroyedAt: z.string().nullable(),
  /** Nonce and sealed key; null once destroyed. */
  wrapped: hex.nullable(),
});
const schema = z.strictObject({
  format: z.literal('sotto-key-store'),
  version: z.literal(1),
  keeper: z.string(),
  root: hex,
  keys: z.array(keySchema),
});
type StoreFile = z.infer<typeof schema>;

/** Name of the file. */
export const KEY_STORE_FILE = 'keystore.json';

/** Label and identifier are authenticated: a key cannot be passed off as another one. */
const contextOf = ({ id, label }: { id: string; label: string }): Uint8Array => utf8(`sotto/data-key/${id}/${label}`);

function wrapKey(key: Uint8Array, root: Uint8Array, info: { id: string; label: string }): string {
  const nonce = readEntropy(12);
  return toHex(nonce) + toHex(seal(key, { key: root, nonce, associatedData: contextOf(info) }));
}

function unwrapKey(wrapped: string, root: Uint8Array, info: { id: string; label: string }): Uint8Array {
  const bytes = fromHex(wrapped);
  try {
    return openSealed(bytes.subarray(12), {
      key: root,
      nonce: bytes.subarray(0, 12),
      associatedData: contextOf(info),
    });
  } catch (cause) {
    throw new StorageError('storage/key-store', `data key ${info.id} does not authenticate: the store was changed`, {
      cause,
    });
  }
}

/**
 * Opens the key store in a folder, or makes one.
 * @param options - `create: false` refuses a folder without a store.
 * @throws {@link StorageError} `storage/not-found`, `storage/key-store`.
 */
export async function openKeyStore(
  folder: string,
  { keeper: first, create = true }: { readonly keeper: RootKeeper; readonly create?: boolean },
): Promise<KeyStore> {
  const path = join(folder, KEY_STORE_FILE);
  /** Every change is written down before it is made; whoever changes holds the store alone. */
  const log = createKeyLog(folder, {
    stateOf: () => (existsSync(path) ? toHex(sha256(readFileOf(path, 'key store'))) : null),
  });
  let keeper = first;
  let root: Uint8Array = new Uint8Array(0);
  let file: StoreFile = { format: 'sotto-key-store', version: 1, keeper: keeper.kind, root: '', keys: [] };
  const isThere = existsSync(path);
  if (!isThere && !create) {
    throw new StorageError('storage/not-found', `there is no key store in ${folder}: sotto keystore init ${folder}`);
  }
  if (!isThere) mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (isThere) {
    await reload();
    await keeper.settle?.(fromHex(file.root));
  } else {
    await alone(async () => {
      // Somebody may have made it while this one waited.
      if (existsSync(path)) return;
      await log.perform({ act: 'made', key: 'root', detail: keeper.kind }, () => {
        root = readEntropy(32);
        return write(file, root, keeper);
      });
    });
  }

  /** Reads the file, and opens its root where it is another one than before. */
  async function reload(): Promise<void> {
    const before = file.root;
    try {
      file = schema.parse(JSON.parse(new TextDecoder().decode(readFileOf(path, 'key store'))));
    } catch (cause) {
      throw new StorageError('storage/key-store', `${path} is not a key store`, { cause });
    }
    if (file.keeper !== keeper.kind) {
      throw new StorageError('storage/key-store', `${path} is kept by ${file.keeper}, not by ${keeper.kind}`);
    }
    if (file.root === before) return;
    root.fill(0);
    root = await keeper.unwrap(fromHex(file.root));
  }

  /** Lets one change at a time be made, in this process and beside others, from the store as it is now. */
  function alone<T>(change: () => Promise<T>): Promise<T> {
    return withLock(`${path}.lock`, path, async () => {
      if (existsSync(path)) await reload();
      return change();
    });
  }

  async function write(next: Omit<StoreFile, 'root' | 'keeper'>, nextRoot: Uint8Array, by: RootKeeper): Promise<void> {
    const wrapped = await by.wrap(nextRoot);
    const whole: StoreFile = { ...next, format: 'sotto-key-store', version: 1, keeper: by.kind, root: toHex(wrapped) };
    writeFileAtomic(path, `${JSON.stringify(whole, undefined, 2)}\n`);
    file = whole;
    await by.settle?.(wrapped);
  }

  /** Writes the keys, all under a new root. */
  async function renew(keys: StoreFile['keys'], by: RootKeeper): Promise<void> {
    const next = readEntropy(32);
    const rewrapped = keys.map((info) => {
      if (info.wrapped === null) return info;
      const key = unwrapKey(info.wrapped, root, info);
      const wrapped = wrapKey(key, next, info);
      key.fill(0);
      return { ...info, wrapped };
    });
    await write({ ...file, keys: rewrapped }, next, by);
    root.fill(0);
    root = next;
    keeper = by;
  }

  const infoOf = ({ id, label, createdAt, destroyedAt }: StoreFile['keys'][number]): KeyInfo => ({
    id,
    label,
    createdAt,
    destroyedAt,
  });
  const found = (id: string): StoreFile['keys'][number] => {
    const info = file.keys.find((each) => each.id === id);
    if (info === undefined) throw new StorageError('storage/unknown-key', `the key store has no key ${id}`);
    return info;
  };

  return {
    get keeper() {
      return keeper.kind;
    },
    async createKey(label) {
      if (!/^[\x21-\x7e]{1,200}$/.test(label)) throw new RangeError('"label" must be 1 to 200 printable characters');
      const key = readEntropy(32);
      const info = { id: toHex(readEntropy(16)), label, createdAt: new Date().toISOString(), destroyedAt: null };
      await alone(() =>
        log.perform({ act: 'made', key: info.id }, () =>
          write({ ...file, keys: [...file.keys, { ...info, wrapped: wrapKey(key, root, info) }] }, root, keeper),
        ),
      );
      key.fill(0);
      return info;
    },
    async openKey(id) {
      const info = found(id);
      if (info.wrapped === null) {
        const message = `key ${id} was destroyed at ${info.destroyedAt ?? 'an unknown time'}: what it sealed is gone`;
        throw new StorageError('storage/key-destroyed', message);
      }
      return unwrapKey(info.wrapped, root, info);
    },
    list: () => file.keys.map(infoOf),
    rotate: () => alone(() => log.perform({ act: 'replaced', key: 'root' }, () => renew(file.keys, keeper))),
    rekey: (by) =>
      alone(() =>
        log.perform({ act: 'handed-over', key: 'root', detail: `from ${keeper.kind} to ${by.kind}` }, () =>
          renew(file.keys, by),
        ),
      ),
    destroy: (id) =>
      alone(async () => {
        found(id);
        const destroyedAt = new Date().toISOString();
        const keys = file.keys.map((info) => (info.id === id ? { ...info, destroyedAt, wrapped: null } : info));
        await log.perform({ act: 'destroyed', key: id }, () => renew(keys, keeper));
        return infoOf(found(id));
      }),
    close() {
      root.fill(0);
    },
  };
}
