/**
 * What tokens of attestation services have in common: how their claims are read, their times, and what their verifiers need.
 *
 * @module
 */

import { type AttestationResult, TCB_STATUSES, type TcbStatus } from '../result.ts';
import type { DecodedToken } from './jwt.ts';
import type { KeySet } from './key-set.ts';

type Facts = Record<string, string | number | boolean | null>;

/** Reads a nested member as a plain value. */
export function member(source: unknown, ...path: readonly string[]): unknown {
  let value = source;
  for (const name of path) {
    if (value === null || typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** Copies those of the members that are plain values. */
export function plainFacts(source: unknown, names: Readonly<Record<string, readonly string[]>>): Facts {
  const facts: Facts = {};
  for (const [name, path] of Object.entries(names)) {
    const value = member(source, ...path);
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') facts[name] = value;
  }
  return facts;
}

/** Reads a TCB status in whatever case the token writes it. */
export function tcbStatusOf(value: unknown): TcbStatus {
  if (typeof value !== 'string') return 'NotRated';
  const plain = value.replaceAll(/[_\s-]/g, '').toLowerCase();
  return TCB_STATUSES.find((status) => status.toLowerCase() === plain) ?? 'Unknown';
}

/** What tokens of either kind need beside themselves. */
export interface TokenOptions {
  /** The issuer's public keys, given by the caller. */
  readonly keys: KeySet;
  /** The `aud` that the token must name. */
  readonly audience?: string;
  readonly at: Date;
}

/** Notes the times and the signer, which tokens share. */
export function tokenTimes({ claims }: DecodedToken): Pick<AttestationResult, 'issuedAt' | 'validUntil'> {
  return {
    issuedAt: new Date((claims.iat as number) * 1000).toISOString(),
    validUntil: new Date((claims.exp as number) * 1000).toISOString(),
  };
}
