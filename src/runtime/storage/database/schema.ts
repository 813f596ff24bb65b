/**
 * The tables of a coordinator, and the migrations that make them. Everything that a restarted coordinator needs is
 * here or in the object store; vectors are never here.
 *
 * @module
 */

import { type Generated, type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

import { accessMigration, type AccessTables } from './access-schema.ts';
import { type PeopleTables, peopleMigration } from './people-schema.ts';

/** A task the coordinator serves. */
export interface TasksTable {
  readonly id: string;
  name: string;
  /** The resolved task file, YAML. */
  definition: string;
  /** `enrolling`, `running`, `paused`, `stopped` or `finished`. */
  state: string;
  round: number;
  /** Object keys of the current parameters and optimizer state. */
  checkpoint_key: string | null;
  model_digest: string | null;
  created_at: Date;
  updated_at: Date;
}

/** Somebody who may take part, known by an identity key. */
export interface ParticipantsTable {
  readonly id: string;
  task_id: string;
  /** Ed25519 public key, 32 bytes. */
  identity_key: Uint8Array;
  /** What the participant calls itself; shown, never trusted. */
  label: string;
  /** `active`, `left` or `revoked`. */
  state: string;
  joined_at: Date;
  seen_at: Date;
}

/** A right to join, used once. */
export interface EnrolmentTokensTable {
  /** SHA-256 of the token; the token itself is shown once and never stored. */
  readonly digest: Uint8Array;
  task_id: string;
  expires_at: Date;
  used_by: string | null;
}

/** One attempt at a round. */
export interface AttemptsTable {
  task_id: string;
  attempt: number;
  round: number;
  /** Ids of the cohort, JSON. */
  cohort: string;
  /** `open`, `committed` or `aborted`. */
  state: string;
  reason: string | null;
  /** The ledger's reservation; null without privacy, and where nobody reached more memberships than were charged. */
  reservation: string | null;
  /** Where several attempts are open: object key of the checkpoint it was offered, empty for the initial model. */
  base: string | null;
  opened_at: Date;
  closed_at: Date | null;
}

/** What happened in an attempt, in order: replayed after a restart, the same machine comes to the same state. */
export interface AttemptEventsTable {
  task_id: string;
  attempt: number;
  position: number;
  /** `message` or `timeout`. */
  kind: string;
  stage: string;
  participant: string | null;
  /** Small messages are here, large ones in the object store. */
  payload: Uint8Array | null;
  object_key: string | null;
}

/** Ledger records, one list a ledger. */
export interface LedgerRecordsTable {
  ledger: string;
  position: number;
  record: Uint8Array;
}

/** One report an attempt. */
export interface MetricsTable {
  task_id: string;
  attempt: number;
  report: string;
}

/** Who serves what, where several nodes share the database. */
export interface LeasesTable {
  readonly name: string;
  holder: string;
  note: string;
  fence: number;
  expires_at: Date;
}

/** Everything. */
export interface Tables extends AccessTables, PeopleTables {
  leases: LeasesTable;
  tasks: TasksTable;
  participants: ParticipantsTable;
  enrolment_tokens: EnrolmentTokensTable;
  attempts: AttemptsTable;
  attempt_events: AttemptEventsTable;
  ledger_records: LedgerRecordsTable;
  metrics: MetricsTable;
  audit_events: {
    readonly id: Generated<number>;
    at: Date;
    actor: string;
    action: string;
    subject: string;
    detail: string;
  };
}

const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const now = sql`now()`;
    await db.schema
      .createTable('tasks')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('definition', 'text', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('round', 'integer', (column) => column.notNull().defaultTo(0))
      .addColumn('checkpoint_key', 'text')
      .addColumn('model_digest', 'text')
      .addColumn('created_at', 'timestamptz', (column) => column.notNull().defaultTo(now))
      .addColumn('updated_at', 'timestamptz', (column) => column.notNull().defaultTo(now))
      .execute();
    await db.schema
      .createTable('participants')
      .addColumn('id', 'text', (column) => column.notNull())
      .addColumn('task_id', 'text', (column) => column.notNull().references('tasks.id'))
      .addColumn('identity_key', 'bytea', (column) => column.notNull())
      .addColumn('label', 'text', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('joined_at', 'timestamptz', (column) => column.notNull().defaultTo(now))
      .addColumn('seen_at', 'timestamptz', (column) => column.notNull().defaultTo(now))
      .addPrimaryKeyConstraint('participants_key', ['task_id', 'id'])
      .addUniqueConstraint('participants_identity', ['task_id', 'identity_key'])
      .execute();
    await db.schema
      .createTable('enrolment_tokens')
      .addColumn('digest', 'bytea', (column) => column.primaryKey())
      .addColumn('task_id', 'text', (column) => column.notNull().references('tasks.id'))
      .addColumn('expires_at', 'timestamptz', (column) => column.notNull())
      .addColumn('used_by', 'text')
      .execute();
    await db.schema
      .createTable('attempts')
      .addColumn('task_id', 'text', (column) => column.notNull().references('tasks.id'))
      .addColumn('attempt', 'integer', (column) => column.notNull())
      .addColumn('round', 'integer', (column) => column.notNull())
      .addColumn('cohort', 'text', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('reason', 'text')
      .addColumn('reservation', 'text')
      .addColumn('opened_at', 'timestamptz', (column) => column.notNull().defaultTo(now))
      .addColumn('closed_at', 'timestamptz')
      .addPrimaryKeyConstraint('attempts_key', ['task_id', 'attempt'])
      .execute();
    await db.schema
      .createTable('attempt_events')
      .addColumn('task_id', 'text', (column) => column.notNull())
      .addColumn('attempt', 'integer', (column) => column.notNull())
      .addColumn('position', 'integer', (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('stage', 'text', (column) => column.notNull())
      .addColumn('participant', 'text')
      .addColumn('payload', 'bytea')
      .addColumn('object_key', 'text')
      .addPrimaryKeyConstraint('attempt_events_key', ['task_id', 'attempt', 'position'])
      .addForeignKeyConstraint('attempt_events_attempt', ['task_id', 'attempt'], 'attempts', ['task_id', 'attempt'])
      .execute();
    await db.schema
      .createIndex('attempt_events_answer')
      .on('attempt_events')
      .columns(['task_id', 'attempt', 'stage', 'participant'])
      .unique()
      .where(sql.ref('kind'), '=', 'message')
      .execute();
    await db.schema
      .createTable('ledger_records')
      .addColumn('ledger', 'text', (column) => column.notNull())
      .addColumn('position', 'integer', (column) => column.notNull())
      .addColumn('record', 'bytea', (column) => column.notNull())
      .addPrimaryKeyConstraint('ledger_records_key', ['ledger', 'position'])
      .execute();
    await db.schema
      .createTable('metrics')
      .addColumn('task_id', 'text', (column) => column.notNull())
      .addColumn('attempt', 'integer', (column) => column.notNull())
      .addColumn('report', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('metrics_key', ['task_id', 'attempt'])
      .execute();
    await db.schema
      .createTable('audit_events')
      .addColumn('id', 'integer', (column) => column.primaryKey().generatedAlwaysAsIdentity())
      .addColumn('at', 'timestamptz', (column) => column.notNull().defaultTo(now))
      .addColumn('actor', 'text', (column) => column.notNull())
      .addColumn('action', 'text', (column) => column.notNull())
      .addColumn('subject', 'text', (column) => column.notNull())
      .addColumn('detail', 'text', (column) => column.notNull())
      .execute();
  },
};

const leases: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('leases')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('holder', 'text', (column) => column.notNull())
      .addColumn('note', 'text', (column) => column.notNull())
      .addColumn('fence', 'integer', (column) => column.notNull())
      .addColumn('expires_at', 'timestamptz', (column) => column.notNull())
      .execute();
  },
};

/** Attempts that are offered other models than the current one. */
const bases: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('attempts').addColumn('base', 'text').execute();
  },
};

/** Migrations by name, in order of name; one that has landed is never changed. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-coordinator': first,
  '0002-leases': leases,
  '0003-access': accessMigration,
  '0004-people': peopleMigration,
  '0005-bases': bases,
};
