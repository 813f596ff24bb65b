/**
 * Where API tokens are issued, revoked and turned into principals.
 *
 * @module
 */

import { AccessError } from './errors.ts';
import { formatScope, type Principal } from './grant.ts';
import { type Desk, INSTALLATION, reasonOf, resourceOf } from './record-keeping.ts';
import { type ApiToken, assertToken, createApiToken, tokenIdOf, type TokenRequest } from './tokens.ts';

/** API tokens. */
export interface TokenDesk {
  /** Issues an API token of the principal. @returns its text, which is shown once, and its record. */
  issueToken(
    principal: Principal,
    request: TokenRequest,
  ): Promise<{ readonly text: string; readonly record: ApiToken }>;
  /** Revokes a token: one's own, or with `access.grant` over everything anybody's. */
  revokeToken(principal: Principal, id: string): Promise<void>;
  /**
   * Turns a shown token into a principal; `groups` are those its subject has now. A refusal is written down: of a token
   * that is known every time, of what is none of ours once a minute with the number of the others.
   * @throws {AccessError} `access/token-invalid`, `access/token-expired`, `access/token-revoked`.
   */
  authenticate(text: string, groups?: readonly string[]): Promise<Principal>;
}

/** Whoever guesses must not be able to fill the record. */
const STRANGER_MS = 60_000;

/** Creates the desk. */
export function createTokenDesk({ store, clock, rng, write, assert, refuse }: Desk): TokenDesk {
  let strangerAt = Number.NEGATIVE_INFINITY;
  let unwritten = 0;

  async function writeRefusal(error: AccessError, record: ApiToken | undefined): Promise<void> {
    const at = clock();
    let detail = 'authenticate';
    if (record === undefined) {
      if (at.getTime() - strangerAt < STRANGER_MS) {
        unwritten += 1;
        return;
      }
      if (unwritten > 0) detail = `authenticate; ${unwritten} more since the last one`;
      strangerAt = at.getTime();
      unwritten = 0;
    }
    await write({
      at,
      subject: record?.subject ?? 'unknown',
      token: record?.id ?? null,
      action: 'token.issue',
      resource: record === undefined ? formatScope(INSTALLATION) : formatScope(record.scope),
      allowed: false,
      reason: reasonOf(error),
      grant: null,
      detail,
    });
  }

  return {
    async issueToken(principal, request) {
      const asked = { action: 'token.issue', resource: resourceOf(request.scope) } as const;
      if (principal.token !== undefined) {
        const why = 'a token does not issue tokens: sign in';
        return refuse(principal, asked, new AccessError('access/denied', why), 'token-scope');
      }
      const { record, text } = createApiToken(principal.subject, request, { at: clock(), rng });
      await assert(principal, asked, `${record.id}: ${request.actions.join(' ')}`);
      await store.addToken(record);
      return { text, record };
    },
    async revokeToken(principal, id) {
      const token = await store.token(id);
      const own = token !== undefined && token.subject === principal.subject;
      const action = own ? 'token.issue' : 'access.grant';
      const resource = own ? resourceOf(token.scope) : INSTALLATION;
      await assert(principal, { action, resource }, `revoke ${id.slice(0, 80)}`);
      if (token === undefined)
        throw new AccessError('access/token-invalid', `there is no API token ${id.slice(0, 80)}`);
      await store.revokeToken(id, clock());
    },
    async authenticate(text, groups = []) {
      let found: ApiToken | undefined;
      try {
        found = await store.token(tokenIdOf(text));
        const { id, subject, actions, scope } = assertToken(text, found, clock());
        return { subject, groups, token: { id, actions, scope } };
      } catch (error) {
        // An identifier is no secret: who does not show the secret too is a stranger, whatever the token is called.
        const isStranger = error instanceof AccessError && error.code === 'access/token-invalid';
        if (error instanceof AccessError) await writeRefusal(error, isStranger ? undefined : found);
        throw error;
      }
    },
  };
}
