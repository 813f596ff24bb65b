/**
 * Access control with a memory: every question is decided by {@link decide}, written down, and only then answered. A
 * decision that cannot be written down is a refusal.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import { decide, type Decision } from './decide.ts';
import { AccessError } from './errors.ts';
import { createGrantDesk, type GrantDesk } from './grant-desk.ts';
import { type AccessRequest, formatScope, type Grant, type Principal, type Resource, subjectsOf } from './grant.ts';
import { type Desk, INSTALLATION, reasonOf } from './record-keeping.ts';
import { createReleaseDesk, type ReleaseDesk } from './release-desk.ts';
import { BUILT_IN_ROLES, type Role } from './roles.ts';
import type { AccessRecord, AccessStore } from './store.ts';
import { createTokenDesk, type TokenDesk } from './token-desk.ts';

/** Access control of an installation. */
export interface AccessControl extends GrantDesk, TokenDesk, ReleaseDesk {
  /** Decides and writes down. @throws {AccessError} `access/audit-failed` when it cannot be written. */
  check(principal: Principal, request: AccessRequest, detail?: string): Promise<Decision>;
  /** Like {@link check}, and throws `access/denied` or `access/separation-of-duties` when the answer is no. */
  assert(principal: Principal, request: AccessRequest, detail?: string): Promise<Decision>;
  /**
   * Like {@link assert}, for what only shows something: pages ask again and again, and the same look of the same
   * principal within a minute is one look on record. Refusals are written every time.
   */
  look(principal: Principal, request: AccessRequest): Promise<void>;
  /** What would be decided, for pages that leave out what somebody may not do. Lets nobody through and writes nothing. */
  foresee(principal: Principal, request: AccessRequest): Promise<boolean>;
  /** Keeps the requests that are allowed; for lists. Each is written down. */
  filter<T extends AccessRequest>(principal: Principal, requests: readonly T[]): Promise<readonly T[]>;
  roles(): Promise<ReadonlyMap<string, Role>>;
  /** What was decided, oldest first; needs `audit.view`. */
  records(
    principal: Principal,
    options?: { readonly after?: number; readonly limit?: number },
  ): Promise<readonly AccessRecord[]>;
}

/** Rights that stand by the installation's configuration, not by anybody's grant: those of the operator's token. */
export interface StandingRights {
  readonly roles: readonly Role[];
  readonly grants: readonly Grant[];
}

/** What access control works with. */
export interface AccessControlOptions {
  readonly store: AccessStore;
  readonly clock: () => Date;
  readonly rng: Rng;
  /** Told of every record after it is stored: the transparency log. Its failure is a refusal too. */
  readonly onRecord?: (record: AccessRecord) => Promise<void> | void;
  /** Two approvals a release instead of one. */
  readonly fourEyes?: boolean;
  readonly standing?: StandingRights;
  /**
   * What a model lies within, as the installation knows it: its task and data sets. Whoever proposes a release can name
   * more and never less, so that who operates the task cannot be left out of sight.
   */
  readonly withinOf?: (model: string) => readonly Resource[];
}

/** A look that is repeated within this time is the same look. */
const LOOK_MS = 60_000;
/** Looks that are remembered; beyond it the oldest are forgotten, and written again. */
const MAX_LOOKS = 10_000;

/** Creates access control over a store. */
export function createAccessControl({
  store,
  clock,
  rng,
  onRecord = () => {},
  fourEyes = false,
  standing = { roles: [], grants: [] },
  withinOf = () => [],
}: AccessControlOptions): AccessControl {
  const looks = new Map<string, number>();

  async function write(record: AccessRecord): Promise<void> {
    try {
      await store.record(record);
      await onRecord(record);
    } catch (cause) {
      throw new AccessError('access/audit-failed', 'the decision could not be written down, so it is no', {
        cause,
        retryable: true,
      });
    }
  }

  async function roles(): Promise<ReadonlyMap<string, Role>> {
    return new Map([...(await store.roles()), ...BUILT_IN_ROLES].map((role) => [role.name, role]));
  }

  async function judge(principal: Principal, request: AccessRequest, at: Date): Promise<Decision> {
    const grants = [...(await store.grantsOf(subjectsOf(principal))), ...standing.grants];
    const all = new Map([...(await roles()), ...standing.roles.map((role) => [role.name, role] as const)]);
    return decide(principal, request, { grants, roles: all, at });
  }

  const recordOf = (
    { subject, token }: Principal,
    { action, resource }: AccessRequest,
    rest: Pick<AccessRecord, 'at' | 'allowed' | 'reason' | 'grant' | 'detail'>,
  ): AccessRecord => ({ subject, token: token?.id ?? null, action, resource: formatScope(resource), ...rest });

  async function check(principal: Principal, request: AccessRequest, detail = ''): Promise<Decision> {
    const at = clock();
    const decision = await judge(principal, request, at);
    await write(recordOf(principal, request, { at, ...decision, detail }));
    return decision;
  }

  function assertAllowed({ subject }: Principal, { action, resource }: AccessRequest, decision: Decision): Decision {
    if (decision.allowed) return decision;
    const { reason } = decision;
    const what = `${action} on ${formatScope(resource)}`;
    if (reason === 'separation-of-duties') {
      throw new AccessError('access/separation-of-duties', `${subject} operates it and may not ${what}`);
    }
    throw new AccessError('access/denied', `${subject} may not ${what}: ask an owner for a grant`, {
      details: { action, resource: formatScope(resource), reason },
    });
  }

  const assert: AccessControl['assert'] = async (principal, request, detail) =>
    assertAllowed(principal, request, await check(principal, request, detail));

  const refuse: Desk['refuse'] = async (principal, request, error, reason = reasonOf(error)) => {
    const rest = { at: clock(), allowed: false, reason, grant: null, detail: error.message };
    await write(recordOf(principal, request, rest));
    throw error;
  };

  const look: AccessControl['look'] = async (principal, request) => {
    const at = clock();
    const decision = await judge(principal, request, at);
    const { subject, token } = principal;
    const key = JSON.stringify([subject, token?.id, request.action, formatScope(request.resource), decision.grant]);
    const before = looks.get(key) ?? Number.NEGATIVE_INFINITY;
    if (!decision.allowed || at.getTime() - before >= LOOK_MS) {
      await write(recordOf(principal, request, { at, ...decision, detail: '' }));
      looks.delete(key);
      if (decision.allowed) looks.set(key, at.getTime());
      const [oldest] = looks.keys();
      if (looks.size > MAX_LOOKS && oldest !== undefined) looks.delete(oldest);
    }
    assertAllowed(principal, request, decision);
  };

  const desk: Desk = { store, clock, rng, write, assert, refuse, look, roles };
  return {
    check,
    assert,
    look,
    async foresee(principal, request) {
      return (await judge(principal, request, clock())).allowed;
    },
    async filter(principal, requests) {
      const kept = [];
      for (const request of requests) if ((await check(principal, request)).allowed) kept.push(request);
      return kept;
    },
    roles,
    async records(principal, options) {
      await assert(principal, { action: 'audit.view', resource: INSTALLATION });
      return store.records(options);
    },
    ...createGrantDesk(desk),
    ...createTokenDesk(desk),
    ...createReleaseDesk(desk, { required: fourEyes ? 2 : 1, withinOf }),
  };
}
