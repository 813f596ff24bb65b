/**
 * What a page and the worker that takes part for it say to each other. Examples go to the worker once and never come
 * back; the page sees numbers about the task and its own budget.
 *
 * @module
 */

import type { DatasetFields } from '../../../learning/data/index.ts';
import type { ParticipantPolicy } from '../policy.ts';

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
  readonly samplingRate: number;
  readonly clipNorm: number;
  readonly trust: string;
  readonly privacyUnit: string;
  readonly aggregation: string;
  /** Fewest participants in a sum; 0 without secure aggregation. */
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

/** The receipt of a round, as the participant keeps it. */
export interface ReceiptView {
  readonly time: string;
  readonly round: number;
  readonly outcome: string;
  readonly epsilon: number | null;
}

/** Where a participation is. */
export type Phase = 'idle' | 'joining' | 'waiting' | 'computing' | 'offline' | 'paused' | 'ended' | 'failed';

interface Place {
  readonly url: string;
  readonly taskId: string;
}

/** Questions and orders of the page. */
export type HostRequest =
  | { readonly kind: 'open' }
  | ({ readonly kind: 'look'; readonly token: string } & Place)
  | ({ readonly kind: 'check'; readonly policy: ParticipantPolicy } & Place)
  | ({
      readonly kind: 'join';
      readonly token: string;
      readonly label: string;
      readonly policy: ParticipantPolicy;
      readonly data: DatasetFields;
    } & Place)
  | { readonly kind: 'pause' }
  | ({ readonly kind: 'leave' } & Place)
  | ({ readonly kind: 'budget' } & Place)
  | ({ readonly kind: 'receipts' } & Place)
  | ({ readonly kind: 'export'; readonly list: 'ledger' | 'receipts' } & Place)
  | { readonly kind: 'forget' };

/** What each request is answered with. */
export interface HostAnswers {
  open: { readonly fingerprint: string; readonly enrolments: readonly Enrolment[] };
  look: TaskView;
  /** Why the policy refuses the task; null when it accepts. */
  check: string | null;
  join: null;
  pause: null;
  leave: null;
  budget: BudgetView | null;
  receipts: readonly ReceiptView[];
  export: Uint8Array;
  forget: null;
}

/** What the worker tells unasked. */
export type HostEvent =
  | { readonly kind: 'phase'; readonly phase: Phase; readonly note: string | null }
  | { readonly kind: 'progress'; readonly progress: TaskProgress }
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
