/**
 * A task of the service as others see it: what it is made of, what it answers, what it reports.
 *
 * @module
 */

import type { Ledger } from '../../privacy/accounting/index.ts';
import type { Vault } from '../storage/index.ts';
import type { Database } from '../storage/database/index.ts';
import type { ObjectStore } from '../storage/objects/index.ts';
import type { RunPlan } from '../training/index.ts';
import type { StageView } from '../view/index.ts';
import type { ServedAssistants } from './assistants.ts';
import type { CoordinatorAttestation } from './attestation.ts';
import type { Mail, MailWait } from './mailboxes.ts';
import type { ServedLog } from './served-log.ts';
import type { TaskWatch } from './task-watch.ts';

/** When rounds begin and how long they wait. */
export interface ServiceSettings {
  /** Participants that must be there before a round opens; of a cohort so many, if it has as many, must be free. */
  readonly startThreshold: number;
  /** After `startThreshold` is reached, a round waits this long for others. */
  readonly roundWindowMs: number;
  /** A participant that was not heard of for so long is not drawn. */
  readonly presenceMs: number;
}

/** A task's state, for whoever may see it. */
export interface TaskStatus {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly round: number;
  readonly rounds: number;
  readonly accuracy: number | null;
  readonly epsilon: number | null;
  readonly participants: number;
  readonly dropouts: number;
  /** Of the oldest attempt that is open. */
  readonly stage: string | null;
  /** All that are open, the oldest first: one at the most unless rounds are buffered. */
  readonly attempts: readonly { readonly attempt: number; readonly round: number; readonly stage: string }[];
}

/** The report of one attempt. */
export interface ServiceReport {
  readonly attempt: number;
  /** The round that was committed; of an aborted attempt the round it was for. */
  readonly round: number;
  /** Where several cohorts are open: rounds that were committed while this attempt was. */
  readonly staleness?: number;
  readonly outcome: 'committed' | 'aborted';
  readonly reason?: string;
  /** Code of what ended an aborted attempt. */
  readonly code?: string;
  readonly accuracy?: number;
  readonly epsilon: number | null;
  readonly contributors: number;
  readonly dropouts: number;
  readonly seconds: number;
  readonly loss?: number;
  /** The protocol's stages as they passed. */
  readonly stages?: readonly StageView[];
  /** Who stopped answering, with the stage; absent when nobody did. */
  readonly dropped?: Readonly<Record<string, string>>;
  /** Mean of bytes sent plus bytes received, a participant. */
  readonly bytesPerParticipant?: number;
  /** Under which evidence each member of the cohort took part, by participant; absent where nothing was attested. */
  readonly attestation?: AttestedRound;
}

/** What a round's transcript carries of the attestation; digests in hexadecimal. */
export interface AttestedRound {
  readonly simulated: boolean;
  readonly publicKey: string;
  readonly codeDigest: string;
  readonly taskPolicyDigest: string;
  readonly evidence: Readonly<Record<string, string>>;
}

/** One served task. */
export interface TaskService {
  readonly run: RunPlan;
  /** Takes up what a former process left, and opens rounds from now on. */
  start(): Promise<void>;
  /** Records that a participant is there. */
  seen(participant: string): void;
  /** Records that a participant has left: it is not drawn again until it comes back. */
  left(participant: string): void;
  /**
   * Erases a participant between two steps of the task: whoever is chosen for an attempt is seen to be in it, and nobody
   * is chosen who is being erased.
   */
  erase<T>(participant: string, erasing: () => Promise<T>): Promise<T>;
  /**
   * Takes a message of a participant.
   * @throws {@link CoordinatorError} `coordinator/message-refused` when it is not accepted; nothing changed then.
   */
  receive(participant: string, bytes: Uint8Array): Promise<void>;
  mail(participant: string, cursor: number, options: MailWait): Promise<readonly Mail[]>;
  /** Answers a participant's challenge with evidence. @throws {@link CoordinatorError} `coordinator/not-attested`. */
  attest(participant: string, nonce: Uint8Array): Promise<Uint8Array>;
  status(): TaskStatus;
  model(): Uint8Array;
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
  /** Whether this process has put the task down. */
  readonly closed: boolean;
  /** Lets the process end; nothing is lost. */
  close(): Promise<void>;
}

/** What a task service works with. */
export interface TaskServiceOptions {
  readonly id: string;
  readonly run: RunPlan;
  readonly db: Database;
  /** Seals what the database holds of messages. */
  readonly vault?: Vault | undefined;
  readonly objects: ObjectStore;
  readonly ledger: Ledger | undefined;
  readonly settings: ServiceSettings;
  readonly initial: { state: string; round: number; checkpointKey: string | null };
  /** With it, participants can ask for evidence and seal to its key. */
  readonly attestation?: CoordinatorAttestation;
  /** The digest of the task's policy; 32 bytes. */
  readonly taskPolicyDigest: Uint8Array;
  /** False once another node may have taken the task over: nothing is written then. */
  readonly isMine?: () => boolean;
  /** With it, every round goes into the task's transparency log, with what the log says of the task. */
  readonly served?: { readonly log: ServedLog; readonly definition: string; readonly inputShape: readonly number[] };
  /** The parties beside the coordinator that help to form the sum, where the task has such. */
  readonly assistants?: ServedAssistants | undefined;
  /** Accuracy on public test data, where the coordinator has some. */
  readonly evaluate?: (parameters: Float32Array) => Promise<{ accuracy: number; loss?: number }>;
  /** Shows people how the task goes. */
  readonly watch?: TaskWatch;
  readonly onReport?: (report: ServiceReport) => void;
  /** Called between any two writes; tests end the process there. */
  readonly onWrite?: (point: string) => void;
  /** Checkpoints of the newest rounds that are kept, one at least; see {@link KEPT_CHECKPOINTS}. */
  readonly keepCheckpoints?: number | undefined;
  /** Milliseconds that only grow. */
  readonly clock: () => number;
}
