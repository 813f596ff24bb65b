/**
 * `sotto verify` on a package: the signature by whom you trust, the manifest, every file in it, and the log inside, from
 * which the budget is recomputed.
 *
 * @module
 */

import { readFileOf } from '../runtime/storage/index.ts';
import {
  decodePem,
  isSealed,
  openSeal,
  PackageError,
  type SignatureTrust,
  verifyPackage,
} from '../trust/package/index.ts';
import type { NoteVerifier } from '../trust/log/index.ts';
import { UsageError } from './exit-codes.ts';
import { checkStory } from './package-story.ts';

/** Whose signature counts, and what opens a sealed package. */
export interface PackageTrust {
  readonly publicKey: readonly string[];
  readonly root: readonly string[];
  readonly identity: readonly string[];
  /** Keys of the log that are known. */
  readonly verifiers?: readonly NoteVerifier[];
}

/** What a machine is told of a package. */
export interface PackageReport {
  readonly ok: boolean;
  readonly epsilon: number | null;
  readonly delta: number | null;
  readonly seeded: boolean;
  readonly problems: readonly { readonly code: string; readonly file: string; readonly detail: string }[];
}

/** Checks a package. Everything wrong with it is a problem of the report. */
export async function checkPackage(
  path: string,
  { publicKey, root, identity, verifiers = [] }: PackageTrust,
  at: Date,
): Promise<PackageReport> {
  const read = (file: string, label: string): readonly Uint8Array[] =>
    decodePem(new TextDecoder().decode(readFileOf(file, 'trusted key')), label, file);
  const keys = publicKey.flatMap((file) => read(file, 'PUBLIC KEY').map((spki) => ({ kind: 'key', spki }) as const));
  const roots = root.flatMap((file) => read(file, 'CERTIFICATE'));
  if (keys.length + roots.length === 0) {
    throw new UsageError('a package is believed for its signature: say whose counts, with --public-key or --root');
  }
  const trust: SignatureTrust[] = roots.length === 0 ? keys : [...keys, { kind: 'x509', roots }];
  try {
    const bytes = readFileOf(path, 'package');
    const identities = identity.flatMap((file) =>
      new TextDecoder()
        .decode(readFileOf(file, 'identity'))
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('#')),
    );
    const archive = isSealed(bytes) && identities.length > 0 ? await openSeal(bytes, { identities }) : bytes;
    const { ok, problems, manifest, files } = await verifyPackage(archive, { trust, at });
    if (!ok) return { ok, epsilon: null, delta: null, seeded: false, problems };
    const story = await checkStory(files, { manifest, verifiers });
    return { ok: story.problems.length === 0, ...story };
  } catch (error) {
    if (!(error instanceof PackageError)) throw error;
    return {
      ok: false,
      epsilon: null,
      delta: null,
      seeded: false,
      problems: [{ code: error.code, file: path, detail: error.message }],
    };
  }
}
