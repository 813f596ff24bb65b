/**
 * The participant's gate: closed until the coordinator's evidence has been checked, closed again when the check grows
 * old, fails, or the task's policy or the code changes. Whatever sends bytes asks the gate first.
 *
 * The gate is pure state: nonces, time and evidence come in as arguments, and it sends nothing itself.
 *
 * @module
 */

import { equalBytes, toHex } from '../../../foundations/crypto/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { assertBinding, NONCE_BYTES } from '../binding.ts';
import { AttestationError, type AttestationErrorCode } from '../errors.ts';
import {
  computeEvidenceDigest,
  decodeEvidence,
  type Evidence,
  type TrustContext,
  verifyEvidence,
} from '../evidence.ts';
import { type AttestationDecision, evaluatePolicy } from '../policy/evaluate.ts';
import { pinnedLog, pinnedSigners, pinnedTokenKeys } from '../policy/pinned.ts';
import { type AttestationPolicy, assertPolicySound } from '../policy/policy.ts';
import type { ReferenceSet } from '../reference/reference-values.ts';
import { type ReferenceLog, type SignedReferences, verifyReferences } from '../reference/signed-references.ts';
import { examine, type Refusal, type Verdict } from '../result.ts';
import { withInsecureSimulatedRoot } from '../simulated/evidence.ts';
import { type AttestationRecord, createRecord } from './record.ts';
import { computeTranscriptDigest, type TranscriptEntry } from './transcript.ts';

/** What a gate is made for. */
export interface GateOptions {
  readonly policy: AttestationPolicy;
  /** Names for the record. */
  readonly coordinator: string;
  readonly task: string;
  /** The digest of the task's policy as this participant computed it from what it read. */
  readonly taskPolicyDigest: Uint8Array;
  readonly trust: Omit<TrustContext, 'at'>;
  /** A log in the place of the one that the policy names; one of the two when reference values must be logged. */
  readonly log?: ReferenceLog;
  /** True only by the user's explicit wish; adds the simulated root. */
  readonly insecureSimulated?: boolean;
}

/** The coordinator's answer to a challenge. */
export interface AttestationAnswer {
  /** Encoded by {@link encodeEvidence}. */
  readonly evidence: Uint8Array;
  /** The HPKE key to seal to. */
  readonly publicKey: Uint8Array;
  readonly taskPolicyDigest: Uint8Array;
  readonly codeDigest: Uint8Array;
  /** The participant's nonce, sent back. */
  readonly nonce: Uint8Array;
  readonly references?: readonly SignedReferences[];
}

/** What stands once the gate is open. */
export interface Admission {
  readonly publicKey: Uint8Array;
  readonly taskPolicyDigest: Uint8Array;
  readonly codeDigest: Uint8Array;
  readonly evidenceDigest: Uint8Array;
  readonly checkedAt: Date;
  /** From here on the gate is closed until the next check. */
  readonly standsUntil: Date;
  readonly simulated: boolean;
}

/** A participant's gate. */
export interface AttestationGate {
  /** What stands at a time, or undefined while the gate is closed. */
  readonly admission: (at: Date) => Admission | undefined;
  /** Draws the nonce for the next check. An earlier one that was not answered is void. */
  challenge(at: Date): Uint8Array;
  /** Checks an answer. Opens the gate or closes it; never throws for bad evidence. */
  check(answer: AttestationAnswer, at: Date): Promise<AttestationRecord>;
  /** Whether a check should be made now, so that the gate is still open `leadSeconds` later. */
  readonly isDue: (at: Date, leadSeconds?: number) => boolean;
  /**
   * @returns the admission that stands.
   * @throws {AttestationError} `attestation/gate-closed`, with the reason; nothing may be sent then.
   */
  readonly assertOpen: (at: Date) => Admission;
  /** Tells the gate what the task's policy is now; another one closes it. */
  setTaskPolicy(digest: Uint8Array): void;
  /** Tells the gate which code the coordinator says it runs now; another one closes it. */
  setCode(digest: Uint8Array): void;
  /** The line for the round's transcript. @throws {AttestationError} `attestation/gate-closed`. */
  transcript(at: Date): TranscriptEntry & { readonly digest: Uint8Array };
  /** All checks so far, the newest last. */
  readonly records: readonly AttestationRecord[];
}

const MAX_KEPT_BYTES = 64;

/** Creates a gate, closed. @throws {AttestationError} `attestation/policy-invalid`. */
export function createAttestationGate(options: GateOptions, rng: Rng): AttestationGate {
  const { policy, insecureSimulated = false } = options;
  assertPolicySound(policy, { insecureSimulated });
  if (policy.binding !== 'sotto') {
    throw new AttestationError(
      'attestation/policy-invalid',
      'a gate needs the binding "sotto"; others prove no policy',
    );
  }
  const log = options.log ?? pinnedLog(policy);
  if (policy.references?.requireLogged === true && log === undefined) {
    throw new AttestationError(
      'attestation/policy-invalid',
      'references.requireLogged needs a transparency log: name its keys in references.log',
    );
  }
  const signers = pinnedSigners(policy);
  const tokenKeys = { ...pinnedTokenKeys(policy), ...options.trust.tokenKeys };
  const roots = insecureSimulated ? withInsecureSimulatedRoot(options.trust.roots) : options.trust.roots;
  const records: AttestationRecord[] = [];
  let taskPolicyDigest = options.taskPolicyDigest;
  let pending: { readonly nonce: Uint8Array; readonly at: Date } | undefined;
  let admitted: Admission | undefined;
  let closedBecause = 'the coordinator was not checked yet';

  function close(reason: string): void {
    admitted = undefined;
    closedBecause = reason;
  }

  const admission = (at: Date): Admission | undefined =>
    admitted !== undefined && at >= admitted.checkedAt && at < admitted.standsUntil ? admitted : undefined;

  function assertOpen(at: Date): Admission {
    const open = admission(at);
    if (open !== undefined) return open;
    const reason =
      admitted === undefined ? closedBecause : `the check of ${admitted.checkedAt.toISOString()} is too old`;
    throw new AttestationError('attestation/gate-closed', `nothing is sent to ${options.coordinator}: ${reason}`, {
      retryable: admitted !== undefined,
    });
  }

  /** What must hold before the evidence is looked at. Consumes the challenge: a nonce is good for one answer. */
  function checkAnswer(answer: AttestationAnswer, at: Date): Refusal | undefined {
    const challenge = pending;
    pending = undefined;
    const refusal = (code: AttestationErrorCode, message: string): Refusal => ({ code, message });
    if (challenge === undefined) return refusal('attestation/nonce-mismatch', 'nothing was asked');
    if (!equalBytes(answer.nonce, challenge.nonce)) {
      return refusal('attestation/nonce-mismatch', 'the answer is for another nonce');
    }
    const waitedSeconds = (at.getTime() - challenge.at.getTime()) / 1000;
    if (waitedSeconds < 0 || waitedSeconds > policy.maxAgeSeconds) {
      return refusal('attestation/stale', `the answer came ${waitedSeconds} s after the challenge`);
    }
    if (!equalBytes(answer.taskPolicyDigest, taskPolicyDigest)) {
      return refusal(
        'attestation/binding-mismatch',
        `the coordinator runs the task policy ${toHex(answer.taskPolicyDigest)}, this participant read ${toHex(taskPolicyDigest)}`,
      );
    }
    return undefined;
  }

  /** Verifies the publishers' signatures; a broken set is a refusal, not a set that is left out. */
  async function readReferences(answer: AttestationAnswer, at: Date): Promise<readonly ReferenceSet[]> {
    if (policy.references === undefined) return [];
    const wanted = policy.references.requireLogged && log !== undefined ? { log } : {};
    return Promise.all((answer.references ?? []).map((item) => verifyReferences(item, { signers, at, ...wanted })));
  }

  async function judge(
    answer: AttestationAnswer,
    at: Date,
  ): Promise<{ readonly verdict: Verdict; readonly decision: AttestationDecision; readonly digest: Uint8Array }> {
    let evidence: Evidence | undefined;
    let references: readonly ReferenceSet[] = [];
    const reading = await examine(async ({ check }) => {
      await check('answer fits the challenge and the task', () => {
        const refusal = checkAnswer(answer, at);
        if (refusal !== undefined) throw new AttestationError(refusal.code, refusal.message);
        assertParts(answer);
      });
      evidence = await check('envelope decodes', () => decodeEvidence(answer.evidence));
      references = await check('reference values are signed by accepted publishers', () => readReferences(answer, at));
    });
    const refused = { accepted: false, simulated: false, checks: reading.checks, refusals: reading.refusals };
    if (!reading.ok || evidence === undefined)
      return { verdict: reading, decision: refused, digest: new Uint8Array(32) };
    const verdict = await verifyEvidence(evidence, { ...options.trust, roots, tokenKeys, at });
    const { nonce, publicKey, codeDigest } = answer;
    const context = { at, nonce, publicKey, codeDigest, taskPolicyDigest, references, insecureSimulated };
    const decision = evaluatePolicy(verdict, policy, context);
    return {
      verdict,
      decision: { ...decision, checks: [...reading.checks, ...decision.checks] },
      digest: computeEvidenceDigest(evidence),
    };
  }

  return {
    records,
    admission,
    challenge(at) {
      const nonce = rng.bytes(NONCE_BYTES);
      pending = { nonce, at };
      return nonce.slice();
    },
    async check(answer, at) {
      const policyBefore = taskPolicyDigest;
      const { verdict, decision, digest } = await judge(answer, at);
      const validUntil = verdict.result?.validUntil;
      const standsUntil = new Date(
        Math.min(
          at.getTime() + policy.recheckSeconds * 1000,
          validUntil === undefined ? Infinity : new Date(validUntil).getTime(),
        ),
      );
      // The policy may have changed while signatures were being checked.
      const stands = decision.accepted && equalBytes(policyBefore, taskPolicyDigest);
      const { publicKey, codeDigest } = answer;
      const record = createRecord({
        verdict,
        decision: { ...decision, accepted: stands },
        policy,
        at,
        ...(stands ? { standsUntil } : {}),
        coordinator: options.coordinator,
        task: options.task,
        evidenceDigest: digest,
        taskPolicyDigest: policyBefore,
        // An answer that was refused may have parts of any length; the record keeps no more of them than names them.
        codeDigest: codeDigest.subarray(0, MAX_KEPT_BYTES),
        publicKey: publicKey.subarray(0, MAX_KEPT_BYTES),
      });
      records.push(record);
      if (stands) {
        const own = { publicKey: publicKey.slice(), codeDigest: codeDigest.slice(), taskPolicyDigest: policyBefore };
        admitted = { ...own, evidenceDigest: digest, checkedAt: at, standsUntil, simulated: decision.simulated };
      } else {
        close(decision.refusals.map(({ message }) => message).join('; ') || 'the task policy changed during the check');
      }
      return record;
    },
    isDue: (at, leadSeconds = 0) =>
      admission(at) === undefined || admission(new Date(at.getTime() + leadSeconds * 1000)) === undefined,
    assertOpen,
    setTaskPolicy(digest) {
      if (equalBytes(digest, taskPolicyDigest)) return;
      taskPolicyDigest = digest.slice();
      close('the task policy has changed; new evidence is needed');
    },
    setCode(digest) {
      if (admitted !== undefined && !equalBytes(digest, admitted.codeDigest)) {
        close('the code has changed; new evidence is needed');
      }
    },
    transcript(at) {
      const { evidenceDigest, taskPolicyDigest: policyDigest, codeDigest, publicKey } = assertOpen(at);
      const entry = { evidenceDigest, taskPolicyDigest: policyDigest, codeDigest, publicKey };
      return { ...entry, digest: computeTranscriptDigest(entry) };
    },
  };
}

/** Wrong lengths in an answer are the sender's fault, not the caller's. */
function assertParts(answer: AttestationAnswer): void {
  try {
    assertBinding(answer);
  } catch (cause) {
    throw new AttestationError('attestation/malformed', 'the answer has parts of another length', { cause });
  }
}
