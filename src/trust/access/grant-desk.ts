/**
 * Where roles are granted, taken back and defined. Nobody gives herself anything, by a grant or by widening a role that
 * she holds.
 *
 * @module
 */

import { toHex } from '../../foundations/crypto/index.ts';
import { AccessError } from './errors.ts';
import { formatScope, type Grant, isInForce, type Principal, type Scope, subjectsOf } from './grant.ts';
import { type Desk, INSTALLATION, resourceOf } from './record-keeping.ts';
import { type Action, parseRole, type Role } from './roles.ts';

/** A grant as it is asked for. */
export interface GrantRequest {
  readonly subject: string;
  readonly role: string;
  readonly scope: Scope;
  readonly actions?: readonly Action[];
  readonly expiresAt?: Date;
}

/** Grants and roles. */
export interface GrantDesk {
  /** Makes the first grants of an installation. @throws {AccessError} `access/not-empty` when there are any. */
  bootstrap(subject: string, roles: readonly string[]): Promise<readonly Grant[]>;
  /**
   * Grants a role.
   * @throws {AccessError} `access/denied`, `access/unknown-role`, `access/separation-of-duties` when somebody grants to
   * herself.
   */
  grant(principal: Principal, request: GrantRequest): Promise<Grant>;
  /** Takes a grant back. @throws {AccessError} `access/denied`, `access/unknown-grant`. */
  revoke(principal: Principal, grantId: string): Promise<void>;
  grants(principal: Principal): Promise<readonly Grant[]>;
  /**
   * Makes a role, or changes one that is not built in: everybody who holds it has the new actions from then on.
   * @throws {AccessError} `access/denied`, `access/separation-of-duties` when it is held by whoever changes it, or would
   * both operate and release.
   */
  defineRole(principal: Principal, role: { readonly name: string; readonly actions: readonly string[] }): Promise<Role>;
}

/** Creates the desk. */
export function createGrantDesk({ store, clock, rng, write, assert, refuse, roles }: Desk): GrantDesk {
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
      const asked = { action: 'access.grant', resource: resourceOf(request.scope) } as const;
      // Made before anybody is asked: what cannot be granted is no decision.
      const grant = newGrant(request, principal.subject);
      if (subjectsOf(principal).includes(request.subject)) {
        const why = `${principal.subject} cannot grant to herself`;
        return refuse(principal, asked, new AccessError('access/separation-of-duties', why));
      }
      await assert(principal, asked, `${request.role} over ${formatScope(request.scope)} for ${request.subject}`);
      await store.addGrant(grant);
      return grant;
    },
    async revoke(principal, grantId) {
      const grant = (await store.listGrants()).find(({ id }) => id === grantId);
      // Asked first: whether there is such a grant is not for everybody.
      const resource = grant === undefined ? INSTALLATION : resourceOf(grant.scope);
      await assert(principal, { action: 'access.grant', resource }, `revoke ${grantId.slice(0, 80)}`);
      if (grant === undefined) {
        throw new AccessError('access/unknown-grant', `there is no grant ${grantId.slice(0, 80)}`);
      }
      await store.revokeGrant(grantId, clock());
    },
    async grants(principal) {
      await assert(principal, { action: 'access.view', resource: INSTALLATION });
      return store.listGrants();
    },
    async defineRole(principal, role) {
      const parsed = parseRole(role);
      const asked = { action: 'access.grant', resource: INSTALLATION } as const;
      const held = await store.grantsOf(subjectsOf(principal));
      if (held.some((grant) => grant.role === parsed.name && isInForce(grant, clock()))) {
        const why = `${principal.subject} holds the role ${parsed.name}: somebody else changes it`;
        return refuse(principal, asked, new AccessError('access/separation-of-duties', why));
      }
      await assert(principal, asked, `define role ${parsed.name}: ${parsed.actions.join(' ')}`);
      await store.putRole(parsed);
      return parsed;
    },
  };
}
