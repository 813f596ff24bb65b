/**
 * Where releases are proposed, approved and rejected; grants and separation of duties are checked at each step.
 *
 * @module
 */

import { toHex } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { AccessError } from './errors.ts';
import type { AccessRequest, Principal, Resource } from './grant.ts';
import { assertApprovable, type Release, stateOf } from './release.ts';
import type { AccessStore } from './store.ts';

/** Releases of models. */
export interface ReleaseDesk {
  /** Proposes to release exact bytes; needs `model.propose`. `within` names the task and the data sets of the model. */
  propose(
    principal: Principal,
    options: { readonly model: string; readonly digest: string; readonly within?: readonly Resource[] },
  ): Promise<Release>;
  /**
   * Approves; needs `model.release`, and not to operate the task nor to have proposed it.
   * @throws {AccessError} `access/denied`, `access/separation-of-duties`, `access/release-closed`,
   * `access/release-mismatch`, `access/unknown-release`.
   */
  approve(principal: Principal, options: { readonly release: string; readonly digest: string }): Promise<Release>;
  reject(principal: Principal, release: string): Promise<void>;
  releases(): Promise<readonly Release[]>;
  /** Whether these bytes of a model are released. */
  isReleased(model: string, digest: string): Promise<boolean>;
}

/** How long a proposal stands. */
const PROPOSAL_MS = 14 * 24 * 3600 * 1000;

/** Creates the desk over the checks of access control. */
export function createReleaseDesk({
  store,
  clock,
  rng,
  assert,
  refuse,
  required,
}: {
  store: AccessStore;
  clock: () => Date;
  rng: Rng;
  assert: (principal: Principal, request: AccessRequest, detail?: string) => Promise<void>;
  /** Writes a refusal down that came after the grants were found. */
  refuse: (principal: Principal, request: AccessRequest, error: AccessError) => Promise<void>;
  required: 1 | 2;
}): ReleaseDesk {
  async function found(id: string): Promise<Release> {
    const release = await store.release(id);
    if (release === undefined) throw new AccessError('access/unknown-release', `there is no release ${id}`);
    return release;
  }
  return {
    async propose(principal, { model, digest, within = [] }) {
      if (!/^[0-9a-f]{64}$/.test(digest)) throw new RangeError('"digest" must be 64 hexadecimal digits');
      await assert(principal, { action: 'model.propose', resource: { kind: 'model', id: model }, within }, digest);
      const at = clock();
      const release: Release = {
        id: `r-${toHex(rng.bytes(8))}`,
        model,
        within,
        digest,
        proposedBy: principal.subject,
        proposedAt: at,
        expiresAt: new Date(at.getTime() + PROPOSAL_MS),
        required,
        approvals: [],
        rejectedBy: null,
      };
      await store.addRelease(release);
      return release;
    },
    async approve(principal, { release: id, digest }) {
      const release = await found(id);
      const resource = { kind: 'model', id: release.model } as const;
      const request = { action: 'model.release', resource, within: release.within } as const;
      await assert(principal, request, `${id} ${digest}`);
      const at = clock();
      try {
        assertApprovable(release, { by: principal.subject, digest, at });
      } catch (error) {
        if (error instanceof AccessError) await refuse(principal, request, error);
        throw error;
      }
      await store.approve(id, { by: principal.subject, at });
      return found(id);
    },
    async reject(principal, id) {
      const { model, within } = await found(id);
      await assert(
        principal,
        { action: 'model.release', resource: { kind: 'model', id: model }, within },
        `reject ${id}`,
      );
      await store.reject(id, principal.subject);
    },
    releases: () => store.listReleases(),
    async isReleased(model, digest) {
      const all = await store.listReleases();
      return all.some(
        (each) => each.model === model && each.digest === digest && stateOf(each, clock()) === 'released',
      );
    },
  };
}
