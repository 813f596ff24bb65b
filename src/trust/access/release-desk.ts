/**
 * Where releases are proposed, approved and rejected; grants and separation of duties are checked at each step.
 *
 * @module
 */

import { toHex } from '../../foundations/crypto/index.ts';
import { AccessError } from './errors.ts';
import { type AccessRequest, formatScope, type Principal, type Resource } from './grant.ts';
import { type Desk, INSTALLATION } from './record-keeping.ts';
import { assertApprovable, type Release, stateOf } from './release.ts';

/** Releases of models. */
export interface ReleaseDesk {
  /** Proposes to release exact bytes; needs `model.propose`. `within` names the task and the data sets of the model. */
  propose(
    principal: Principal,
    options: { readonly model: string; readonly digest: string; readonly within?: readonly Resource[] },
  ): Promise<Release>;
  /**
   * Approves; needs `model.release`, and not to operate the task nor to have proposed it.
   * @param options - `model`, where it is known, must be the one that the release is of.
   * @throws {AccessError} `access/denied`, `access/separation-of-duties`, `access/release-closed`,
   * `access/release-mismatch`, `access/unknown-release`.
   */
  approve(
    principal: Principal,
    options: { readonly release: string; readonly digest: string; readonly model?: string },
  ): Promise<Release>;
  /**
   * Rejects a proposal, or takes a release back: what was approved is released no more. Needs `model.release`.
   * @throws {AccessError} `access/denied`, `access/separation-of-duties`, `access/unknown-release`,
   * `access/release-closed` when it was rejected or has expired.
   */
  reject(principal: Principal, options: { readonly release: string; readonly model?: string }): Promise<Release>;
  /** Lists the releases of a model; needs `model.view`. */
  releases(principal: Principal, model: string): Promise<readonly Release[]>;
  /** Whether these bytes of a model are released. */
  isReleased(model: string, digest: string): Promise<boolean>;
  /** Writes down, and throws, that bytes which somebody may download are not released. */
  refuseUnreleased(principal: Principal, options: { readonly model: string; readonly digest: string }): Promise<never>;
}

/** How long a proposal stands. */
const PROPOSAL_MS = 14 * 24 * 3600 * 1000;

/** Creates the desk over the checks of access control. */
export function createReleaseDesk(
  { store, clock, rng, assert, refuse, look }: Desk,
  { required, withinOf }: { required: 1 | 2; withinOf: (model: string) => readonly Resource[] },
): ReleaseDesk {
  const requestOf = (
    action: AccessRequest['action'],
    model: string,
    named: readonly Resource[] = [],
  ): AccessRequest & { readonly within: readonly Resource[] } => {
    const within = new Map([...named, ...withinOf(model)].map((resource) => [formatScope(resource), resource]));
    return { action, resource: { kind: 'model', id: model }, within: [...within.values()] };
  };

  /** Finds a release. Whether there is one is told to nobody who may not release. */
  async function found(principal: Principal, id: string, model: string | undefined): Promise<Release> {
    const release = await store.release(id);
    if (release !== undefined && (model === undefined || release.model === model)) return release;
    const asked = { action: 'model.release', resource: INSTALLATION } as const;
    const request = model === undefined ? asked : requestOf('model.release', model);
    await assert(principal, request, `release ${id.slice(0, 80)}, which is not there`);
    throw new AccessError('access/unknown-release', `there is no release ${id.slice(0, 80)}`);
  }

  async function current(id: string): Promise<Release> {
    return (await store.release(id)) as Release;
  }

  return {
    async propose(principal, { model, digest, within }) {
      if (!/^[0-9a-f]{64}$/.test(digest)) throw new RangeError('"digest" must be 64 hexadecimal digits');
      const request = requestOf('model.propose', model, within);
      await assert(principal, request, digest);
      const at = clock();
      const release: Release = {
        id: `r-${toHex(rng.bytes(8))}`,
        model,
        within: request.within,
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
    async approve(principal, { release: id, digest, model }) {
      const release = await found(principal, id, model);
      const request = requestOf('model.release', release.model, release.within);
      await assert(principal, request, `${id} ${digest.slice(0, 64)}`);
      const at = clock();
      try {
        assertApprovable(release, { by: principal.subject, digest, at });
      } catch (error) {
        if (error instanceof AccessError) return refuse(principal, request, error);
        throw error;
      }
      await store.approve(id, { by: principal.subject, at });
      return current(id);
    },
    async reject(principal, { release: id, model }) {
      const release = await found(principal, id, model);
      const request = requestOf('model.release', release.model, release.within);
      await assert(principal, request, `reject ${id}`);
      const state = stateOf(release, clock());
      if (state === 'rejected' || state === 'expired') {
        return refuse(principal, request, new AccessError('access/release-closed', `release ${id} is ${state}`));
      }
      await store.reject(id, principal.subject);
      return current(id);
    },
    async releases(principal, model) {
      await look(principal, requestOf('model.view', model));
      return (await store.listReleases()).filter((release) => release.model === model);
    },
    async isReleased(model, digest) {
      const all = await store.listReleases();
      return all.some(
        (each) => each.model === model && each.digest === digest && stateOf(each, clock()) === 'released',
      );
    },
    refuseUnreleased(principal, { model, digest }) {
      const why =
        'this model is not released: an operator proposes it, and an owner who does not operate the task approves it';
      const error = new AccessError('access/denied', why, { details: { model, digest } });
      return refuse(principal, requestOf('model.download', model), error, 'not-released');
    },
  };
}
