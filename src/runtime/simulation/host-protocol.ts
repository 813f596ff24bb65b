/**
 * What the main thread and the hosts of participants say to each other. A host is a worker thread that holds some of
 * the participants with their data; only protocol bytes, test scores and timings cross the border.
 *
 * @module
 */

import type { AssistantKeys } from '../../federation/rounds/index.ts';
import type { DatasetFields } from '../../learning/data/index.ts';
import type { SecAggAdmission } from '../../secure/secagg/index.ts';
import type { TaskFile } from '../task/index.ts';

/** One participant of a host. */
export interface HostedParticipant {
  readonly id: string;
  readonly data: DatasetFields;
  /** Seed of its identity key, where it signs what it says. */
  readonly identitySeed?: Uint8Array | undefined;
  /** Where an authority says whose key that is. */
  readonly certificate?: Uint8Array | undefined;
}

/** What a host starts from. */
export interface HostSetup {
  readonly task: TaskFile;
  readonly seed: string | undefined;
  /** Keys of the parties that help to form the sum. */
  readonly assistantKeys?: AssistantKeys | undefined;
  /** Whose word participants take for who the others are, where the coordinator's is not enough. */
  readonly admission?: SecAggAdmission | undefined;
  /** This host's slice of the public test data. */
  readonly test: DatasetFields;
}

export type HostRequest =
  | { readonly kind: 'setup'; readonly setup: HostSetup }
  /** Gives the host more participants to hold. */
  | { readonly kind: 'enroll'; readonly participants: readonly HostedParticipant[] }
  /** Without `bytes`: those of the delivery before, which everybody of this host gets. */
  | { readonly kind: 'deliver'; readonly to: string; readonly bytes?: Uint8Array }
  | { readonly kind: 'evaluate'; readonly parameters: Float32Array };

/** Seconds of a host's thread so far, by part. */
export interface HostSeconds {
  readonly gradients: number;
  readonly noise: number;
  /** Keys, shares, masks and message handling. */
  readonly protocol: number;
  readonly evaluation: number;
  readonly setup: number;
}

export type HostAnswer =
  | { readonly kind: 'ready' }
  /** Messages the participant sends back; `refusal` when it refused to answer. */
  | { readonly kind: 'replies'; readonly replies: readonly Uint8Array[]; readonly refusal?: string }
  | { readonly kind: 'score'; readonly correct: number; readonly count: number; readonly loss: number };

/** An answer, with the host's times where they are not asked for a thousand times a round. */
export interface TimedAnswer {
  readonly answer: HostAnswer;
  readonly seconds?: HostSeconds;
}
