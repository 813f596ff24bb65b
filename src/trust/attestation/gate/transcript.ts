/**
 * What each round's transcript carries of the attestation, so that a log shows under which evidence a round ran.
 *
 * @module
 */

import { sha256 } from '../../../foundations/crypto/index.ts';
import { encodeCbor } from '../cbor.ts';

/** The attested facts of a round. */
export interface TranscriptEntry {
  readonly evidenceDigest: Uint8Array;
  readonly taskPolicyDigest: Uint8Array;
  readonly codeDigest: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** Digest of an entry: 32 bytes for the round's configuration or transcript. */
export function computeTranscriptDigest(entry: TranscriptEntry): Uint8Array {
  const { evidenceDigest, taskPolicyDigest, codeDigest, publicKey } = entry;
  return sha256(
    encodeCbor(['sotto/attestation/transcript/v1', evidenceDigest, taskPolicyDigest, codeDigest, publicKey]),
  );
}

/**
 * Chains the transcripts of rounds: SHA-256 over the one before, the round's number and its configuration, and the
 * attested facts. An edited round changes every later digest.
 * @param previous - 32 bytes; zeros before the first round.
 */
export function extendTranscript(
  previous: Uint8Array,
  {
    round,
    configDigest,
    attestation,
  }: {
    readonly round: number;
    readonly configDigest: Uint8Array;
    readonly attestation: TranscriptEntry;
  },
): Uint8Array {
  const entry = computeTranscriptDigest(attestation);
  return sha256(encodeCbor(['sotto/attestation/round/v1', previous, round, configDigest, entry]));
}
