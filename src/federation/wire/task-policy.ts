/**
 * Names that both sides derive alike: a participant's id from its identity key, and the digest of what a task asks for.
 *
 * @module
 */

import { encode } from 'cborg';

import { sha256, toHex } from '../../foundations/crypto/index.ts';

/** The id of the participant behind an identity key; an enrolment authority certifies it without asking anybody. */
export function participantIdOf(identityKey: Uint8Array): string {
  return `p-${toHex(sha256(identityKey)).slice(0, 16)}`;
}

/** A task as a participant is told of it. */
export interface ToldTask {
  readonly taskId: string;
  /** The resolved task file: model, training, privacy, cohort. */
  readonly definition: string;
  readonly inputShape: readonly number[];
  /** The digest of the plan that follows from it, 32 bytes. */
  readonly planDigest: Uint8Array;
}

/**
 * Digest of a task's policy, which evidence of a trusted environment binds and contributions are sealed under.
 * @returns 32 bytes.
 */
export function computeTaskPolicyDigest({ taskId, definition, inputShape, planDigest }: ToldTask): Uint8Array {
  return sha256(encode(['sotto/task-policy/1', taskId, definition, [...inputShape], planDigest]));
}
