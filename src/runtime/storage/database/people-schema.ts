/**
 * The tables of sign-in: accounts of people and their sessions.
 *
 * @module
 */

import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** The tables, as Kysely sees them. */
export interface PeopleTables {
  accounts: {
    readonly id: string;
    /** As access control names it: `local:NAME` or `oidc:ISSUER#SUBJECT`. */
    subject: string;
    name: string;
    /** Argon2id with its parameters and salt; null where somebody else checks who it is. */
    password: string | null;
    disabled: boolean;
    created_at: Date;
  };
  sessions: {
    readonly id: string;
    /** SHA-256 of the cookie's secret, in hexadecimal. */
    digest: string;
    account_id: string;
    /** Groups as the provider named them at sign-in, JSON. */
    groups: string;
    agent: string;
    created_at: Date;
    seen_at: Date;
    expires_at: Date;
    revoked_at: Date | null;
  };
}

/** Makes the tables. */
export const peopleMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const now = sql`now()`;
    await db.schema
      .createTable('accounts')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('subject', 'text', (column) => column.notNull().unique())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('password', 'text')
      .addColumn('disabled', 'boolean', (column) => column.notNull().defaultTo(false))
      .addColumn('created_at', 'timestamptz', (column) => column.notNull().defaultTo(now))
      .execute();
    await db.schema
      .createTable('sessions')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('digest', 'text', (column) => column.notNull().unique())
      .addColumn('account_id', 'text', (column) => column.notNull().references('accounts.id'))
      .addColumn('groups', 'text', (column) => column.notNull())
      .addColumn('agent', 'text', (column) => column.notNull())
      .addColumn('created_at', 'timestamptz', (column) => column.notNull().defaultTo(now))
      .addColumn('seen_at', 'timestamptz', (column) => column.notNull().defaultTo(now))
      .addColumn('expires_at', 'timestamptz', (column) => column.notNull())
      .addColumn('revoked_at', 'timestamptz')
      .execute();
  },
};
