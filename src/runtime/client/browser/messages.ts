/**
 * What a page and the worker that takes part for it say to each other. Examples go to the worker once and never come
 * back; the page sees numbers about the task and its own budget.
 *
 * @module
 */

import type { DatasetFields } from '../../../learning/data/index.ts';
import type { RecordView } from '../../../trust/attestation/index.ts';
import type { ParticipantPolicy } from '../policy.ts';
import type { RoundReceipt } from '../receipts.ts';

/** A task as a page explains it: public constants alone. */
export interface TaskView {
  readonly taskId: string;
  readonly name: string;
  readonly participants: number;
  readonly rounds: number;
  readonly attempts: number;
  readonly inputShape: readonly number[];
  /** Numbers the model gives out; the classes where it classifies. */
  readonly outputs: number;
  readonly classifies: boolean;
  readonly parameterCount: number;
  readonly layers: readonly string[];
  /** The vocabulary words are hashed into, where the model reads tokens. */
  readonly tokens: { readonly vocabulary: number; readonly padding: number } | null;
  readonly samplingRate: number;
  readonly clipNorm: number;
  readonly trust: string;
  readonly privacyUnit: string;
  readonly aggregation: string;
  /** Those beside the coordinator who help to form the sum: aggregation servers, or the holder of the key. */
  readonly assistants: readonly string[];
  /** Fewest participants in a sum; 0 where the coordinator reads every contribution. */
  readonly threshold: number;
  readonly maxCorrupt: number;
  /** Totals of the task; absent without privacy. */
  readonly epsilon: number | null;
  readonly delta: number | null;
  readonly epsilonPerRound: number;
  readonly noiseMultiplier: number | null;
  /** Bytes of one protected contribution. */
  readonly contributionBytes: number;
  readonly planDigest: string;
  /** The task file, YAML. */
  readonly definition: string;
}

/** A task this browser has joined. */
export interface Enrolment {
  readonly url: string;
  readonly taskId: string;
  readonly participant: string;
  readonly label: string;
  readonly joinedAt: string;
  readonly state: 'active' | 'left' | 'ended';
  readonly task: TaskView;
}

/** How the task stands, by the coordinator's word. */
export interface TaskProgress {
  readonly state: string;
  readonly round: number;
  readonly rounds: number;
  readonly accuracy: number | null;
  readonly participants: number;
}

/** What the own ledger says. */
export interface BudgetView {
  readonly spent: number;
  readonly limit: number;
  readonly delta: number;
  readonly charges: number;
  /** Head of the chain, hexadecimal. */
  readonly head: string;
}

/** The receipts of a task, oldest first, and whether each follows from the one before. */
export interface ReceiptsView {
  readonly receipts: readonly RoundReceipt[];
  readonly intact: boolean;
}

/** The check of a coordinator's evidence, laid out for people. */
export type AttestationView = RecordView;

/** Where a participation is. */
export type Phase = 'idle' | 'joining' | 'waiting' | 'computing' | 'offline' | 'paused' | 'ended' | 'failed';

/** A file as it was dropped, with its path below the dropped folder. */
export interface DroppedFile {
  readonly path: string;
  readonly file: File;
}

/** How dropped files are read. */
export interface ReadOptions {
  /** Dark on light where the task expects light on dark. */
  readonly invert?: boolean;
  /** Column of the label; found by its name where it is not said. */
  readonly label?: string;
}

/** What was made of dropped files; the examples stay in the worker. */
export interface DataSummary {
  readonly kind: 'idx' | 'table' | 'images' | 'texts';
  readonly size: number;
  /** Examples of each class; empty for a regression. */
  readonly classes: readonly { readonly name: string; readonly count: number }[];
  /** Files that are of no use here. */
  readonly ignored: number;
  /** Columns of a table, and which is the label. */
  readonly columns: readonly string[];
  readonly label: string | null;
  /** The first examples as the model will see them, where they are images: `height × width × channels` bytes each. */
  readonly previews: readonly { readonly pixels: Uint8Array; readonly label: string }[];
  /** The first texts or rows, where examples are no images. */
  readonly lines: readonly { readonly text: string; readonly label: string }[];
}

/** A policy as an object, or the text of a policy file (YAML or JSON). */
export type GivenPolicy = ParticipantPolicy | string;

interface Place {
  readonly url: string;
  readonly taskId: string;
}

/** Questions and orders of the page. */
export type HostRequest =
  | { readonly kind: 'open' }
  | ({ readonly kind: 'look'; readonly token: string } & Place)
  | ({ readonly kind: 'check'; readonly policy: GivenPolicy } & Place)
  | ({
      readonly kind: 'read';
      readonly token: string;
      readonly files: readonly DroppedFile[];
      readonly options: ReadOptions;
    } & Place)
  | ({
      readonly kind: 'join';
      readonly token: string;
      readonly label: string;
      readonly policy: GivenPolicy;
      /** Examples; those of the last `read` where it is left out. */
      readonly data?: DatasetFields;
    } & Place)
  | { readonly kind: 'pause' }
  | ({ readonly kind: 'leave' } & Place)
  | ({ readonly kind: 'budget' } & Place)
  | ({ readonly kind: 'receipts' } & Place)
  | ({ readonly kind: 'attestation' } & Place)
  | ({ readonly kind: 'export'; readonly list: 'ledger' | 'receipts' | 'attestation' } & Place)
  | { readonly kind: 'forget' };

/** What each request is answered with. */
export interface HostAnswers {
  open: { readonly fingerprint: string; readonly enrolments: readonly Enrolment[] };
  look: TaskView;
  /** Why the policy refuses the task; null when it accepts. */
  check: string | null;
  read: DataSummary;
  join: null;
  pause: null;
  leave: null;
  budget: BudgetView | null;
  receipts: ReceiptsView;
  /** The newest check; null where there was none. */
  attestation: AttestationView | null;
  export: Uint8Array;
  forget: null;
}

/** What the worker tells unasked. */
export type HostEvent =
  | { readonly kind: 'phase'; readonly phase: Phase; readonly note: string | null }
  | { readonly kind: 'reading'; readonly done: number; readonly total: number }
  | { readonly kind: 'progress'; readonly progress: TaskProgress }
  | { readonly kind: 'attested'; readonly outcome: string }
  /** The coordinator says that its evidence is simulated: it protects nothing. */
  | { readonly kind: 'simulated' }
  | { readonly kind: 'round'; readonly round: number; readonly outcome: string; readonly epsilon: number | null };

/** From page to worker. */
export interface HostCall {
  readonly id: number;
  readonly request: HostRequest;
}

/** From worker to page. */
export type HostMessage =
  | { readonly id: number; readonly ok: true; readonly value: HostAnswers[keyof HostAnswers] }
  | { readonly id: number; readonly ok: false; readonly code: string; readonly message: string }
  | { readonly event: HostEvent };
