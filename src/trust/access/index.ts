/**
 * Who may do what: roles, grants, tokens and releases, decided in one place and written down.
 *
 * @module
 */

export {
  type AccessControl,
  type AccessControlOptions,
  createAccessControl,
  type StandingRights,
} from './access-control.ts';
export { decide, type Decision, type DecisionReason } from './decide.ts';
export { AccessError, type AccessErrorCode } from './errors.ts';
export { type GrantDesk, type GrantRequest } from './grant-desk.ts';
export {
  type AccessRequest,
  formatScope,
  type Grant,
  parseScope,
  type Principal,
  type Resource,
  type Scope,
} from './grant.ts';
export { type Release, type ReleaseState, stateOf } from './release.ts';
export { INSTALLATION } from './record-keeping.ts';
export { type ReleaseDesk } from './release-desk.ts';
export { type Action, ACTIONS, BUILT_IN_ROLES, isAction, type Role } from './roles.ts';
export { type AccessRecord, type AccessStore, createMemoryAccessStore } from './store.ts';
export { type TokenDesk } from './token-desk.ts';
export { type ApiToken, MAX_TOKEN_DAYS, type TokenRequest } from './tokens.ts';
