/** What is kept of a check: transcript, record and the encoding of evidence. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { createShowCommand } from '../../src/cli/attest-show.ts';
import { toHex } from '../../src/foundations/crypto/index.ts';
import { createSeededRng } from '../../src/foundations/random/index.ts';
import {
  answerChallenge,
  computeTranscriptDigest,
  createSealingKey,
  describeRecord,
  encodeEvidence,
  type EvidenceSource,
  exportRecord,
  extendTranscript,
  vendorRoots,
  viewRecord,
} from '../../src/trust/attestation/index.ts';
import { NOW } from './generate/authority.ts';
import { createSnpWorld } from './generate/snp.ts';
import {
  codeDigest,
  codesOf,
  createCoordinator,
  createParticipant,
  later,
  measurement,
  taskPolicyDigest,
} from './participants.ts';

describe('the transcript', () => {
  it('carries the digest of the evidence, and changes with every part', async () => {
    const { gate, join, clock } = createParticipant();
    const { answer } = await join(await createCoordinator());
    const entry = gate.transcript(clock.now);
    expect(entry.digest).toEqual(computeTranscriptDigest(entry));
    const { evidenceDigest } = entry;
    const { createHash } = await import('node:crypto');
    expect(toHex(evidenceDigest)).toBe(createHash('sha256').update(answer.evidence).digest('hex'));
    const digests = new Set([toHex(entry.digest)]);
    for (const part of ['evidenceDigest', 'taskPolicyDigest', 'codeDigest', 'publicKey'] as const) {
      digests.add(toHex(computeTranscriptDigest({ ...entry, [part]: new Uint8Array(32).fill(0x77) })));
    }
    expect(digests.size).toBe(5);
    const first = extendTranscript(new Uint8Array(32), {
      round: 1,
      configDigest: new Uint8Array(32),
      attestation: entry,
    });
    const second = extendTranscript(first, { round: 2, configDigest: new Uint8Array(32), attestation: entry });
    expect(toHex(first)).not.toBe(toHex(second));
    clock.now = later(10_000);
    expect(() => gate.transcript(clock.now)).toThrow('too old');
  });
});

describe('the record', () => {
  it('says what was checked, when, against which root, and survives as JSON', async () => {
    const world = await createSnpWorld();
    const key = await createSealingKey(createSeededRng('c'));
    const { gate } = createParticipant(
      { insecureSimulated: false, trust: { roots: { ...vendorRoots(), ...world.roots } } },
      { tees: ['sev-snp'], requireRevocationCheck: false },
    );
    const source: EvidenceSource = async ({ reportData }) => ({
      kind: 'sev-snp',
      report: await world.attest({ reportData }),
      ...world.collateral,
    });
    const record = await gate.check(
      await answerChallenge(gate.challenge(NOW), { source, publicKey: key.publicKey, taskPolicyDigest, codeDigest }),
      NOW,
    );
    const text = describeRecord(record);
    expect(text).toContain('The coordinator coordinator.example was checked');
    expect(text).toContain(NOW.toISOString());
    expect(text).toContain(`ARK-Milan (SHA-256 ${world.roots.amd[0]?.sha256 ?? ''})`);
    expect(text).toContain('✓ report is signed by the endorsement key');
    expect(text).toContain(measurement);
    expect(text).not.toContain('SIMULATED');
    expect(JSON.parse(exportRecord(record))).toEqual(record);
    expect(viewRecord(record).banner).toBeUndefined();
  });

  it('of simulated evidence says so in every line, and shows no green mark', async () => {
    const { join } = createParticipant();
    const { record } = await join(await createCoordinator());
    expect(record.insecureSimulated).toBe(true);
    const lines = describeRecord(record).trimEnd().split('\n');
    expect(lines.every((line) => line.includes('SIMULATED'))).toBe(true);
    const view = viewRecord(record);
    expect(view.banner).toContain('SIMULATED');
    expect(view.rows.some(({ tone }) => tone === 'good')).toBe(false);
  });

  it('of a refusal keeps no more of overlong parts than names them', async () => {
    const { join, wire } = createParticipant();
    const overlong = { publicKey: new Uint8Array(1 << 20), codeDigest: new Uint8Array(1 << 20) };
    const { record } = await join(await createCoordinator(), overlong);
    expect([codesOf(record), wire.bytes()]).toEqual([['attestation/malformed'], 0]);
    expect(exportRecord(record).length).toBeLessThan(10_000);
  });

  it('of a refusal names the reasons and that nothing was sent', async () => {
    const { join } = createParticipant();
    const { record } = await join(await createCoordinator({ debug: true }));
    expect(describeRecord(record)).toContain('was refused; nothing was sent');
    expect(
      viewRecord(record)
        .rows.filter(({ tone }) => tone === 'bad')
        .map(({ label }) => label),
    ).toContain('Refused: attestation/debug-forbidden');
  });
});

describe('sotto attest show', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-records-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const show = async (content: string, ...words: readonly string[]) => {
    const printed: string[] = [];
    const path = join(folder, 'records.jsonl');
    writeFileSync(path, content);
    const command = createShowCommand({ print: (text) => printed.push(text) });
    await command.parseAsync([path, ...words], { from: 'user' });
    return printed.join('\n');
  };

  it('explains each record, or the newest', async () => {
    const participant = createParticipant();
    const good = await participant.join(await createCoordinator());
    const bad = await participant.join(await createCoordinator({ measurement: 'cd'.repeat(48) }));
    const lines = [good, bad].map(({ record }) => exportRecord(record)).join('\n');
    const all = await show(`${lines}\n`);
    expect(all).toContain('was checked (SIMULATED)');
    expect(all).toContain('was refused; nothing was sent');
    expect(all).toContain('attestation/measurement-mismatch');
    expect(await show(lines, '--last')).not.toContain('was checked (SIMULATED)');
    expect(JSON.parse(await show(lines, '--json'))).toEqual(
      lines.split('\n').map((line) => JSON.parse(line) as object),
    );
    expect(JSON.parse(await show(lines, '--last', '--json'))).toHaveLength(1);
  });

  it('names the line that is no record', async () => {
    for (const content of ['', '{}', 'x', '{"sotto":"attestation-record/1"}']) {
      await expect(show(content)).rejects.toMatchObject({ code: 'usage/invalid' });
    }
  });
});

describe('the envelope of evidence', () => {
  it('is canonical: the same evidence has the same bytes', async () => {
    const world = await createSnpWorld();
    const report = await world.attest();
    const one = encodeEvidence({ kind: 'sev-snp', report, ...world.collateral });
    const { chain, endorsement } = world.collateral;
    const other = encodeEvidence({ ...(chain ? { chain } : {}), endorsement, report, kind: 'sev-snp' });
    expect(one).toEqual(other);
  });
});
