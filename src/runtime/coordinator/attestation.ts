/**
 * What a coordinator in a trusted execution environment proves of itself: the key that contributions are sealed to, drawn
 * in this process and never written anywhere, and evidence that binds it to a participant's nonce, the task's policy and
 * the code.
 *
 * @module
 */

import { toHex } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { decodeMessage, encodeAttestationFrame } from '../../federation/wire/index.ts';
import {
  answerChallenge,
  computeEvidenceDigest,
  createSealingKey,
  decodeEvidence,
  type EvidenceSource,
  NONCE_BYTES,
  type SignedReferences,
} from '../../trust/attestation/index.ts';
import { CoordinatorError } from './errors.ts';

/** The attesting side of a coordinator. */
export interface CoordinatorAttestation {
  /** Raw X25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly codeDigest: Uint8Array;
  /** Evidence is simulated: it protects nothing, and every output says so. */
  readonly simulated: boolean;
  /** Answers a participant's challenge. @throws {@link CoordinatorError} `coordinator/malformed-request`. */
  answer(
    nonce: Uint8Array,
    taskPolicyDigest: Uint8Array,
  ): Promise<{ readonly frame: Uint8Array; readonly evidenceDigest: string }>;
  /**
   * Opens a sealed message.
   * @returns the message inside.
   * @throws `attestation/sealing-failed` when it was sealed to another key, policy, task, round or sender.
   */
  open(
    sealed: Uint8Array,
    context: { readonly participant: string; readonly taskPolicyDigest: Uint8Array },
  ): Promise<Uint8Array>;
}

/** What a coordinator attests with. */
export interface AttestationOptions {
  /** A device's driver, or a simulation. */
  readonly source: EvidenceSource;
  /** SHA-256 of the code that runs. */
  readonly codeDigest: Uint8Array;
  readonly simulated?: boolean;
  readonly references?: readonly SignedReferences[];
}

/** Draws the key and binds the source of evidence. */
export async function createCoordinatorAttestation(
  { source, codeDigest, simulated = false, references = [] }: AttestationOptions,
  rng: Rng,
): Promise<CoordinatorAttestation> {
  const key = await createSealingKey(rng);
  return {
    publicKey: key.publicKey,
    codeDigest,
    simulated,
    async answer(nonce, taskPolicyDigest) {
      if (nonce.length !== NONCE_BYTES) {
        throw new CoordinatorError('coordinator/malformed-request', `a challenge is ${NONCE_BYTES} bytes`);
      }
      const answer = await answerChallenge(nonce, {
        source,
        publicKey: key.publicKey,
        taskPolicyDigest,
        codeDigest,
        references,
      });
      const frame = encodeAttestationFrame({ ...answer, references });
      return { frame, evidenceDigest: toHex(computeEvidenceDigest(decodeEvidence(answer.evidence))) };
    },
    async open(sealed, { participant, taskPolicyDigest }) {
      const message = decodeMessage(sealed);
      if (message.kind !== 'sealed')
        throw new CoordinatorError('coordinator/message-refused', 'the message is not sealed');
      const { taskId, round, payload } = message;
      return key.open(payload, { policyDigest: taskPolicyDigest, taskId, round, participant });
    },
  };
}
