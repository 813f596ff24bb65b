/**
 * The tables of access control: grants, custom roles, API tokens (digests), releases with their approvals, decisions.
 *
 * @module
 */

import { type Generated, type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** The tables, as Kysely sees them. Lists are JSON. */
export interface AccessTables {
  access_grants: {
    readonly id: string;
    subject: string;
    role: string;
    /** As `kind:id`, or `everything`. */
    scope: string;
    /** JSON; null: all actions of the role. */
    actions: string | null;
    granted_by: string;
    granted_at: Date;
    expires_at: Date | null;
    revoked_at: Date | null;
  };
  access_roles: { readonly name: string; actions: string };
  access_tokens: {
    readonly id: string;
    digest: string;
    subject: string;
    label: string;
    actions: string;
    scope: string;
    created_at: Date;
    expires_at: Date;
    revoked_at: Date | null;
  };
  access_releases: {
    readonly id: string;
    model: string;
    within: string;
    digest: string;
    proposed_by: string;
    proposed_at: Date;
    expires_at: Date;
    required: number;
    rejected_by: string | null;
  };
  access_approvals: { release: string; subject: string; at: Date };
  access_records: {
    readonly position: Generated<number>;
    at: Date;
    subject: string;
    token: string | null;
    action: string;
    resource: string;
    allowed: boolean;
    reason: string;
    grant_id: string | null;
    detail: string;
  };
}

/** Makes the tables. */
export const accessMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('access_grants')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('subject', 'text', (column) => column.notNull())
      .addColumn('role', 'text', (column) => column.notNull())
      .addColumn('scope', 'text', (column) => column.notNull())
      .addColumn('actions', 'text')
      .addColumn('granted_by', 'text', (column) => column.notNull())
      .addColumn('granted_at', 'timestamptz', (column) => column.notNull())
      .addColumn('expires_at', 'timestamptz')
      .addColumn('revoked_at', 'timestamptz')
      .execute();
    await db.schema.createIndex('access_grants_subject').on('access_grants').column('subject').execute();
    await db.schema
      .createTable('access_roles')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('actions', 'text', (column) => column.notNull())
      .execute();
    await db.schema
      .createTable('access_tokens')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('digest', 'text', (column) => column.notNull())
      .addColumn('subject', 'text', (column) => column.notNull())
      .addColumn('label', 'text', (column) => column.notNull())
      .addColumn('actions', 'text', (column) => column.notNull())
      .addColumn('scope', 'text', (column) => column.notNull())
      .addColumn('created_at', 'timestamptz', (column) => column.notNull())
      .addColumn('expires_at', 'timestamptz', (column) => column.notNull())
      .addColumn('revoked_at', 'timestamptz')
      .execute();
    await db.schema
      .createTable('access_releases')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('model', 'text', (column) => column.notNull())
      .addColumn('within', 'text', (column) => column.notNull())
      .addColumn('digest', 'text', (column) => column.notNull())
      .addColumn('proposed_by', 'text', (column) => column.notNull())
      .addColumn('proposed_at', 'timestamptz', (column) => column.notNull())
      .addColumn('expires_at', 'timestamptz', (column) => column.notNull())
      .addColumn('required', 'integer', (column) => column.notNull())
      .addColumn('rejected_by', 'text')
      .execute();
    await db.schema
      .createTable('access_approvals')
      .addColumn('release', 'text', (column) => column.notNull().references('access_releases.id'))
      .addColumn('subject', 'text', (column) => column.notNull())
      .addColumn('at', 'timestamptz', (column) => column.notNull())
      .addPrimaryKeyConstraint('access_approvals_key', ['release', 'subject'])
      .execute();
    await db.schema
      .createTable('access_records')
      .addColumn('position', 'integer', (column) => column.primaryKey().generatedAlwaysAsIdentity())
      .addColumn('at', 'timestamptz', (column) => column.notNull())
      .addColumn('subject', 'text', (column) => column.notNull())
      .addColumn('token', 'text')
      .addColumn('action', 'text', (column) => column.notNull())
      .addColumn('resource', 'text', (column) => column.notNull())
      .addColumn('allowed', 'boolean', (column) => column.notNull())
      .addColumn('reason', 'text', (column) => column.notNull())
      .addColumn('grant_id', 'text')
      .addColumn('detail', 'text', (column) => column.notNull().defaultTo(sql`''`))
      .execute();
  },
};
