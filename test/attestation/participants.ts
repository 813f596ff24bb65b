/** A participant with `requireAttestation`, its counting wire, and a coordinator with simulated evidence. */
import { expect } from 'vitest';

import { toHex } from '../../src/foundations/crypto/index.ts';
import { createSeededRng } from '../../src/foundations/random/index.ts';
import {
  answerChallenge,
  type AttestationAnswer,
  createAttestationGate,
  createSealingKey,
  createSimulatedTee,
  type EvidenceSource,
  type GateOptions,
  guardTransport,
  parseAttestationPolicy,
  type SealingKey,
  type SignedReferences,
  type SimulatedClaims,
  vendorRoots,
} from '../../src/trust/attestation/index.ts';
import { NOW } from './generate/authority.ts';
import { MEASUREMENT } from './generate/snp.ts';

export const measurement = toHex(MEASUREMENT);
export const taskPolicyDigest = new Uint8Array(32).fill(0x10);
export const codeDigest = new Uint8Array(32).fill(0x20);
export const later = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);
const simulatedPolicy = {
  tees: ['simulated'],
  measurements: [{ measurement }],
  codeDigests: [toHex(codeDigest)],
  recheckSeconds: 600,
};

/** A wire that counts. */
function createWire() {
  const sent: Uint8Array[] = [];
  return {
    sent,
    bytes: () => sent.reduce((sum, { length }) => sum + length, 0),
    send: (data: Uint8Array) => void sent.push(data),
  };
}

export interface Coordinator {
  readonly key: SealingKey;
  answer(nonce: Uint8Array, at: Date, changes?: Partial<AttestationAnswer>): Promise<AttestationAnswer>;
}

export async function createCoordinator(
  claims: Partial<SimulatedClaims> = {},
  options: {
    taskPolicyDigest?: Uint8Array;
    codeDigest?: Uint8Array;
    references?: readonly SignedReferences[];
    rootSeed?: Uint8Array;
  } = {},
): Promise<Coordinator> {
  const key = await createSealingKey(createSeededRng('coordinator'));
  const { rootSeed, ...rest } = options;
  const tee = createSimulatedTee(
    { measurement, ...claims },
    { seed: new Uint8Array(32).fill(1), ...(rootSeed ? { rootSeed } : {}) },
  );
  return {
    key,
    async answer(nonce, at, changes = {}) {
      const source: EvidenceSource = async ({ reportData }) => ({
        kind: 'simulated',
        evidence: tee.attest({ reportData, at }),
      });
      return {
        ...(await answerChallenge(nonce, { source, publicKey: key.publicKey, taskPolicyDigest, codeDigest, ...rest })),
        ...changes,
      };
    },
  };
}

export function createParticipant(changes: Partial<GateOptions> = {}, policy: object = {}) {
  const clock = { now: NOW };
  const insecureSimulated = changes.insecureSimulated ?? true;
  const gate = createAttestationGate(
    {
      policy: parseAttestationPolicy({ ...simulatedPolicy, ...policy }, { insecureSimulated }),
      coordinator: 'coordinator.example',
      task: 'digits',
      taskPolicyDigest,
      trust: { roots: vendorRoots() },
      ...changes,
      insecureSimulated,
    },
    createSeededRng('participant'),
  );
  const wire = createWire();
  const transport = guardTransport(wire, gate, () => clock.now);
  /** The whole join: challenge, check, advertise keys, upload. */
  async function join(coordinator: Coordinator, answerChanges: Partial<AttestationAnswer> = {}, wait = 1) {
    const nonce = gate.challenge(clock.now);
    const answer = await coordinator.answer(nonce, later((clock.now.getTime() - NOW.getTime()) / 1000), answerChanges);
    clock.now = new Date(clock.now.getTime() + wait * 1000);
    const record = await gate.check(answer, clock.now);
    try {
      transport.send(new Uint8Array(64));
      await transport.sendContribution(new Uint8Array(1000), { taskId: 'digits', round: 1, participant: 'p' });
    } catch (error) {
      expect(error).toMatchObject({ code: 'attestation/gate-closed' });
    }
    return { record, answer };
  }
  return { gate, wire, transport, clock, join };
}
export const codesOf = (record: { refusals: readonly { code: string }[] }) => record.refusals.map(({ code }) => code);
