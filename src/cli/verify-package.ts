/**
 * `sotto verify` on a package: the signature by whom you trust, the manifest, every file in it, and the log inside, from
 * which the budget is recomputed.
 *
 * @module
 */

import { isSealed, openSeal, PackageError, problemOf, verifyPackage } from '../trust/package/index.ts';
import type { NoteVerifier } from '../trust/log/index.ts';
import { checkStory } from './package-story.ts';
import { identitiesOf, readPackage, trustOf, type TrustOptions } from './package-trust.ts';

/** Whose signature counts, and what opens a sealed package. */
export interface PackageTrust extends TrustOptions {
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
  { verifiers = [], ...options }: PackageTrust,
  at: Date,
): Promise<PackageReport> {
  const trust = trustOf(options);
  try {
    const bytes = readPackage(path);
    const identities = identitiesOf(options.identity);
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
      problems: [problemOf(error, 'archive')],
    };
  }
}
