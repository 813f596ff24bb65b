/** SEV-SNP evidence of our own: root, signing key, endorsement key, report. */
import type { SnpCollateral, TrustRoots } from '../../../src/trust/attestation/index.ts';
import { derIa5, derInteger, type Identity, issue, type IssueOptions, rootOf, signRaw } from './authority.ts';

export type Line = 'Milan' | 'Genoa' | 'Turin';
export interface SnpParts {
  readonly fmc?: number;
  readonly bootLoader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

/** Fields of a report that tests change. */
export interface ReportFields {
  readonly version?: number;
  readonly line?: Line;
  readonly policy?: bigint;
  readonly vmpl?: number;
  readonly tcb?: SnpParts;
  readonly committedTcb?: SnpParts;
  readonly reportData?: Uint8Array;
  readonly measurement?: Uint8Array;
  readonly chipId?: Uint8Array;
  readonly signingKey?: 'VCEK' | 'VLEK';
  readonly cpuid?: readonly [number, number, number];
}

export const PARTS: SnpParts = { bootLoader: 4, tee: 0, snp: 27, microcode: 222 };
export const TURIN_PARTS: SnpParts = { fmc: 1, ...PARTS };
export const CHIP = Uint8Array.from({ length: 64 }, (_, index) => index + 1);
const TURIN_CHIP = CHIP.slice(0, 8);
export const MEASUREMENT = Uint8Array.from({ length: 48 }, () => 0xa5);

function tcbBytes(parts: SnpParts, line: Line): Uint8Array {
  const { fmc = 0, bootLoader, tee, snp, microcode } = parts;
  return line === 'Turin'
    ? Uint8Array.of(fmc, bootLoader, tee, snp, 0, 0, 0, microcode)
    : Uint8Array.of(bootLoader, tee, 0, 0, 0, 0, snp, microcode);
}

const CPUID: Record<Line, readonly [number, number, number]> = {
  Milan: [0x19, 1, 1],
  Genoa: [0x19, 0x11, 1],
  Turin: [0x1a, 2, 1],
};

/** Writes a report without its signature. */
export function writeReport(fields: ReportFields = {}): Uint8Array {
  const { version = 5, line = 'Milan', policy = 0x30000n, vmpl = 0, signingKey = 'VCEK' } = fields;
  const parts = fields.tcb ?? (line === 'Turin' ? TURIN_PARTS : PARTS);
  const report = new Uint8Array(1184);
  const view = new DataView(report.buffer);
  view.setUint32(0, version, true);
  view.setBigUint64(0x08, policy, true);
  view.setUint32(0x30, vmpl, true);
  view.setUint32(0x34, 1, true);
  report.set(tcbBytes(parts, line), 0x38);
  view.setUint32(0x48, signingKey === 'VLEK' ? 1 << 2 : 0, true);
  report.set(fields.reportData ?? new Uint8Array(64), 0x50);
  report.set(fields.measurement ?? MEASUREMENT, 0x90);
  report.set(tcbBytes(parts, line), 0x180);
  if (version >= 3) report.set(fields.cpuid ?? CPUID[line], 0x188);
  report.set(fields.chipId ?? (line === 'Turin' ? TURIN_CHIP : CHIP), 0x1a0);
  report.set(tcbBytes(fields.committedTcb ?? parts, line), 0x1e0);
  report.set(tcbBytes(parts, line), 0x1f0);
  return report;
}

export async function signReport(report: Uint8Array, leaf: Identity): Promise<Uint8Array> {
  const raw = await signRaw(leaf, report.subarray(0, 0x2a0));
  const signed = report.slice();
  signed.set(raw.slice(0, 48).reverse(), 0x2a0);
  signed.set(raw.slice(48).reverse(), 0x2e8);
  return signed;
}

const AMD = '1.3.6.1.4.1.3704.1';

/** The extensions of an endorsement certificate. */
export function endorsementExtensions({
  line = 'Milan',
  parts,
  chip,
  cloud,
}: {
  readonly line?: Line;
  readonly parts?: SnpParts;
  readonly chip?: Uint8Array;
  readonly cloud?: string;
} = {}): NonNullable<IssueOptions['extensions']> {
  const tcb = parts ?? (line === 'Turin' ? TURIN_PARTS : PARTS);
  return [
    { oid: `${AMD}.1`, value: derInteger(line === 'Turin' ? 1 : 0) },
    { oid: `${AMD}.2`, value: derIa5(`${line}-B0`) },
    { oid: `${AMD}.3.1`, value: derInteger(tcb.bootLoader) },
    { oid: `${AMD}.3.2`, value: derInteger(tcb.tee) },
    { oid: `${AMD}.3.3`, value: derInteger(tcb.snp) },
    { oid: `${AMD}.3.8`, value: derInteger(tcb.microcode) },
    ...(line === 'Turin' ? [{ oid: `${AMD}.3.9`, value: derInteger(tcb.fmc ?? 0) }] : []),
    cloud === undefined
      ? { oid: `${AMD}.4`, value: chip ?? (line === 'Turin' ? TURIN_CHIP : CHIP) }
      : { oid: `${AMD}.5`, value: derIa5(cloud) },
  ];
}

/** A world with its own AMD. */
export interface SnpWorld {
  readonly ark: Identity;
  readonly ask: Identity;
  readonly leaf: Identity;
  readonly roots: Pick<TrustRoots, 'amd'>;
  readonly collateral: SnpCollateral;
  attest(fields?: ReportFields): Promise<Uint8Array>;
}

export async function createSnpWorld({
  line = 'Milan',
  kind = 'VCEK',
  leaf = {},
}: {
  readonly line?: Line;
  readonly kind?: 'VCEK' | 'VLEK';
  readonly leaf?: Partial<IssueOptions>;
} = {}): Promise<SnpWorld> {
  const ark = await issue({ name: `ARK-${line}`, kind: 'RSA-PSS', authority: true });
  const ask = await issue({ name: `SEV-${line}`, kind: 'RSA-PSS', issuer: ark, authority: true, pathLength: 0 });
  const end = await issue({
    name: `SEV-${kind}`,
    kind: 'P-384',
    issuer: ask,
    keyUsage: 0,
    extensions: endorsementExtensions({ line, ...(kind === 'VLEK' ? { cloud: 'test-cloud' } : {}) }),
    ...leaf,
  });
  return {
    ark,
    ask,
    leaf: end,
    roots: { amd: [rootOf(ark)] },
    collateral: { endorsement: end.der, chain: [ask.der, ark.der] },
    attest: (fields = {}) => signReport(writeReport({ line, signingKey: kind, ...fields }), end),
  };
}
