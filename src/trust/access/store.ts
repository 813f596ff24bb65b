/**
 * Where grants, roles, tokens, releases and decisions are kept: the contract, and a store in memory.
 *
 * @module
 */

import type { DecisionReason } from './decide.ts';
import type { Grant } from './grant.ts';
import type { Release } from './release.ts';
import type { Action, Role } from './roles.ts';
import type { ApiToken } from './tokens.ts';

/** Why something was refused before or after grants were looked at. */
export type RefusalReason =
  | 'token-invalid'
  | 'token-expired'
  | 'token-revoked'
  | 'release-closed'
  | 'release-mismatch'
  /** May download, and these bytes were not approved. */
  | 'not-released';

/** What is written down of every decision. Nothing secret is in it. */
export interface AccessRecord {
  readonly at: Date;
  readonly subject: string;
  /** Identifier of the API token that was shown. */
  readonly token: string | null;
  readonly action: Action;
  /** As `kind:id`. */
  readonly resource: string;
  readonly allowed: boolean;
  readonly reason: DecisionReason | RefusalReason;
  readonly grant: string | null;
  /** What an administrative act did. */
  readonly detail: string;
}

/** Grants, roles, tokens, releases, decisions. Records are only ever added; a revocation is a time on them. */
export interface AccessStore {
  grantsOf(subjects: readonly string[]): Promise<readonly Grant[]>;
  listGrants(): Promise<readonly Grant[]>;
  addGrant(grant: Grant): Promise<void>;
  /** Adds grants only when there is none at all. @returns whether it did. */
  addFirstGrants(grants: readonly Grant[]): Promise<boolean>;
  /** @returns false when there is no such grant, or it was revoked before. */
  revokeGrant(id: string, at: Date): Promise<boolean>;
  roles(): Promise<readonly Role[]>;
  putRole(role: Role): Promise<void>;
  token(id: string): Promise<ApiToken | undefined>;
  listTokens(subject?: string): Promise<readonly ApiToken[]>;
  addToken(token: ApiToken): Promise<void>;
  revokeToken(id: string, at: Date): Promise<boolean>;
  release(id: string): Promise<Release | undefined>;
  listReleases(): Promise<readonly Release[]>;
  addRelease(release: Release): Promise<void>;
  /** Adds an approval, once a subject. */
  approve(id: string, approval: { readonly by: string; readonly at: Date }): Promise<void>;
  reject(id: string, by: string): Promise<void>;
  record(record: AccessRecord): Promise<void>;
  /** Decisions, oldest first. */
  records(options?: { readonly after?: number; readonly limit?: number }): Promise<readonly AccessRecord[]>;
}

/** Creates a store that forgets. */
export function createMemoryAccessStore(): AccessStore {
  const grants = new Map<string, Grant>();
  const roles = new Map<string, Role>();
  const tokens = new Map<string, ApiToken>();
  const releases = new Map<string, Release>();
  const records: AccessRecord[] = [];
  return {
    grantsOf: (subjects) => Promise.resolve([...grants.values()].filter(({ subject }) => subjects.includes(subject))),
    listGrants: () => Promise.resolve([...grants.values()]),
    async addGrant(grant) {
      grants.set(grant.id, grant);
    },
    async addFirstGrants(first) {
      if (grants.size > 0) return false;
      for (const grant of first) grants.set(grant.id, grant);
      return true;
    },
    async revokeGrant(id, at) {
      const grant = grants.get(id);
      if (grant === undefined || grant.revokedAt !== null) return false;
      grants.set(id, { ...grant, revokedAt: at });
      return true;
    },
    roles: () => Promise.resolve([...roles.values()]),
    async putRole(role) {
      roles.set(role.name, role);
    },
    token: (id) => Promise.resolve(tokens.get(id)),
    listTokens: (subject) =>
      Promise.resolve([...tokens.values()].filter((token) => subject === undefined || token.subject === subject)),
    async addToken(token) {
      tokens.set(token.id, token);
    },
    async revokeToken(id, at) {
      const token = tokens.get(id);
      if (token === undefined || token.revokedAt !== null) return false;
      tokens.set(id, { ...token, revokedAt: at });
      return true;
    },
    release: (id) => Promise.resolve(releases.get(id)),
    listReleases: () => Promise.resolve([...releases.values()]),
    async addRelease(release) {
      releases.set(release.id, release);
    },
    async approve(id, approval) {
      const release = releases.get(id);
      if (release === undefined || release.approvals.some(({ by }) => by === approval.by)) return;
      releases.set(id, { ...release, approvals: [...release.approvals, approval] });
    },
    async reject(id, by) {
      const release = releases.get(id);
      if (release !== undefined) releases.set(id, { ...release, rejectedBy: by });
    },
    async record(record) {
      records.push(record);
    },
    records: ({ after = 0, limit = 1000 } = {}) => Promise.resolve(records.slice(after, after + limit)),
  };
}
