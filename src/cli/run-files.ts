/**
 * The files of a run for those who check it: a folder, or whatever a web server has of it.
 *
 * @module
 */

import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { SottoError } from '../foundations/numerics/index.ts';
import { isUntrusted } from '../runtime/client/index.ts';
import { createVaultReader, isSealedFile, StorageError, type Vault } from '../runtime/storage/index.ts';
import { RUN_FILES, type RunFiles } from '../trust/log/index.ts';
import { UsageError } from './exit-codes.ts';
import { pinnedFetchOf } from './pinned-option.ts';

/** Opens what is sealed. Bytes that do not open are shown as they are: they are what nobody logged. */
function openWith(vault: Vault): (name: string, bytes: Uint8Array) => Uint8Array {
  const readLines = createVaultReader(vault);
  return (name, bytes) => {
    if (isPublic(name)) return bytes;
    try {
      if (isSealedFile(bytes)) return vault.open(name, bytes);
      return name.endsWith('.jsonl') ? readLines(name, bytes) : bytes;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return bytes;
    }
  };
}

/** Never sealed: the log is for everybody. */
const isPublic = (name: string): boolean => name.startsWith('log/') || name === 'log.vkey';

/** Reads a run folder; `vault` opens a sealed one. */
export function folderFiles(folder: string, vault?: Vault): RunFiles {
  const open = vault === undefined ? undefined : openWith(vault);
  return {
    async list() {
      return readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .map((path) => path.replaceAll('\\', '/'))
        .filter((path) => isShown(join(folder, path)))
        .toSorted();
    },
    async read(name) {
      const path = join(folder, ...name.split('/'));
      // A link is no file of the folder, wherever it leads: it is listed, and there is nothing in it to verify.
      if (!lstatSync(path, { throwIfNoEntry: false })?.isFile()) return undefined;
      const bytes = new Uint8Array(readFileSync(path));
      return open?.(name, bytes) ?? bytes;
    },
  };
}

/** Files, and links, which must not hide what they stand for. */
function isShown(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && !found.isDirectory();
}

const MAX_RESPONSE_BYTES = 256 * 2 ** 20;
const TIMEOUT_MS = 30_000;

/** Reads an answer, and no more of it than a file of a run has, whatever length it announces. */
async function readAll(response: Response, path: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    sizeBytes += part.length;
    if (sizeBytes > MAX_RESPONSE_BYTES) throw new UsageError(`${path} is larger than ${MAX_RESPONSE_BYTES} bytes`);
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/**
 * Reads a run, or a log alone, from a web server. What the server does not have is not there; whether it should be is the
 * log's word.
 * @param options - `token` is shown to a coordinator that serves its log to operators and auditors only; `fingerprint` pins
 *   its certificate.
 */
export async function urlFiles(
  address: string,
  { token, fingerprint }: { readonly token?: string | undefined; readonly fingerprint?: string | undefined } = {},
): Promise<RunFiles> {
  const send = fingerprint === undefined ? fetch : pinnedFetchOf(fingerprint);
  const base = address.endsWith('/') ? address : `${address}/`;
  const known = new Map<string, Promise<Uint8Array | undefined>>();
  const get = async (path: string): Promise<Uint8Array | undefined> => {
    let response: Response;
    try {
      response = await send(new URL(path, base), {
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      if (error instanceof SottoError) throw error;
      throw new UsageError(
        isUntrusted(error)
          ? `${base} shows a certificate that nobody known here has signed: pin it with --fingerprint`
          : `${base} does not answer`,
      );
    }
    if (response.status === 401 || response.status === 403) {
      throw new UsageError(`${base} wants a token: --token, or SOTTO_TOKEN`);
    }
    if (!response.ok) return undefined;
    return readAll(response, path);
  };
  const read = (path: string): Promise<Uint8Array | undefined> => {
    const found = known.get(path) ?? get(path);
    known.set(path, found);
    return found;
  };
  // The address is that of a run, or of its log.
  const prefix =
    (await read('log/checkpoint')) === undefined && (await read('checkpoint')) !== undefined ? '' : undefined;
  // A log's key lies beside the log, not in it.
  const besides = prefix !== undefined && base.endsWith('/log/');
  return {
    list: () => Promise.resolve(undefined),
    async read(name) {
      const found = await read(prefix !== undefined && name.startsWith('log/') ? name.slice(4) : name);
      return found === undefined && besides && name === RUN_FILES.key ? read(`../${name}`) : found;
    },
  };
}
