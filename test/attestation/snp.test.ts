/** SEV-SNP evidence with a chain of our own: what has no public sample. */
import { beforeAll, describe, expect, it } from 'vitest';

import { type SnpCollateral, type TrustRoots, verifySnpReport } from '../../src/trust/attestation/index.ts';
import { issue, NOW, revoke, rootOf } from './generate/authority.ts';
import {
  CHIP,
  createSnpWorld,
  endorsementExtensions,
  PARTS,
  signReport,
  type SnpWorld,
  TURIN_PARTS,
  writeReport,
} from './generate/snp.ts';

let world: SnpWorld;
beforeAll(async () => {
  world = await createSnpWorld();
});

const verify = (
  report: Uint8Array,
  collateral: SnpCollateral = world.collateral,
  { roots = world.roots, at = NOW }: { roots?: Pick<TrustRoots, 'amd'>; at?: Date } = {},
) => verifySnpReport(report, collateral, { roots, at });
const codes = async (...call: Parameters<typeof verify>) => (await verify(...call)).refusals.map(({ code }) => code);

describe('SEV-SNP evidence', () => {
  it.each([2, 3, 4, 5])('of version %i verifies', async (version) => {
    const verdict = await verify(await world.attest({ version }));
    expect(verdict.refusals).toEqual([]);
    expect(verdict.result).toMatchObject({ tee: 'sev-snp', vendorChainOk: true, debug: false, tcb: { ...PARTS } });
  });

  it.each(['Milan', 'Genoa', 'Turin'] as const)('of the line %s verifies by VCEK and by VLEK', async (line) => {
    for (const kind of ['VCEK', 'VLEK'] as const) {
      const other = await createSnpWorld({ line, kind });
      const verdict = await verify(await other.attest(), other.collateral, { roots: other.roots });
      expect(verdict.refusals).toEqual([]);
      expect(verdict.result?.tcb).toEqual(line === 'Turin' ? TURIN_PARTS : PARTS);
      expect(verdict.result?.facts['cloudId']).toBe(kind === 'VLEK' ? 'test-cloud' : null);
    }
  });

  it('of versions 1 and 6 is not supported', async () => {
    for (const version of [0, 1, 6])
      expect(await codes(await world.attest({ version }))).toEqual(['attestation/unsupported']);
  });

  it('with an expired leaf is refused', async () => {
    const expired = await createSnpWorld({ leaf: { notAfter: new Date(NOW.getTime() - 1000) } });
    expect(await codes(await expired.attest(), expired.collateral, { roots: expired.roots })).toEqual([
      'attestation/certificate-expired',
    ]);
  });

  it('with a leaf that is not valid yet is refused', async () => {
    const early = await createSnpWorld({ leaf: { notBefore: new Date(NOW.getTime() + 1000) } });
    expect(await codes(await early.attest(), early.collateral, { roots: early.roots })).toEqual([
      'attestation/certificate-expired',
    ]);
  });

  it('with a revoked signing key is refused, and passes a list without it', async () => {
    const report = await world.attest();
    const bad = await revoke(world.ark, [world.ask.serial]);
    const good = await revoke(world.ark, ['7777']);
    expect(await codes(report, { ...world.collateral, revocationList: bad })).toEqual([
      'attestation/certificate-revoked',
    ]);
    const verdict = await verify(report, { ...world.collateral, revocationList: good });
    expect(verdict.refusals).toEqual([]);
    expect(verdict.result?.revocationChecked).toBe(true);
  });

  it('with an expired or foreign revocation list is refused', async () => {
    const report = await world.attest();
    const old = await revoke(world.ark, [], { nextUpdate: new Date(NOW.getTime() - 1) });
    const foreign = await revoke(world.ask, []);
    const impostor = await issue({ name: 'ARK-Milan', kind: 'RSA-PSS', authority: true });
    const forged = await revoke(impostor, []);
    expect(await codes(report, { ...world.collateral, revocationList: old })).toEqual([
      'attestation/collateral-expired',
    ]);
    for (const revocationList of [foreign, forged]) {
      expect(await codes(report, { ...world.collateral, revocationList })).toEqual(['attestation/collateral-invalid']);
    }
  });

  it('under another root of the same name is refused', async () => {
    const other = await createSnpWorld();
    const roots = { amd: [rootOf(other.ark)] };
    expect(await codes(await world.attest(), world.collateral, { roots })).toEqual(['attestation/untrusted-root']);
  });

  it('whose chain leaves the root out ends at the pinned one, and not at an impostor', async () => {
    const report = await world.attest();
    const short = { ...world.collateral, chain: [world.ask.der] };
    expect(await codes(report, short)).toEqual([]);
    const other = await createSnpWorld();
    expect(await codes(report, short, { roots: { amd: [rootOf(other.ark)] } })).toEqual(['attestation/chain-invalid']);
  });

  it('endorsed for another TCB, chip or product is refused', async () => {
    const report = await world.attest();
    for (const changes of [
      { parts: { ...PARTS, snp: 26 } },
      { parts: { ...PARTS, microcode: 223 } },
      { chip: CHIP.toReversed() },
      { line: 'Genoa' as const },
    ]) {
      const leaf = await issue({
        name: 'SEV-VCEK',
        kind: 'P-384',
        issuer: world.ask,
        keyUsage: 0,
        keys: world.leaf.keys,
        extensions: endorsementExtensions(changes),
      });
      expect(await codes(report, { ...world.collateral, endorsement: leaf.der })).toEqual([
        'attestation/endorsement-mismatch',
      ]);
    }
  });

  it('whose CPUID is of another line than its certificate is refused', async () => {
    expect(await codes(await world.attest({ cpuid: [0x19, 0x11, 0] }))).toEqual(['attestation/endorsement-mismatch']);
    expect(await codes(await world.attest({ cpuid: [0x17, 1, 0] }))).toEqual(['attestation/endorsement-mismatch']);
  });

  it('that names a VLEK and comes with a VCEK is refused', async () => {
    const report = await signReport(writeReport({ signingKey: 'VLEK' }), world.leaf);
    expect(await codes(report)).toEqual(['attestation/endorsement-mismatch']);
  });

  it('with a certificate whose extension occurs twice is refused', async () => {
    const extensions = endorsementExtensions();
    const leaf = await issue({
      name: 'SEV-VCEK',
      kind: 'P-384',
      issuer: world.ask,
      keyUsage: 0,
      keys: world.leaf.keys,
      extensions: [...extensions, extensions[2] as (typeof extensions)[number]],
    });
    const verdict = await verify(await world.attest(), { ...world.collateral, endorsement: leaf.der });
    expect(verdict.refusals[0]?.code).toBe('attestation/malformed');
    expect(verdict.refusals[0]?.message).toContain('occurs twice');
  });

  it('with an unknown critical extension is refused', async () => {
    const leaf = await issue({
      name: 'SEV-VCEK',
      kind: 'P-384',
      issuer: world.ask,
      keyUsage: 0,
      keys: world.leaf.keys,
      extensions: [...endorsementExtensions(), { oid: '1.2.3.4', value: Uint8Array.of(5, 0), critical: true }],
    });
    expect(await codes(await world.attest(), { ...world.collateral, endorsement: leaf.der })).toEqual([
      'attestation/chain-invalid',
    ]);
  });

  it('endorsed by a certificate that is no authority, or below a path that is too long, is refused', async () => {
    const report = await world.attest();
    const plain = await issue({ name: 'SEV-Milan', kind: 'RSA-PSS', issuer: world.ark });
    const end = { name: 'SEV-VCEK', kind: 'P-384', keyUsage: 0, keys: world.leaf.keys } as const;
    const extensions = endorsementExtensions();
    const below = await issue({ ...end, issuer: plain, extensions });
    const flat = { endorsement: below.der, chain: [plain.der, world.ark.der] };
    expect(await codes(report, flat)).toEqual(['attestation/chain-invalid']);
    const middle = await issue({ name: 'Middle', kind: 'RSA-PSS', issuer: world.ask, authority: true });
    const deep = await issue({ ...end, issuer: middle, extensions });
    const long = { endorsement: deep.der, chain: [middle.der, world.ask.der, world.ark.der] };
    expect(await codes(report, long)).toEqual(['attestation/chain-invalid']);
  });

  it('truncated or with trailing bytes is malformed, report and certificates alike', async () => {
    const report = await world.attest();
    const more = (bytes: Uint8Array) => Uint8Array.of(...bytes, 0);
    for (const changed of [report.subarray(0, 1183), more(report), new Uint8Array(0)]) {
      expect(await codes(changed)).toEqual(['attestation/malformed']);
    }
    for (const endorsement of [world.leaf.der.subarray(0, -1), more(world.leaf.der), new Uint8Array(0)]) {
      expect(await codes(report, { ...world.collateral, endorsement })).toEqual(['attestation/malformed']);
    }
  });

  it('with the debug bit says so, and warns when firmware may be rolled back', async () => {
    const { result } = await verify(
      await world.attest({ policy: 0xb0000n, committedTcb: { ...PARTS, microcode: 1 }, vmpl: 2 }),
    );
    expect(result?.debug).toBe(true);
    expect(result?.warnings.join()).toMatch(/roll the firmware back.*VMPL 2/);
  });
});
