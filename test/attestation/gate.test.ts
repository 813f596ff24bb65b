/**
 * A participant with `requireAttestation` and a coordinator with simulated evidence: what opens the gate, what closes it,
 * and that not one byte is offered to the wire while it is closed.
 */
import { describe, expect, it } from 'vitest';

import { createSigningKey, toHex } from '../../src/foundations/crypto/index.ts';
import { createSeededRng } from '../../src/foundations/random/index.ts';
import {
  answerChallenge,
  type AttestationAnswer,
  createSealingKey,
  createSimulatedTee,
  dssePreAuthentication,
  type EvidenceSource,
  REFERENCE_PAYLOAD_TYPE,
  type SignedReferences,
  signReferenceValues,
  vendorRoots,
} from '../../src/trust/attestation/index.ts';
import { createMemoryTileStore, formatVerifierKey, logReferences, openLog } from '../../src/trust/log/index.ts';
import { NOW } from './generate/authority.ts';
import { createNitroWorld } from './generate/nitro.ts';
import { createSnpWorld } from './generate/snp.ts';
import { revoke } from './generate/authority.ts';
import {
  type Coordinator,
  codeDigest,
  codesOf,
  createCoordinator,
  createParticipant,
  later,
  measurement,
  taskPolicyDigest,
} from './participants.ts';

describe('a participant that requires attestation', () => {
  it('joins a coordinator with good evidence, and seals to the key that it saw', async () => {
    const coordinator = await createCoordinator();
    const { gate, wire, join } = createParticipant();
    expect(gate.admission(NOW)).toBeUndefined();
    const { record } = await join(coordinator);
    expect(record.refusals).toEqual([]);
    expect(record.outcome).toBe('accepted');
    expect(wire.sent.map(({ length }) => length)).toEqual([64, 1048]);
    const context = { policyDigest: taskPolicyDigest, taskId: 'digits', round: 1, participant: 'p' };
    expect(await coordinator.key.open(wire.sent[1] as Uint8Array, context)).toEqual(new Uint8Array(1000));
  });

  it('sends nothing before the check', async () => {
    const { transport, wire } = createParticipant();
    expect(() => transport.send(new Uint8Array(1))).toThrow('was not checked yet');
    await expect(
      transport.sendContribution(new Uint8Array(1), { taskId: 'digits', round: 1, participant: 'p' }),
    ).rejects.toMatchObject({ code: 'attestation/gate-closed' });
    expect(wire.bytes()).toBe(0);
  });

  const badKey = new Uint8Array(32).fill(0x33);
  it.each<
    [string, () => Promise<{ coordinator: Coordinator; changes?: Partial<AttestationAnswer>; wait?: number }>, string]
  >([
    [
      'a wrong measurement',
      async () => ({ coordinator: await createCoordinator({ measurement: 'b6'.repeat(48) }) }),
      'measurement-mismatch',
    ],
    ['debug', async () => ({ coordinator: await createCoordinator({ debug: true }) }), 'debug-forbidden'],
    [
      'a wrong nonce',
      async () => ({ coordinator: await createCoordinator(), changes: { nonce: new Uint8Array(32) } }),
      'nonce-mismatch',
    ],
    [
      'a wrong key',
      async () => ({ coordinator: await createCoordinator(), changes: { publicKey: badKey } }),
      'binding-mismatch',
    ],
    [
      'a changed task policy',
      async () => ({ coordinator: await createCoordinator({}, { taskPolicyDigest: badKey }) }),
      'binding-mismatch',
    ],
    [
      'a task policy denied in words alone',
      async () => ({
        coordinator: await createCoordinator({}, { taskPolicyDigest: badKey }),
        changes: { taskPolicyDigest },
      }),
      'binding-mismatch',
    ],
    [
      'other code',
      async () => ({ coordinator: await createCoordinator({}, { codeDigest: badKey }) }),
      'code-not-accepted',
    ],
    [
      'other code denied in words alone',
      async () => ({ coordinator: await createCoordinator({}, { codeDigest: badKey }), changes: { codeDigest } }),
      'binding-mismatch',
    ],
    ['an answer that came too late', async () => ({ coordinator: await createCoordinator(), wait: 301 }), 'stale'],
    [
      'evidence under another root',
      async () => ({ coordinator: await createCoordinator({}, { rootSeed: badKey }) }),
      'untrusted-root',
    ],
    [
      'an envelope that is none',
      async () => ({ coordinator: await createCoordinator(), changes: { evidence: badKey } }),
      'malformed',
    ],
    [
      'a key of another length',
      async () => ({ coordinator: await createCoordinator(), changes: { publicKey: new Uint8Array(31) } }),
      'malformed',
    ],
  ])('refuses %s, and uploads nothing', async (_, prepare, code) => {
    const { coordinator, changes, wait } = await prepare();
    const { wire, join, gate, clock } = createParticipant();
    const { record } = await join(coordinator, changes, wait);
    expect(record.outcome).toBe('refused');
    expect(codesOf(record)).toContain(`attestation/${code}`);
    expect(wire.bytes()).toBe(0);
    expect(gate.admission(clock.now)).toBeUndefined();
  });

  it('refuses stale evidence: old by its own clock under a fresh answer', async () => {
    const coordinator = await createCoordinator();
    const { gate, wire, transport } = createParticipant();
    const nonce = gate.challenge(NOW);
    const record = await gate.check(await coordinator.answer(nonce, later(-301)), NOW);
    expect(codesOf(record)).toEqual(['attestation/stale']);
    expect(() => transport.send(new Uint8Array(1))).toThrow('is 301 s old');
    expect(wire.bytes()).toBe(0);
  });

  it('refuses a replayed answer, to the same participant and to another', async () => {
    const coordinator = await createCoordinator();
    const { gate, clock, join, wire } = createParticipant();
    const { answer } = await join(coordinator);
    const before = wire.bytes();
    expect(codesOf(await gate.check(answer, clock.now))).toEqual(['attestation/nonce-mismatch']);
    gate.challenge(clock.now);
    expect(codesOf(await gate.check(answer, clock.now))).toEqual(['attestation/nonce-mismatch']);
    expect(wire.bytes()).toBe(before);
    expect(() => gate.assertOpen(clock.now)).toThrow('another nonce');
  });

  it('does not accept simulated evidence without the explicit option', async () => {
    expect(() => createParticipant({ insecureSimulated: false })).toThrow('--insecure-simulated-attestation');
    // A production policy meets simulated evidence: there is no root for it.
    const { join, wire } = createParticipant({ insecureSimulated: false }, { tees: ['sev-snp'] });
    const { record } = await join(await createCoordinator());
    expect(codesOf(record)).toContain('attestation/untrusted-root');
    expect(codesOf(record)).toContain('attestation/simulated-refused');
    expect(wire.bytes()).toBe(0);
  });

  it('checks again on its schedule', async () => {
    const coordinator = await createCoordinator();
    const { gate, clock, join, transport, wire } = createParticipant();
    expect(gate.isDue(NOW)).toBe(true);
    await join(coordinator);
    const sent = wire.bytes();
    clock.now = later(500);
    expect(gate.isDue(clock.now)).toBe(false);
    expect(gate.isDue(clock.now, 200)).toBe(true);
    clock.now = later(601);
    expect(gate.isDue(clock.now)).toBe(true);
    expect(() => transport.send(new Uint8Array(10))).toThrow('too old');
    expect(wire.bytes()).toBe(sent);
    await join(coordinator);
    expect(wire.bytes()).toBeGreaterThan(sent);
    expect(gate.records.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted']);
  });

  it('closes when a later check fails', async () => {
    const { join, wire, transport } = createParticipant();
    await join(await createCoordinator());
    const sent = wire.bytes();
    await join(await createCoordinator({ measurement: 'b6'.repeat(48) }));
    expect(() => transport.send(new Uint8Array(1))).toThrow('none of the accepted states');
    expect(wire.bytes()).toBe(sent);
  });

  it('needs new evidence when the task policy or the code changes', async () => {
    for (const change of ['policy', 'code'] as const) {
      const { gate, join, transport, wire, clock } = createParticipant();
      await join(await createCoordinator());
      const sent = wire.bytes();
      gate.setTaskPolicy(taskPolicyDigest);
      gate.setCode(codeDigest);
      expect(() => gate.assertOpen(clock.now)).not.toThrow();
      if (change === 'policy') gate.setTaskPolicy(new Uint8Array(32).fill(0x11));
      else gate.setCode(new Uint8Array(32).fill(0x21));
      expect(() => transport.send(new Uint8Array(1))).toThrow('has changed; new evidence is needed');
      expect(wire.bytes()).toBe(sent);
    }
  });

  it('does not open for a task policy that changed during the check', async () => {
    const { gate, clock } = createParticipant();
    const coordinator = await createCoordinator();
    const answer = await coordinator.answer(gate.challenge(NOW), NOW);
    const checking = gate.check(answer, NOW);
    gate.setTaskPolicy(new Uint8Array(32).fill(0x11));
    const record = await checking;
    expect(record.outcome).toBe('refused');
    expect(gate.admission(clock.now)).toBeUndefined();
  });

  it('does not stay open past the end of the certificates', async () => {
    const key = await createSealingKey(createSeededRng('c'));
    const tee = createSimulatedTee({ measurement }, { seed: new Uint8Array(32).fill(1), leafNotAfter: later(30) });
    const { gate } = createParticipant();
    const source: EvidenceSource = async ({ reportData }) => ({
      kind: 'simulated',
      evidence: tee.attest({ reportData, at: NOW }),
    });
    const answer = await answerChallenge(gate.challenge(NOW), {
      source,
      publicKey: key.publicKey,
      taskPolicyDigest,
      codeDigest,
    });
    const record = await gate.check(answer, NOW);
    expect(record.standsUntil).toBe(later(30).toISOString());
    expect(gate.admission(later(29))).toBeDefined();
    expect(gate.admission(later(30))).toBeUndefined();
  });

  it('draws a fresh nonce for every check', () => {
    const { gate } = createParticipant();
    const nonces = Array.from({ length: 100 }, () => toHex(gate.challenge(NOW)));
    expect(new Set(nonces).size).toBe(100);
  });
});

describe('with hardware evidence', () => {
  it('of SEV-SNP the whole way works, and reference values are checked', async () => {
    const world = await createSnpWorld();
    const revocationList = await revoke(world.ark, []);
    const publisher = createSigningKey(new Uint8Array(32).fill(5));
    const values = {
      sotto: 'reference-values/1',
      id: 'aggregator',
      values: [{ tee: 'sev-snp', measurements: { measurement }, codeDigest: toHex(codeDigest) }],
    };
    const payload = Buffer.from(JSON.stringify(values));
    const sig = Buffer.from(publisher.sign(dssePreAuthentication(REFERENCE_PAYLOAD_TYPE, payload))).toString('base64');
    const envelope = {
      payloadType: REFERENCE_PAYLOAD_TYPE,
      payload: payload.toString('base64'),
      signatures: [{ sig }],
    };
    const references = [
      { kind: 'dsse', bytes: new Uint8Array(Buffer.from(JSON.stringify(envelope))), receipt: Uint8Array.of(1) },
    ] as const;
    const policy = {
      tees: ['sev-snp'],
      measurements: [],
      codeDigests: [],
      references: { signers: [{ kind: 'ed25519', name: 'releases', publicKey: toHex(publisher.publicKey) }] },
    };
    const log = { name: 'log', verifyInclusion: (_: Uint8Array, receipt: Uint8Array) => receipt[0] === 1 };
    const trust = { roots: { ...vendorRoots(), ...world.roots } };
    const key = await createSealingKey(createSeededRng('c'));
    const source: EvidenceSource = async ({ reportData }) => ({
      kind: 'sev-snp',
      report: await world.attest({ reportData }),
      ...world.collateral,
      revocationList,
    });
    const attester = { source, publicKey: key.publicKey, taskPolicyDigest, codeDigest };
    const open = async (given: readonly SignedReferences[]) => {
      const { gate } = createParticipant({ insecureSimulated: false, trust, log }, policy);
      const answer = await answerChallenge(gate.challenge(NOW), { ...attester, references: given });
      return gate.check(answer, NOW);
    };
    const record = await open(references);
    expect(record.refusals).toEqual([]);
    expect(record).toMatchObject({ outcome: 'accepted', insecureSimulated: false, matched: 'releases: aggregator' });
    expect(codesOf(await open([]))).toContain('attestation/measurement-mismatch');
    expect(codesOf(await open([{ ...references[0], receipt: Uint8Array.of(0) }]))).toEqual([
      'attestation/reference-not-logged',
    ]);
    expect(() => createParticipant({ insecureSimulated: false, trust }, policy)).toThrow('needs a transparency log');
  });

  it('reference values must stand in the log that the policy pins', async () => {
    const publisher = createSigningKey(new Uint8Array(32).fill(5));
    const values = {
      sotto: 'reference-values/1',
      id: 'aggregator',
      values: [{ tee: 'simulated', measurements: { measurement }, codeDigest: toHex(codeDigest) }],
    };
    const bytes = signReferenceValues(new Uint8Array(Buffer.from(JSON.stringify(values))), publisher);
    const openTestLog = (fill: number) =>
      openLog({
        store: createMemoryTileStore(),
        origin: 'log.example',
        key: createSigningKey(new Uint8Array(32).fill(fill)),
      });
    const [log, fork] = await Promise.all([openTestLog(6), openTestLog(7)]);
    const receipt = await logReferences(bytes, { log, time: NOW });
    const forked = await logReferences(bytes, { log: fork, time: NOW });
    const references = {
      signers: [{ kind: 'ed25519', name: 'releases', publicKey: toHex(publisher.publicKey) }],
      log: { keys: [formatVerifierKey(log.verifier)] },
    };
    const policy = { measurements: [], codeDigests: [], references };
    const joinWith = async (given: SignedReferences, pinned: object = policy) => {
      const { join, wire } = createParticipant({}, pinned);
      const { record } = await join(await createCoordinator({}, { references: [given] }));
      return { record, sent: wire.bytes() };
    };
    const good = await joinWith({ kind: 'dsse', bytes, receipt });
    expect(good.record).toMatchObject({ outcome: 'accepted', matched: 'releases: aggregator' });
    expect(good.sent).toBeGreaterThan(1000);
    const bad: readonly SignedReferences[] = [
      { kind: 'dsse', bytes },
      { kind: 'dsse', bytes, receipt: forked },
      {
        kind: 'dsse',
        bytes: signReferenceValues(new Uint8Array(Buffer.from(`${JSON.stringify(values)} `)), publisher),
        receipt,
      },
    ];
    for (const given of bad) {
      const { record, sent } = await joinWith(given);
      expect([codesOf(record), sent]).toEqual([['attestation/reference-not-logged'], 0]);
    }
    const witnessed = { ...policy, references: { ...references, log: { ...references.log, witnesses: 1 } } };
    expect(codesOf((await joinWith({ kind: 'dsse', bytes, receipt }, witnessed)).record)).toEqual([
      'attestation/reference-not-logged',
    ]);
  });

  it('of Nitro the fields beside the user data must agree', async () => {
    const world = await createNitroWorld();
    const key = await createSealingKey(createSeededRng('c'));
    const policy = { tees: ['nitro'], measurements: [{ pcr0: '01'.repeat(48) }] };
    const attempt = async (changes: { nonce?: Uint8Array; publicKey?: Uint8Array }) => {
      const { gate } = createParticipant(
        { insecureSimulated: false, trust: { roots: { ...vendorRoots(), ...world.roots } } },
        policy,
      );
      const source: EvidenceSource = async ({ reportData, binding }) => ({
        kind: 'nitro',
        document: await world.attest({
          userData: reportData,
          nonce: binding.nonce,
          publicKey: binding.publicKey,
          ...changes,
        }),
      });
      const attester = { source, publicKey: key.publicKey, taskPolicyDigest, codeDigest };
      return codesOf(await gate.check(await answerChallenge(gate.challenge(NOW), attester), NOW));
    };
    expect(await attempt({})).toEqual([]);
    expect(await attempt({ nonce: new Uint8Array(32) })).toEqual(['attestation/nonce-mismatch']);
    expect(await attempt({ publicKey: new Uint8Array(32) })).toEqual(['attestation/binding-mismatch']);
  });
});
