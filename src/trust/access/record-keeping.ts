/**
 * What every desk of access control shares: the check, and the record that is written before an answer is given.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import type { Decision } from './decide.ts';
import { AccessError } from './errors.ts';
import type { AccessRequest, Principal, Scope } from './grant.ts';
import type { Role } from './roles.ts';
import type { AccessRecord, AccessStore } from './store.ts';

/** The whole installation, as a resource. */
export const INSTALLATION = { kind: 'service', id: 'installation' } as const;

/** What a scope is as a resource that is asked for. */
export function resourceOf(scope: Scope): AccessRequest['resource'] {
  return scope.kind === 'everything' ? INSTALLATION : scope;
}

/** What a desk works with. */
export interface Desk {
  readonly store: AccessStore;
  readonly clock: () => Date;
  readonly rng: Rng;
  /** Writes a record. @throws {AccessError} `access/audit-failed`. */
  readonly write: (record: AccessRecord) => Promise<void>;
  /** Decides, writes down, and throws when the answer is no. */
  readonly assert: (principal: Principal, request: AccessRequest, detail?: string) => Promise<Decision>;
  /** Writes a refusal down that grants alone do not explain, and throws it. */
  readonly refuse: (
    principal: Principal,
    request: AccessRequest,
    error: AccessError,
    reason?: AccessRecord['reason'],
  ) => Promise<never>;
  /** Like `assert`, for looks that are repeated. */
  readonly look: (principal: Principal, request: AccessRequest) => Promise<void>;
  /** Roles that can be granted. */
  readonly roles: () => Promise<ReadonlyMap<string, Role>>;
}

/** The reason on record of an error. */
export function reasonOf({ code }: AccessError): AccessRecord['reason'] {
  return code.slice('access/'.length) as AccessRecord['reason'];
}
