/** What the browser test runs inside of Chromium: the verifiers, the gate and sealing, from the same sources as in Node. */
import { createSeededRng } from '../../src/foundations/random/index.ts';
import {
  answerChallenge,
  createAttestationGate,
  createSealingKey,
  createSimulatedTee,
  decodeEvidence,
  describeRecord,
  parseAttestationPolicy,
  sealContribution,
  vendorRoots,
  type Verdict,
  verifyEvidence,
} from '../../src/trust/attestation/index.ts';
import { type JudgedCase, judgeCase } from './judge-case.ts';

/** One piece of evidence and when it is judged. */
export interface PageCase {
  readonly name: string;
  /** Envelope in base64. */
  readonly envelope: string;
  readonly at: string;
}

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** Verifies each case several times. */
async function verifyAll(cases: readonly PageCase[], runs: number) {
  const results: { name: string; verdict: Verdict; firstMs: number; bestMs: number }[] = [];
  for (const { name, envelope, at } of cases) {
    const times: number[] = [];
    let verdict: Verdict | undefined;
    for (let run = 0; run < runs; run += 1) {
      const start = performance.now();
      verdict = await verifyEvidence(decodeEvidence(bytesOf(envelope)), { roots: vendorRoots(), at: new Date(at) });
      times.push(performance.now() - start);
    }
    results.push({ name, verdict: verdict as Verdict, firstMs: times[0] as number, bestMs: Math.min(...times) });
  }
  return results;
}

/** Judges each case several times, from the envelope to the decision. */
async function judgeAll(cases: readonly (PageCase & Omit<JudgedCase, 'evidence'>)[], runs: number) {
  const results: {
    name: string;
    refused: boolean;
    codes: readonly string[];
    times: number[];
    firstMs: number;
    bestMs: number;
  }[] = [];
  for (const { envelope, ...each } of cases) {
    const times: number[] = [];
    let judged: Awaited<ReturnType<typeof judgeCase>> = { refused: false, codes: [] };
    for (let run = 0; run < runs; run += 1) {
      const start = performance.now();
      judged = await judgeCase({ ...each, evidence: decodeEvidence(bytesOf(envelope)) });
      times.push(performance.now() - start);
    }
    results.push({ name: each.name, ...judged, times, firstMs: times[0] as number, bestMs: Math.min(...times) });
  }
  return results;
}

/** Counts which changed envelopes are accepted: one bit of a byte of the evidence, every `stride` bytes. */
async function sweep(cases: readonly (PageCase & { readonly changed: readonly string[] })[]) {
  let changes = 0;
  const accepted: string[] = [];
  for (const { name, at, changed } of cases) {
    for (const [index, envelope] of changed.entries()) {
      changes += 1;
      const verdict = await verifyEvidence(decodeEvidence(bytesOf(envelope)), {
        roots: vendorRoots(),
        at: new Date(at),
      });
      if (verdict.ok) accepted.push(`${name}[${index}]`);
    }
  }
  return { changes, accepted };
}

/** A participant joins with simulated evidence and seals a contribution. */
async function joinSimulated() {
  const at = new Date('2026-03-01T12:00:00Z');
  const measurement = 'aa'.repeat(48);
  const digest = new Uint8Array(32).fill(7);
  const policy = parseAttestationPolicy(
    { tees: ['simulated'], measurements: [{ measurement }], codeDigests: ['07'.repeat(32)] },
    { insecureSimulated: true },
  );
  const gate = createAttestationGate(
    {
      policy,
      coordinator: 'c',
      task: 't',
      taskPolicyDigest: digest,
      trust: { roots: vendorRoots() },
      insecureSimulated: true,
    },
    createSeededRng('page'),
  );
  const key = await createSealingKey(createSeededRng('key'));
  const tee = createSimulatedTee({ measurement }, { seed: new Uint8Array(32) });
  const answer = await answerChallenge(gate.challenge(at), {
    source: async ({ reportData }) => ({ kind: 'simulated', evidence: tee.attest({ reportData, at }) }),
    publicKey: key.publicKey,
    taskPolicyDigest: digest,
    codeDigest: digest,
  });
  const record = await gate.check(answer, at);
  const { publicKey, taskPolicyDigest: policyDigest } = gate.assertOpen(at);
  const context = { policyDigest, taskId: 't', round: 1, participant: 'p' };
  const sealed = await sealContribution(Uint8Array.of(1, 2, 3), { ...context, publicKey });
  return { text: describeRecord(record), opened: Array.from(await key.open(sealed, context)) };
}

const api = { verifyAll, judgeAll, sweep, joinSimulated };
export type PageApi = typeof api;
(globalThis as unknown as { attestation: PageApi }).attestation = api;
