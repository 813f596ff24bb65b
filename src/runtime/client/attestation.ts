/**
 * A participant's demand for evidence: nothing of the protocol is sent before the coordinator's evidence was checked,
 * and nothing once the check has grown old. Contributions are sealed to the key that the evidence binds.
 *
 * @module
 */

import { toHex } from '../../foundations/crypto/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { decodeAttestationFrame, encodeMessage, type MessageAddress } from '../../federation/wire/index.ts';
import {
  type AttestationPolicy,
  type AttestationRecord,
  createAttestationGate,
  extendTranscript,
  type GateOptions,
  guardTransport,
  vendorRoots,
} from '../../trust/attestation/index.ts';
import { ClientError } from './errors.ts';

/** What a receipt says of the evidence a round ran under; digests in hexadecimal. */
export interface AttestedReceipt {
  readonly evidenceDigest: string;
  readonly codeDigest: string;
  readonly taskPolicyDigest: string;
  /** Chained over all rounds of this participant: an edited round changes every later one. */
  readonly transcript: string;
  readonly simulated: boolean;
}

/** The check of one coordinator for one task. */
export interface AttestationCheck {
  /** How long the host may wait before it calls `ensure` again. */
  readonly intervalMs: number;
  /**
   * Checks the evidence when there is no check, or when the last one grows old.
   * @throws {@link ClientError} `client/attestation-refused`; nothing is sent then, and the gate stays closed.
   */
  ensure(): Promise<void>;
  /** The coordinator has another key than the one that was checked: the next `ensure` checks again, whatever stands. */
  renew(): void;
  /** @throws `attestation/gate-closed` before a byte of a message is offered. */
  assertOpen(): void;
  /** Seals a message that carries a contribution, under a check that is made again where the last one grew old. */
  seal(message: Uint8Array, address: MessageAddress): Promise<Uint8Array>;
  /** Adds a round to the transcript. Undefined when the gate has closed meanwhile. */
  transcribe(round: number, planDigest: Uint8Array): AttestedReceipt | undefined;
}

/** What the check needs. */
export interface AttestationCheckOptions extends Pick<
  GateOptions,
  'coordinator' | 'task' | 'taskPolicyDigest' | 'log'
> {
  readonly policy: AttestationPolicy;
  readonly participant: string;
  readonly trust?: Partial<GateOptions['trust']>;
  readonly insecureSimulated: boolean;
  /** Carries a challenge to the coordinator and its answer back. */
  readonly ask: (nonce: Uint8Array) => Promise<Uint8Array | undefined>;
  readonly onRecord: (record: AttestationRecord) => void;
  readonly now: () => number;
}

/** Longest lead with which a check is renewed before it runs out. */
const MAX_LEAD_SECONDS = 30;

/** Creates the check, with its gate closed. @throws `attestation/policy-invalid`. */
export function createAttestationCheck(options: AttestationCheckOptions, rng: Rng): AttestationCheck {
  const { policy, ask, onRecord, participant, insecureSimulated, log } = options;
  const clock = (): Date => new Date(options.now());
  const gate = createAttestationGate(
    {
      policy,
      coordinator: options.coordinator,
      task: options.task,
      taskPolicyDigest: options.taskPolicyDigest,
      trust: { roots: vendorRoots(), ...options.trust },
      insecureSimulated,
      ...(log === undefined ? {} : { log }),
    },
    rng,
  );
  // The transport behind the gate only hands back what may be sent: sending is the host's, with its repetitions.
  const guarded = guardTransport({ send: (bytes) => bytes }, gate, clock);
  const leadSeconds = Math.min(MAX_LEAD_SECONDS, policy.recheckSeconds / 3);
  let transcript: Uint8Array = new Uint8Array(32);
  let renewing = false;

  async function ensure(): Promise<void> {
    if (!renewing && !gate.isDue(clock(), leadSeconds)) return;
    const frame = await askOrRefuse(ask, gate.challenge(clock()));
    if (frame === undefined) return;
    renewing = false;
    const record = await gate.check(frame, clock());
    onRecord(record);
    if (record.outcome === 'accepted') return;
    const reasons = record.refusals.map(({ code, message }) => `${message} (${code})`).join('; ');
    throw new ClientError(
      'client/attestation-refused',
      `the coordinator’s evidence is refused, nothing was sent: ${reasons}`,
      { details: { codes: record.refusals.map(({ code }) => code) } },
    );
  }

  return {
    intervalMs: Math.max(100, leadSeconds * 500),
    ensure,
    renew() {
      renewing = true;
    },
    assertOpen: () => void gate.assertOpen(clock()),
    async seal(message, address) {
      // Training may have taken longer than the last check stands.
      await ensure();
      const { taskId, round } = address;
      const payload = await guarded.sendContribution(message, { taskId, round, participant });
      return encodeMessage({ kind: 'sealed', ...address, payload });
    },
    transcribe(round, planDigest) {
      const admission = gate.admission(clock());
      if (admission === undefined) return undefined;
      const { evidenceDigest, codeDigest, taskPolicyDigest } = gate.transcript(clock());
      transcript = extendTranscript(transcript, {
        round,
        configDigest: planDigest,
        attestation: gate.transcript(clock()),
      });
      return {
        evidenceDigest: toHex(evidenceDigest),
        codeDigest: toHex(codeDigest),
        taskPolicyDigest: toHex(taskPolicyDigest),
        transcript: toHex(transcript),
        simulated: admission.simulated,
      };
    },
  };
}

/** Asks; a coordinator that has nothing to show, or answers something else, is refused like one with bad evidence. */
async function askOrRefuse(
  ask: AttestationCheckOptions['ask'],
  nonce: Uint8Array,
): Promise<ReturnType<typeof decodeAttestationFrame> | undefined> {
  try {
    const bytes = await ask(nonce);
    return bytes === undefined ? undefined : decodeAttestationFrame(bytes);
  } catch (cause) {
    if (!(cause instanceof SottoError)) throw cause;
    throw new ClientError(
      'client/attestation-refused',
      `the coordinator shows no evidence, nothing was sent: ${cause.message}`,
      {
        cause,
        details: { codes: [cause.code, ...(typeof cause.details.type === 'string' ? [cause.details.type] : [])] },
      },
    );
  }
}
