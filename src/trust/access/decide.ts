/**
 * The one place where it is decided who may do what. Pure: the same grants, request and time give the same decision.
 * Whatever no grant allows is denied.
 *
 * @module
 */

import { type AccessRequest, covers, type Grant, isInForce, type Principal, subjectsOf } from './grant.ts';
import { type Action, OPERATING_ACTIONS, type Role } from './roles.ts';

/** Why a decision is what it is. */
export type DecisionReason =
  | 'granted'
  /** No grant in force has the action over the resource. */
  | 'no-grant'
  /** The subject may, the token shown does not. */
  | 'token-scope'
  /** The subject operates what it would release. */
  | 'separation-of-duties';

/** A decision. */
export interface Decision {
  readonly allowed: boolean;
  readonly reason: DecisionReason;
  /** The grant that allowed it. */
  readonly grant: string | null;
}

/** The actions a grant gives: those of its role, fewer where it says so. A role that is not known gives none. */
function actionsOf(grant: Grant, roles: ReadonlyMap<string, Role>): readonly Action[] {
  const actions = roles.get(grant.role)?.actions ?? [];
  return grant.actions === null ? actions : actions.filter((action) => grant.actions?.includes(action));
}

/** Decides a request. `grants` may hold others' grants: they do not count. */
export function decide(
  principal: Principal,
  request: AccessRequest,
  {
    grants,
    roles,
    at,
  }: { readonly grants: readonly Grant[]; readonly roles: ReadonlyMap<string, Role>; readonly at: Date },
): Decision {
  const subjects = subjectsOf(principal);
  const mine = grants.filter(
    (grant) => subjects.includes(grant.subject) && isInForce(grant, at) && covers(grant.scope, request),
  );
  const found = mine.find((grant) => actionsOf(grant, roles).includes(request.action));
  if (found === undefined) return { allowed: false, reason: 'no-grant', grant: null };
  const operates = mine.some((grant) => actionsOf(grant, roles).some((action) => OPERATING_ACTIONS.includes(action)));
  if (request.action === 'model.release' && operates) {
    return { allowed: false, reason: 'separation-of-duties', grant: null };
  }
  const { token } = principal;
  if (token !== undefined && !(token.actions.includes(request.action) && covers(token.scope, request))) {
    return { allowed: false, reason: 'token-scope', grant: null };
  }
  return { allowed: true, reason: 'granted', grant: found.id };
}
