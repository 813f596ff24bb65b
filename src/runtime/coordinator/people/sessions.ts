/**
 * Sessions of people. The cookie holds a secret of 256 bits; the database holds its digest, so that whoever reads the
 * database cannot be anybody.
 *
 * @module
 */

import { sha256, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { readEntropy } from '../../../foundations/random/index.ts';
import type { Database } from '../../storage/database/index.ts';
import type { Account } from './accounts.ts';

/** A session that is in force. */
export interface PersonSession {
  readonly id: string;
  readonly account: Account;
  readonly groups: readonly string[];
}

/** One session as its owner sees it. */
export interface SessionLine {
  readonly id: string;
  readonly agent: string;
  readonly createdAt: string;
  readonly seenAt: string;
}

/** The sessions of an installation. */
export interface Sessions {
  /** Begins a session. @returns the cookie's secret, which is not kept. */
  begin(account: Account, facts: { readonly agent: string; readonly groups?: readonly string[] }): Promise<string>;
  find(secret: string): Promise<PersonSession | undefined>;
  list(accountId: string): Promise<readonly SessionLine[]>;
  /** Ends a session of an account. */
  revoke(accountId: string, id: string): Promise<void>;
  /** Ends all sessions of an account but one. */
  revokeOthers(accountId: string, keep: string | undefined): Promise<void>;
}

/** Life of a session, and how long one may be silent. */
export const SESSION_MS = 12 * 3600_000;
const IDLE_MS = 2 * 3600_000;
/** How often it is written down that a session was used. */
const SEEN_MS = 60_000;

/** Creates the sessions over a database. */
export function createSessions({ db, now }: { db: Database; now: () => number }): Sessions {
  const digestOf = (secret: string): string => toHex(sha256(utf8(secret)));
  return {
    async begin(account, { agent, groups = [] }) {
      const secret = toHex(readEntropy(32));
      const at = new Date(now());
      await db
        .insertInto('sessions')
        .values({
          id: `s-${toHex(readEntropy(8))}`,
          digest: digestOf(secret),
          account_id: account.id,
          groups: JSON.stringify(groups),
          agent: agent.slice(0, 120),
          created_at: at,
          seen_at: at,
          expires_at: new Date(now() + SESSION_MS),
          revoked_at: null,
        })
        .execute();
      return secret;
    },
    async find(secret) {
      if (!/^[0-9a-f]{64}$/.test(secret)) return undefined;
      const row = await db
        .selectFrom('sessions')
        .innerJoin('accounts', 'accounts.id', 'sessions.account_id')
        .select([
          'sessions.id as session',
          'sessions.groups',
          'sessions.seen_at',
          'accounts.id',
          'accounts.subject',
          'accounts.name',
          'accounts.disabled',
        ])
        .where('sessions.digest', '=', digestOf(secret))
        .where('sessions.revoked_at', 'is', null)
        .where('sessions.expires_at', '>', new Date(now()))
        .where('sessions.seen_at', '>', new Date(now() - IDLE_MS))
        .where('accounts.disabled', '=', false)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      if (now() - row.seen_at.getTime() > SEEN_MS) {
        await db
          .updateTable('sessions')
          .set({ seen_at: new Date(now()) })
          .where('id', '=', row.session)
          .execute();
      }
      const { id, subject, name, disabled } = row;
      return { id: row.session, account: { id, subject, name, disabled }, groups: JSON.parse(row.groups) as string[] };
    },
    async list(accountId) {
      const rows = await db
        .selectFrom('sessions')
        .select(['id', 'agent', 'created_at', 'seen_at'])
        .where('account_id', '=', accountId)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', new Date(now()))
        .where('seen_at', '>', new Date(now() - IDLE_MS))
        .orderBy('created_at', 'desc')
        .execute();
      return rows.map(({ id, agent, created_at: created, seen_at: seen }) => ({
        id,
        agent,
        createdAt: created.toISOString(),
        seenAt: seen.toISOString(),
      }));
    },
    async revoke(accountId, id) {
      await db
        .updateTable('sessions')
        .set({ revoked_at: new Date(now()) })
        .where('account_id', '=', accountId)
        .where('id', '=', id)
        .execute();
    },
    async revokeOthers(accountId, keep) {
      await db
        .updateTable('sessions')
        .set({ revoked_at: new Date(now()) })
        .where('account_id', '=', accountId)
        .where('id', '!=', keep ?? '')
        .where('revoked_at', 'is', null)
        .execute();
    },
  };
}
