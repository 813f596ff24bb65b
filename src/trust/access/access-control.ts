/**
 * Access control with a memory: every question is decided by {@link decide}, written down, and only then answered. A
 * decision that cannot be written down is a refusal.
 *
 * @module
 */

import { toHex } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { decide, type Decision } from './decide.ts';
import { AccessError } from './errors.ts';
import { type AccessRequest, formatScope, type Grant, type Principal, type Scope, subjectsOf } from './grant.ts';
import { createReleaseDesk, type ReleaseDesk } from './release-desk.ts';
import { type Action, BUILT_IN_ROLES, parseRole, type Role } from './roles.ts';
import type { AccessRecord, AccessStore } from './store.ts';
import { type ApiToken, assertToken, createApiToken, tokenIdOf, type TokenRequest } from './tokens.ts';

/** A grant as it is asked for. */
export interface GrantRequest {
  readonly subject: string;
  readonly role: string;
  readonly scope: Scope;
  readonly actions?: readonly Action[];
  readonly expiresAt?: Date;
}

/** Access control of an installation. */
export interface AccessControl extends ReleaseDesk {
  /** Decides and writes down. @throws {AccessError} `access/audit-failed` when it cannot be written. */
  check(principal: Principal, request: AccessRequest, detail?: string): Promise<Decision>;
  /** Like {@link check}, and throws `access/denied` or `access/separation-of-duties` when the answer is no. */
  assert(principal: Principal, request: AccessRequest, detail?: string): Promise<void>;
  /** Keeps the requests that are allowed; for lists. Each is written down. */
  filter<T extends AccessRequest>(principal: Principal, requests: readonly T[]): Promise<readonly T[]>;
  /** Makes the first grants of an installation. @throws {AccessError} `access/not-empty` when there are any. */
  bootstrap(subject: string, roles: readonly string[]): Promise<readonly Grant[]>;
  /**
   * Grants a role.
   * @throws {AccessError} `access/denied`, `access/unknown-role`, `access/separation-of-duties` when somebody grants to
   * herself.
   */
  grant(principal: Principal, request: GrantRequest): Promise<Grant>;
  revoke(principal: Principal, grantId: string): Promise<void>;
  grants(principal: Principal): Promise<readonly Grant[]>;
  roles(): Promise<ReadonlyMap<string, Role>>;
  defineRole(principal: Principal, role: { readonly name: string; readonly actions: readonly string[] }): Promise<Role>;
  /** Issues an API token of the principal. @returns its text, which is shown once, and its record. */
  issueToken(
    principal: Principal,
    request: TokenRequest,
  ): Promise<{ readonly text: string; readonly record: ApiToken }>;
  /** Revokes a token: one's own, or with `access.grant` over everything anybody's. */
  revokeToken(principal: Principal, id: string): Promise<void>;
  /**
   * Turns a shown token into a principal; `groups` are those its subject has now.
   * @throws {AccessError} `access/token-invalid`, `access/token-expired`, `access/token-revoked`.
   */
  authenticate(text: string, groups?: readonly string[]): Promise<Principal>;
  /** What was decided, oldest first; needs `audit.view`. */
  records(
    principal: Principal,
    options?: { readonly after?: number; readonly limit?: number },
  ): Promise<readonly AccessRecord[]>;
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
}

/** The whole installation, as a resource. */
const INSTALLATION = { kind: 'service', id: 'installation' } as const;

function reasonOf({ code }: AccessError): AccessRecord['reason'] {
  return code.slice('access/'.length) as AccessRecord['reason'];
}

/** Creates access control over a store. */
export function createAccessControl({
  store,
  clock,
  rng,
  onRecord = () => {},
  fourEyes = false,
}: AccessControlOptions): AccessControl {
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

  async function check(principal: Principal, request: AccessRequest, detail = ''): Promise<Decision> {
    const at = clock();
    const grants = await store.grantsOf(subjectsOf(principal));
    const decision = decide(principal, request, { grants, roles: await roles(), at });
    await write({
      at,
      subject: principal.subject,
      token: principal.token?.id ?? null,
      action: request.action,
      resource: formatScope(request.resource),
      ...decision,
      detail,
    });
    return decision;
  }

  async function assert(principal: Principal, request: AccessRequest, detail = ''): Promise<void> {
    const { allowed, reason } = await check(principal, request, detail);
    if (allowed) return;
    const what = `${request.action} on ${formatScope(request.resource)}`;
    if (reason === 'separation-of-duties') {
      throw new AccessError('access/separation-of-duties', `${principal.subject} operates it and may not ${what}`);
    }
    throw new AccessError('access/denied', `${principal.subject} may not ${what}: ask an owner for a grant`, {
      details: { action: request.action, resource: formatScope(request.resource), reason },
    });
  }

  const onScope = (scope: Scope): Pick<AccessRequest, 'resource'> => ({
    resource: scope.kind === 'everything' ? INSTALLATION : scope,
  });

  function newGrant({ subject, role, scope, actions, expiresAt }: GrantRequest, grantedBy: string): Grant {
    if (!/^[\x21-\x7e]{1,200}$/.test(subject)) {
      throw new RangeError('"subject" must be 1 to 200 printable characters without spaces');
    }
    return {
      id: `g-${toHex(rng.bytes(8))}`,
      subject,
      role,
      scope,
      actions: actions ?? null,
      grantedBy,
      grantedAt: clock(),
      expiresAt: expiresAt ?? null,
      revokedAt: null,
    };
  }

  async function assertRole(role: string): Promise<void> {
    const known = await roles();
    if (!known.has(role)) {
      throw new AccessError('access/unknown-role', `there is no role ${role}: use ${[...known.keys()].join(', ')}`);
    }
  }

  return {
    check,
    assert,
    async filter(principal, requests) {
      const kept = [];
      for (const request of requests) if ((await check(principal, request)).allowed) kept.push(request);
      return kept;
    },
    async bootstrap(subject, names) {
      for (const name of names) await assertRole(name);
      const grants = names.map((role) => newGrant({ subject, role, scope: { kind: 'everything' } }, 'bootstrap'));
      if (!(await store.addFirstGrants(grants))) {
        throw new AccessError('access/not-empty', 'there are grants already: ask an owner for one');
      }
      for (const { id, role, grantedAt } of grants) {
        await write({
          at: grantedAt,
          subject: 'bootstrap',
          token: null,
          action: 'access.grant',
          resource: 'everything',
          allowed: true,
          reason: 'granted',
          grant: id,
          detail: `${role} for ${subject}`,
        });
      }
      return grants;
    },
    async grant(principal, request) {
      await assertRole(request.role);
      const what = `${request.role} over ${formatScope(request.scope)} for ${request.subject}`;
      await assert(principal, { action: 'access.grant', ...onScope(request.scope) }, what);
      if (subjectsOf(principal).includes(request.subject)) {
        throw new AccessError('access/separation-of-duties', `${principal.subject} cannot grant to herself`);
      }
      const grant = newGrant(request, principal.subject);
      await store.addGrant(grant);
      return grant;
    },
    async revoke(principal, grantId) {
      const grant = (await store.listGrants()).find(({ id }) => id === grantId);
      if (grant === undefined) throw new AccessError('access/unknown-grant', `there is no grant ${grantId}`);
      await assert(principal, { action: 'access.grant', ...onScope(grant.scope) }, `revoke ${grantId}`);
      await store.revokeGrant(grantId, clock());
    },
    async grants(principal) {
      await assert(principal, { action: 'access.view', resource: INSTALLATION });
      return store.listGrants();
    },
    roles,
    async defineRole(principal, role) {
      const parsed = parseRole(role);
      await assert(principal, { action: 'access.grant', resource: INSTALLATION }, `define role ${parsed.name}`);
      await store.putRole(parsed);
      return parsed;
    },
    async issueToken(principal, request) {
      await assert(principal, { action: 'token.issue', ...onScope(request.scope) }, request.actions.join(' '));
      if (principal.token !== undefined) {
        throw new AccessError('access/denied', 'a token does not issue tokens: sign in');
      }
      const { record, text } = createApiToken(principal.subject, request, { at: clock(), rng });
      await store.addToken(record);
      return { text, record };
    },
    async revokeToken(principal, id) {
      const token = await store.token(id);
      if (token === undefined) throw new AccessError('access/token-invalid', `there is no API token ${id}`);
      const own = token.subject === principal.subject;
      const action = own ? 'token.issue' : 'access.grant';
      await assert(principal, { action, ...(own ? onScope(token.scope) : { resource: INSTALLATION }) }, `revoke ${id}`);
      await store.revokeToken(id, clock());
    },
    async authenticate(text, groups = []) {
      const at = clock();
      const id = tokenIdOf(text);
      const record = await store.token(id);
      try {
        const { subject, actions, scope } = assertToken(text, record, at);
        return { subject, groups, token: { id, actions, scope } };
      } catch (error) {
        if (error instanceof AccessError) {
          const reason = reasonOf(error);
          const resource = record === undefined ? 'everything' : formatScope(record.scope);
          const refused = { at, subject: record?.subject ?? 'unknown', token: id, action: 'token.issue' } as const;
          await write({ ...refused, resource, allowed: false, reason, grant: null, detail: 'authenticate' });
        }
        throw error;
      }
    },
    async records(principal, options) {
      await assert(principal, { action: 'audit.view', resource: INSTALLATION });
      return store.records(options);
    },
    ...createReleaseDesk({
      store,
      clock,
      rng,
      assert,
      refuse: ({ subject, token }, { action, resource }, error) =>
        write({
          at: clock(),
          subject,
          token: token?.id ?? null,
          action,
          resource: formatScope(resource),
          allowed: false,
          reason: reasonOf(error),
          grant: null,
          detail: error.message,
        }),
      required: fourEyes ? 2 : 1,
    }),
  };
}
