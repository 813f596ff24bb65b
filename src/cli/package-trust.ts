/**
 * Whose signatures a command believes, and what opens a sealed package: the same words for every command that reads one.
 *
 * @module
 */

import { statSync } from 'node:fs';

import { createSigstoreAnchor } from '../runtime/drivers/index.ts';
import { readFileOf } from '../runtime/storage/index.ts';
import { decodePem, PackageError, type SignatureTrust } from '../trust/package/index.ts';
import { UsageError } from './exit-codes.ts';

/** Options as they are given. */
export interface TrustOptions {
  readonly publicKey: readonly string[];
  readonly root: readonly string[];
  readonly keyless?: string;
  readonly issuer?: string;
  readonly sigstoreRoot?: string;
}

const textOf = (path: string, what: string): string => new TextDecoder().decode(readFileOf(path, what));

function keylessOf({ keyless, issuer, sigstoreRoot }: TrustOptions): readonly SignatureTrust[] {
  if (keyless === undefined) return [];
  if (issuer === undefined || sigstoreRoot === undefined) {
    throw new UsageError('--keyless needs --issuer and --sigstore-root');
  }
  const anchor = createSigstoreAnchor(textOf(sigstoreRoot, 'trusted root'));
  return [{ kind: 'keyless', identity: keyless, issuer, anchor }];
}

/** Reads whose signature counts. @throws `UsageError` when nobody’s does. */
export function trustOf(options: TrustOptions): readonly SignatureTrust[] {
  const read = (path: string, label: string): readonly Uint8Array[] =>
    decodePem(textOf(path, 'trusted key'), label, path);
  const keys = options.publicKey.flatMap((path) =>
    read(path, 'PUBLIC KEY').map((spki) => ({ kind: 'key', spki }) as const),
  );
  const roots = options.root.flatMap((path) => read(path, 'CERTIFICATE'));
  const all = [...keys, ...keylessOf(options), ...(roots.length === 0 ? [] : [{ kind: 'x509', roots } as const])];
  if (all.length > 0) return all;
  throw new UsageError(
    'a package is believed for its signature: say whose counts, with --public-key, --root or --keyless',
  );
}

/** What a file can have at most to be read at once. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

/** Reads a package's file. @throws {@link PackageError} `package/too-large` before anything of a larger one is read. */
export function readPackage(path: string): Uint8Array {
  const { size } = statSync(path);
  if (size <= MAX_FILE_BYTES) return readFileOf(path, 'package');
  throw new PackageError('package/too-large', `${path}: ${size} bytes, more than are ever read`, {
    details: { file: 'archive' },
  });
}

/** Reads age identities, a line each. */
export function identitiesOf(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) =>
    textOf(path, 'identity')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
}
