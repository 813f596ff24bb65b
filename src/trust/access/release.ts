/**
 * Releases with separated duties: one proposes, others approve; the approval is of exact bytes. With four eyes it takes
 * two who approve, neither of them the one who proposed.
 *
 * @module
 */

import { AccessError } from './errors.ts';
import type { Resource } from './grant.ts';

/** A proposal to let a model out, with what became of it. */
export interface Release {
  readonly id: string;
  readonly model: string;
  /** The task and the data sets the model comes from: grants over them count for it. */
  readonly within: readonly Resource[];
  /** SHA-256 of what is to be released, in hexadecimal. */
  readonly digest: string;
  readonly proposedBy: string;
  readonly proposedAt: Date;
  readonly expiresAt: Date;
  /** Approvals that are needed: 1, or 2 with four eyes. */
  readonly required: 1 | 2;
  readonly approvals: readonly { readonly by: string; readonly at: Date }[];
  readonly rejectedBy: string | null;
}

/** What became of a proposal. */
export type ReleaseState = 'open' | 'released' | 'rejected' | 'expired';

/** Returns what became of a proposal; approvals that came in time stand. */
export function stateOf({ rejectedBy, approvals, required, expiresAt }: Release, at: Date): ReleaseState {
  if (rejectedBy !== null) return 'rejected';
  if (new Set(approvals.map(({ by }) => by)).size >= required) return 'released';
  return at < expiresAt ? 'open' : 'expired';
}

/**
 * Checks that `by` may approve a proposal of these bytes now, apart from grants.
 * @throws {AccessError} `access/separation-of-duties`, `access/release-closed`, `access/release-mismatch`.
 */
export function assertApprovable(release: Release, { by, digest, at }: { by: string; digest: string; at: Date }): void {
  const state = stateOf(release, at);
  if (state !== 'open') throw new AccessError('access/release-closed', `release ${release.id} is ${state}`);
  if (release.digest !== digest) {
    throw new AccessError(
      'access/release-mismatch',
      `release ${release.id} is of sha256 ${release.digest}, not of ${digest}: look at what was proposed`,
    );
  }
  if (release.proposedBy === by) {
    throw new AccessError(
      'access/separation-of-duties',
      `${by} proposed release ${release.id}: somebody else approves`,
    );
  }
  if (release.approvals.some((approval) => approval.by === by)) {
    throw new AccessError('access/separation-of-duties', `${by} has approved release ${release.id} already`);
  }
}
