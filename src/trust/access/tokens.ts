/**
 * API tokens: `sotto_ID_SECRET`. The identifier finds the record; of the secret only its SHA-256 is kept, which suffices
 * since it has 256 bits of entropy.
 *
 * @module
 */

import { equalBytes, fromHex, sha256, toHex } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { AccessError } from './errors.ts';
import type { Scope } from './grant.ts';
import type { Action } from './roles.ts';

/** A token as it is kept. */
export interface ApiToken {
  readonly id: string;
  /** SHA-256 of the secret, in hexadecimal. */
  readonly digest: string;
  /** Whose grants it draws on. */
  readonly subject: string;
  readonly label: string;
  readonly actions: readonly Action[];
  readonly scope: Scope;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
}

/** What a new token shall be able to do. */
export interface TokenRequest {
  readonly label: string;
  readonly actions: readonly Action[];
  readonly scope: Scope;
  readonly expiresAt: Date;
}

/** The longest life of a token, days. */
export const MAX_TOKEN_DAYS = 366;
const DAY_MS = 24 * 3600 * 1000;
const FORM = /^sotto_([0-9a-f]{16})_([0-9a-f]{64})$/;

/**
 * Makes a token.
 * @returns the record to keep, and the text to show once.
 * @throws {RangeError} when it has no action, no end, or a life above {@link MAX_TOKEN_DAYS}.
 */
export function createApiToken(
  subject: string,
  { label, actions, scope, expiresAt }: TokenRequest,
  { at, rng }: { readonly at: Date; readonly rng: Rng },
): { readonly record: ApiToken; readonly text: string } {
  const lifeMs = expiresAt.getTime() - at.getTime();
  if (!(lifeMs > 0 && lifeMs <= MAX_TOKEN_DAYS * DAY_MS)) {
    throw new RangeError(`"expiresAt" must lie within ${MAX_TOKEN_DAYS} days from now, got ${String(expiresAt)}`);
  }
  if (actions.length === 0) throw new RangeError('"actions" must name at least one action');
  const id = toHex(rng.bytes(8));
  const secret = rng.bytes(32);
  const record: ApiToken = {
    id,
    digest: toHex(sha256(secret)),
    subject,
    label: label.slice(0, 80),
    actions: [...new Set(actions)],
    scope,
    createdAt: at,
    expiresAt,
    revokedAt: null,
  };
  const text = `sotto_${id}_${toHex(secret)}`;
  secret.fill(0);
  return { record, text };
}

/** The identifier in a token's text. @throws {AccessError} `access/token-invalid`. */
export function tokenIdOf(text: string): string {
  const id = FORM.exec(text)?.[1];
  if (id === undefined) throw new AccessError('access/token-invalid', 'this is no API token');
  return id;
}

/**
 * Checks a shown token against its record.
 * @throws {AccessError} `access/token-invalid`, `access/token-revoked`, `access/token-expired`.
 */
export function assertToken(text: string, record: ApiToken | undefined, at: Date): ApiToken {
  const secret = FORM.exec(text)?.[2];
  if (secret === undefined || record === undefined || !equalBytes(sha256(fromHex(secret)), fromHex(record.digest))) {
    throw new AccessError('access/token-invalid', 'this API token is not one of ours');
  }
  if (record.revokedAt !== null) throw new AccessError('access/token-revoked', `API token ${record.id} was revoked`);
  if (at >= record.expiresAt) {
    throw new AccessError(
      'access/token-expired',
      `API token ${record.id} expired at ${record.expiresAt.toISOString()}: issue a new one`,
    );
  }
  return record;
}
