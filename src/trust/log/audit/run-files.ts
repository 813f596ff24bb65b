/**
 * What an audit reads and is told: the files of a run, wherever they are, and what the verifier knows beside them.
 *
 * @module
 */

import type { NoteVerifier } from '../note.ts';

/** The files of a run, wherever they are. */
export interface RunFiles {
  /** Every file, or undefined where nobody can list them (a web server). */
  list(): Promise<readonly string[] | undefined>;
  read(name: string): Promise<Uint8Array | undefined>;
}

/** What an audit is told beside the files. */
export interface AuditOptions {
  /** Keys of the log and its witnesses that the verifier knows; without them the run's own key file is used, and said so. */
  readonly verifiers?: readonly NoteVerifier[];
  /** Witnesses that must have signed. */
  readonly witnesses?: number;
  /** Signed checkpoints seen before; the log must continue every one. */
  readonly seen?: readonly string[];
  /** Receipts that participants took home, beside those in the run's folder; the log must agree with every one. */
  readonly receipts?: readonly { readonly file: string; readonly bytes: Uint8Array }[];
  /** Derives a task's plan anew. */
  readonly derivePlan?: (task: string, inputShape: readonly number[], version: string) => DerivedPlan;
}

/** What follows from a task's file. */
export interface DerivedPlan {
  /** Of what derives plans; one of another version is not compared. */
  readonly version: string;
  readonly planDigest: string;
  /** The event an attempt is charged, as JSON; null without privacy. */
  readonly event: unknown;
  /** Cohorts that may be open at once; one when it is left out. */
  readonly concurrency?: number;
  /** Whether memberships are counted and charged; where they are not, every attempt is charged. */
  readonly countsMemberships?: boolean;
  /** What the event pays for where one party trains. */
  readonly charged?: 'step' | 'run';
  /** Digest of the parameters in a model file, in the order that rounds offer them. */
  digestModel(file: Uint8Array): string;
}

/** Names of files in a run folder. */
export const RUN_FILES = {
  log: 'log/',
  key: 'log.vkey',
  privateKey: 'private/log.key',
  salts: 'private/salts.json',
  /** Who was in which attempt, where not everybody is in all of them. */
  cohorts: 'private/cohorts.jsonl',
  receipts: 'receipts/',
  /** Where the log is that of a key store. */
  keyStore: 'keystore.json',
  task: 'task.resolved.yaml',
  metrics: 'metrics.jsonl',
  checkpoint: 'checkpoint.safetensors',
  model: 'model.safetensors',
  summary: 'summary.json',
} as const;
