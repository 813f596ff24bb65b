/**
 * What a service is and what it is made of, for those who answer for it over HTTP.
 *
 * @module
 */

import type { LedgerStore } from '../../privacy/accounting/index.ts';
import type { WitnessClient } from '../../trust/log/index.ts';
import type { Alert } from '../../trust/monitoring/index.ts';
import type { MetricFamily } from '../drivers/index.ts';
import type { Database } from '../storage/database/index.ts';
import type { Vault } from '../storage/index.ts';
import type { ObjectStore } from '../storage/objects/index.ts';
import type { TaskFile } from '../task/index.ts';
import type { TaskTracker } from '../view/index.ts';
import type { CoordinatorAttestation } from './attestation.ts';
import type { AlertOptions } from './monitoring.ts';
import type { NodeOptions } from './node.ts';
import type { RecordKeeping } from './record-keeping.ts';
import type { Registry } from './registry.ts';
import type { ServiceReport, TaskService } from './served-task.ts';

/** Public facts of a task's data that a coordinator without data must be told, and its test data if it has any. */
export interface TaskFacts {
  readonly inputShape: readonly number[];
  readonly evaluate?: (parameters: Float32Array) => Promise<{ accuracy: number; loss?: number }>;
}

/** The service. */
export interface Service {
  readonly registry: Registry;
  readonly maxMessageBytes: number;
  /** Evidence is simulated: every output says so. */
  readonly simulatedAttestation: boolean;
  /**
   * The address of the node that serves a task, when it is another one.
   * @throws {@link CoordinatorError} `coordinator/elsewhere`, retryable, while a task of the database is between two nodes.
   */
  elsewhere(taskId: string): Promise<string | undefined>;
  /** Every task of the database: those of other nodes with the address to ask. */
  everywhere(): Promise<readonly { readonly id: string; readonly url: string | undefined }[]>;
  tasks(): readonly TaskService[];
  /** @throws {@link CoordinatorError} `coordinator/unknown-task`. */
  task(id: string): TaskService;
  definition(id: string): string;
  inputShape(id: string): readonly number[];
  /** The public key of a party that helps to form the sums of a task. */
  assistantKey(id: string, assistant: string): Uint8Array;
  /** What people see of a task. */
  tracker(id: string): TaskTracker;
  /** Finds a task's public facts, as before it is accepted. */
  factsOf(task: TaskFile): Promise<TaskFacts>;
  readonly db: Database;
  /** Creates and starts a task from the text of a task file. */
  createTask(text: string, actor?: string): Promise<TaskService>;
  invite(taskId: string, actor?: string): Promise<{ token: string; expiresAt: string }>;
  /** Who may do what, and the record of it. */
  readonly record: RecordKeeping;
  audit: RecordKeeping['audit'];
  /** A file of a task's transparency log, as a web server would have it. */
  logFile(taskId: string, path: string): Promise<Uint8Array | undefined>;
  /** The budget ledger of a task, opened where it is sealed. */
  ledgerOf(taskId: string): LedgerStore;
  /** Proofs of the rounds a participant was called to. */
  receipt(taskId: string, participant: string): Promise<Uint8Array | undefined>;
  /** Erases a participant. @returns the receipt, a log proof. */
  erase(taskId: string, participant: string, actor: string): Promise<string>;
  metricLines(taskId: string): Promise<string>;
  prometheus(): Promise<string>;
  /** The same metrics as data. */
  metricFamilies(): Promise<readonly MetricFamily[]>;
  logFailure(error: unknown): void;
  /** Counts a refused request by its code. */
  refused(code: string): void;
  /** Alerts that hold. */
  alerts(): readonly Alert[];
  requestShutdown(): void;
  close(): Promise<void>;
}

/** What the service works with. */
export interface ServiceOptions {
  readonly db: Database;
  readonly objects: ObjectStore;
  readonly operatorToken: string;
  /** Finds a task's public facts; runs before the task is accepted. */
  readonly factsOf: (task: TaskFile) => Promise<TaskFacts>;
  readonly log: (fields: Readonly<Record<string, unknown>>, text: string) => void;
  readonly onShutdown?: () => void;
  readonly onReport?: (taskId: string, report: ServiceReport) => void;
  readonly onWrite?: (point: string) => void;
  readonly invitationMs?: number;
  /** With it, participants can ask for evidence. */
  readonly attestation?: CoordinatorAttestation;
  /**
   * Private key of the tasks' transparency logs, 32 bytes, the same on every node; without it nothing is logged.
   */
  readonly logSeed?: Uint8Array;
  /** Where several nodes share the database: who this one is, and who keeps the leases. */
  readonly node?: NodeOptions;
  /** Who is told of alerts. */
  readonly alerts?: AlertOptions;
  /** Seals the tasks’ ledgers and what the database holds of messages; the objects are sealed by their store. */
  readonly vault?: Vault;
  /** Whose signatures are asked for below the checkpoints of the logs. */
  readonly witnesses?: readonly WitnessClient[];
  /** Checkpoints of the newest rounds that are kept of each task, one at least. */
  readonly keepCheckpoints?: number | undefined;
  /** A release takes two who approve it. */
  readonly fourEyes?: boolean;
  /** Milliseconds since the epoch, for access and its record. */
  readonly now?: () => number;
}
