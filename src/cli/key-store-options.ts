/**
 * How commands find and open a key store: its folder by option, the secret of its keeper from the environment or a folder
 * apart, never from the command line, which other users of the machine can read.
 *
 * @module
 */

import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import {
  KEY_STORE_FILE,
  type KeyStore,
  openKeyStore,
  openVault,
  readFileOf,
  type RootKeeper,
  runFolderKey,
  type Vault,
  writeFileAtomic,
} from '../runtime/storage/index.ts';
import { UsageError } from './exit-codes.ts';

/** Keepers the command line knows. */
export const KEEPERS = ['file', 'passphrase', 'keyring'] as const;

/** Makes a keeper. The key file's folder is `SOTTO_KEY_FOLDER`, or the store's name with `-keys`. */
export async function keeperOf(folder: string, kind: string): Promise<RootKeeper> {
  const { createFileKeeper, createKeyringKeeper, createPassphraseKeeper } = await loadKeepers();
  if (kind === 'file') return createFileKeeper(process.env.SOTTO_KEY_FOLDER ?? `${resolve(folder)}-keys`);
  if (kind === 'keyring') return createKeyringKeeper({ account: resolve(folder) });
  if (kind === 'passphrase') {
    const passphrase = process.env.SOTTO_PASSPHRASE;
    if (passphrase === undefined || passphrase.length < 12) {
      throw new UsageError('set SOTTO_PASSPHRASE to the passphrase of the key store, at least 12 characters');
    }
    return createPassphraseKeeper(passphrase);
  }
  throw new UsageError(`the key store is kept by ${kind}: open it from a program that has that keeper`);
}

/** Makes the keeper a store is handed to; a new passphrase is `SOTTO_NEW_PASSPHRASE`, the old one still opens it. */
export async function newKeeperOf(folder: string, kind: string, before: string): Promise<RootKeeper> {
  const passphrase = process.env.SOTTO_NEW_PASSPHRASE ?? process.env.SOTTO_PASSPHRASE;
  if (kind !== 'passphrase') return keeperOf(folder, kind);
  if (before === 'passphrase' && process.env.SOTTO_NEW_PASSPHRASE === undefined) {
    throw new UsageError('set SOTTO_NEW_PASSPHRASE to the new passphrase of the key store');
  }
  if (passphrase === undefined || passphrase.length < 12) {
    throw new UsageError('set SOTTO_NEW_PASSPHRASE to the passphrase of the key store, at least 12 characters');
  }
  return (await loadKeepers()).createPassphraseKeeper(passphrase);
}

/** Most commands are given no key store, and need not wait for what opens one. */
const loadKeepers = () => import('../runtime/drivers/index.ts');

/** Opens the key store in a folder with the keeper that it names. */
export async function openNamedKeyStore(folder: string): Promise<KeyStore> {
  const path = join(folder, KEY_STORE_FILE);
  if (!existsSync(path)) throw new UsageError(`there is no key store in ${folder}: sotto keystore init ${folder}`);
  const { keeper = '' } = JSON.parse(new TextDecoder().decode(readFileOf(path, 'key store'))) as { keeper?: string };
  return openKeyStore(folder, { keeper: await keeperOf(folder, keeper), create: false });
}

/** Makes a data key for something new, and its vault. */
export async function newVault(keyStore: string | undefined, label: string): Promise<Vault | undefined> {
  if (keyStore === undefined) return undefined;
  const keys = await openNamedKeyStore(keyStore);
  try {
    const { id } = await keys.createKey(label);
    return await openVault(keys, id);
  } finally {
    keys.close();
  }
}

/** Opens the vault of a run folder that was sealed; undefined for one that was not. */
export async function vaultOfRun(run: string, keyStore: string | undefined): Promise<Vault | undefined> {
  const id = existsSync(join(run, 'task.resolved.yaml')) ? runFolderKey(run) : undefined;
  if (id === undefined) return undefined;
  if (keyStore === undefined) throw new UsageError(`${run} is sealed: name its key store with --key-store`);
  const keys = await openNamedKeyStore(keyStore);
  try {
    return await openVault(keys, id);
  } finally {
    keys.close();
  }
}

/** File in a coordinator's folder that names the key its state is sealed under. */
const KEY_ID_FILE = 'sealed-under';

/** Opens the vault of a coordinator's folder, or makes one for a folder that has no state yet. */
export async function vaultOfFolder(folder: string, keyStore: string | undefined): Promise<Vault | undefined> {
  const path = join(folder, KEY_ID_FILE);
  if (!existsSync(path)) {
    if (keyStore === undefined) return undefined;
    if (existsSync(join(folder, 'database'))) {
      throw new UsageError(`${folder} has state in the clear: seal a new folder, or leave --key-store out`);
    }
    const keys = await openNamedKeyStore(keyStore);
    const { id } = await keys.createKey('coordinator');
    keys.close();
    mkdirSync(folder, { recursive: true });
    writeFileAtomic(path, `${id}\n`);
  }
  if (keyStore === undefined) throw new UsageError(`${folder} is sealed: name its key store with --key-store`);
  const keys = await openNamedKeyStore(keyStore);
  try {
    return await openVault(keys, new TextDecoder().decode(readFileOf(path, 'key of the folder')).trim());
  } finally {
    keys.close();
  }
}
