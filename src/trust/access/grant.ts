/**
 * Grants: who holds which role over what, until when.
 *
 * @module
 */

import type { Action } from './roles.ts';

/** Something that access is granted to. */
export interface Resource {
  readonly kind: 'task' | 'dataset' | 'model' | 'service';
  readonly id: string;
}

/** What a grant covers: one resource with all that lies within it, or everything. */
export type Scope = { readonly kind: 'everything' } | Resource;

/** One grant. */
export interface Grant {
  readonly id: string;
  /** A subject as sign-in names it (`oidc:…`, `operator`), or a group as `group:NAME`. */
  readonly subject: string;
  readonly role: string;
  readonly scope: Scope;
  /** Fewer actions than the role has; null: all of them. */
  readonly actions: readonly Action[] | null;
  readonly grantedBy: string;
  readonly grantedAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

/** Who asks: a person or program after sign-in. */
export interface Principal {
  readonly subject: string;
  readonly groups?: readonly string[];
  /** Present when an API token was shown: it narrows what the subject may do, and never widens it. */
  readonly token?: { readonly id: string; readonly actions: readonly Action[]; readonly scope: Scope };
}

/** What is asked for. */
export interface AccessRequest {
  readonly action: Action;
  readonly resource: Resource;
  /** What the resource lies within: a model within its task and its data sets. */
  readonly within?: readonly Resource[];
}

/** The subjects whose grants count for a principal. */
export function subjectsOf({ subject, groups = [] }: Principal): readonly string[] {
  return [subject, ...groups.map((group) => `group:${group}`)];
}

/** Tells whether a scope covers what is asked for. */
export function covers(scope: Scope, { resource, within = [] }: Omit<AccessRequest, 'action'>): boolean {
  if (scope.kind === 'everything') return true;
  return [resource, ...within].some(({ kind, id }) => kind === scope.kind && id === scope.id);
}

/** Tells whether a grant is in force. */
export function isInForce({ expiresAt, revokedAt, grantedAt }: Grant, at: Date): boolean {
  return grantedAt <= at && (expiresAt === null || at < expiresAt) && (revokedAt === null || at < revokedAt);
}

/** Writes a scope or resource as `kind:id`. */
export function formatScope(scope: Scope): string {
  return scope.kind === 'everything' ? 'everything' : `${scope.kind}:${scope.id}`;
}

/** Reads what {@link formatScope} writes. @throws {RangeError} for anything else. */
export function parseScope(text: string): Scope {
  if (text === 'everything') return { kind: 'everything' };
  const [, kind, id] = /^(task|dataset|model|service):([\x21-\x7e]{1,200})$/.exec(text) ?? [];
  if (kind === undefined || id === undefined) {
    throw new RangeError(
      `"scope" must be everything, task:ID, dataset:ID, model:ID or service:ID, got ${JSON.stringify(text)}`,
    );
  }
  return { kind: kind as Resource['kind'], id };
}
