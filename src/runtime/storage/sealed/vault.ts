/**
 * A vault seals under one data key: whole files, and lines of files that grow. Every seal has a key of its own, derived
 * with fresh salt, so that no nonce is ever used twice, whatever a crash cut short; name and position are authenticated,
 * so that nothing sealed can be put in another's place.
 *
 * @module
 */

import {
  assertBytes,
  concatBytes,
  equalBytes,
  fromHex,
  hkdfSha256,
  openSealed,
  seal,
  toHex,
  utf8,
} from '../../../foundations/crypto/index.ts';
import { readEntropy } from '../../../foundations/random/index.ts';
import { StorageError } from '../errors.ts';
import type { KeyStore } from './key-store.ts';

/** Seals and opens under one data key. */
export interface Vault {
  readonly keyId: string;
  /** Seals bytes that are written whole under a name. */
  seal(name: string, bytes: Uint8Array): Uint8Array;
  /** @throws {@link StorageError} `storage/seal-broken` when anything was changed, or it was sealed under another name or key. */
  open(name: string, sealed: Uint8Array): Uint8Array;
  /** Seals the record at a position of a list that grows. @returns text without a line feed. */
  sealRecord(name: string, position: number, record: Uint8Array): Uint8Array;
  /** @throws {@link StorageError} `storage/seal-broken`. */
  openRecord(name: string, position: number, sealed: Uint8Array): Uint8Array;
  /** Fills the key with zeros; the vault seals and opens nothing after that. */
  close(): void;
}

/** Begins everything that is sealed whole. */
const MAGIC = utf8('sotto-sealed-v1\n');
const ID_BYTES = 16;
const SALT_BYTES = 32;
const HEADER_BYTES = MAGIC.length + ID_BYTES + SALT_BYTES;
const ZERO_NONCE = new Uint8Array(12);

/** Tells whether bytes are sealed. */
export function isSealedFile(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_BYTES && equalBytes(bytes.subarray(0, MAGIC.length), MAGIC);
}

/** The key that sealed bytes name. @throws {@link StorageError} `storage/seal-broken` when they are not sealed. */
export function sealedKeyId(bytes: Uint8Array): string {
  if (!isSealedFile(bytes)) throw new StorageError('storage/seal-broken', 'this is not sealed');
  return toHex(bytes.subarray(MAGIC.length, MAGIC.length + ID_BYTES));
}

/** Creates a vault over a data key, which it takes over. */
export function createVault(keyId: string, dataKey: Uint8Array): Vault {
  assertBytes(dataKey, 'dataKey', 32);
  const id = fromHex(keyId);
  let closed = false;

  function keyFor(salt: Uint8Array, info: string): Uint8Array {
    if (closed) throw new StorageError('storage/key-store', 'the vault is closed');
    return hkdfSha256(dataKey, { salt, info: utf8(`sotto/at-rest/v1/${info}`), sizeBytes: 32 });
  }

  function sealWith(salt: Uint8Array, info: string, bytes: Uint8Array, associatedData: Uint8Array): Uint8Array {
    const key = keyFor(salt, info);
    const sealed = seal(bytes, { key, nonce: ZERO_NONCE, associatedData });
    key.fill(0);
    return sealed;
  }

  function openWith(salt: Uint8Array, info: string, sealed: Uint8Array, associatedData: Uint8Array): Uint8Array {
    const key = keyFor(salt, info);
    try {
      return openSealed(sealed, { key, nonce: ZERO_NONCE, associatedData });
    } catch (cause) {
      throw new StorageError('storage/seal-broken', `${info.split('\n')[0] ?? ''} does not authenticate`, { cause });
    } finally {
      key.fill(0);
    }
  }

  const recordInfo = (name: string, position: number): string => `record\n${name}\n${position}`;

  return {
    keyId,
    seal(name, bytes) {
      const header = concatBytes(MAGIC, id, readEntropy(SALT_BYTES));
      return concatBytes(header, sealWith(header.subarray(-SALT_BYTES), `${name}\n`, bytes, header));
    },
    open(name, sealed) {
      if (!isSealedFile(sealed)) throw new StorageError('storage/seal-broken', `${name} is not sealed`);
      if (sealedKeyId(sealed) !== keyId) {
        throw new StorageError(
          'storage/seal-broken',
          `${name} is sealed under key ${sealedKeyId(sealed)}, not ${keyId}`,
        );
      }
      const header = sealed.subarray(0, HEADER_BYTES);
      const salt = header.subarray(-SALT_BYTES);
      return openWith(salt, `${name}\n`, sealed.subarray(HEADER_BYTES), header);
    },
    sealRecord(name, position, record) {
      const salt = readEntropy(SALT_BYTES);
      const sealed = sealWith(salt, recordInfo(name, position), record, id);
      return utf8(Buffer.from(concatBytes(salt, sealed)).toString('base64'));
    },
    openRecord(name, position, sealed) {
      const text = new TextDecoder().decode(sealed);
      const bytes = new Uint8Array(Buffer.from(text, 'base64'));
      if (bytes.length < SALT_BYTES || Buffer.from(bytes).toString('base64') !== text) {
        throw new StorageError('storage/seal-broken', `${name}: record ${position} is not sealed`);
      }
      const salt = bytes.subarray(0, SALT_BYTES);
      return openWith(salt, recordInfo(name, position), bytes.subarray(SALT_BYTES), id);
    },
    close() {
      closed = true;
      dataKey.fill(0);
    },
  };
}

/** Opens the vault of a data key. */
export async function openVault(keys: KeyStore, id: string): Promise<Vault> {
  return createVault(id, await keys.openKey(id));
}

/** Opens files of sealed lines: returns their lines in the clear. */
export function createVaultReader(vault: Vault): (name: string, sealed: Uint8Array) => Uint8Array {
  return (name, sealed) => {
    const lines = new TextDecoder().decode(sealed).split('\n').slice(0, -1);
    const newline = Uint8Array.of(10);
    return concatBytes(...lines.flatMap((line, i) => [vault.openRecord(name, i, utf8(line)), newline]));
  };
}
