/**
 * Decoder of AMD SEV-SNP attestation reports, versions 2 to 5. [AMD56860] table "ATTESTATION_REPORT"
 *
 * @module
 */

import { ByteReader } from '../byte-reader.ts';
import { AttestationError, malformed } from '../errors.ts';

/** Bytes of a report, its signature included. */
export const SNP_REPORT_BYTES = 1184;
/** Bytes before the signature. */
const SNP_SIGNED_BYTES = 0x2a0;
/** Bytes of the fields r and s, of which the value takes the lower 48. */
const SIGNATURE_FIELD_BYTES = 72;

/** Bits of the guest policy. */
export const SNP_POLICY_BITS = {
  smt: 16n,
  reservedOne: 17n,
  migrationAgent: 18n,
  debug: 19n,
  singleSocket: 20n,
  cxl: 21n,
  aes256Xts: 22n,
  raplDisabled: 23n,
  ciphertextHiding: 24n,
  pageSwapDisabled: 25n,
} as const;

/** A decoded report; nothing of it is verified. Byte fields are in hexadecimal, in the order of the report. */
export interface SnpReport {
  readonly version: number;
  readonly guestSvn: number;
  readonly policy: bigint;
  readonly familyId: string;
  readonly imageId: string;
  readonly vmpl: number;
  readonly signatureAlgorithm: number;
  readonly currentTcb: string;
  readonly platformInfo: bigint;
  readonly authorKeyEnabled: boolean;
  readonly chipKeyMasked: boolean;
  readonly signingKey: 'VCEK' | 'VLEK';
  readonly reportData: string;
  readonly measurement: string;
  readonly hostData: string;
  readonly idKeyDigest: string;
  readonly authorKeyDigest: string;
  readonly reportId: string;
  readonly migrationReportId: string;
  readonly reportedTcb: string;
  /** Family, model and stepping; from version 3. */
  readonly cpuid?: { readonly family: number; readonly model: number; readonly stepping: number };
  readonly chipId: string;
  readonly committedTcb: string;
  readonly launchTcb: string;
  readonly currentFirmware: string;
  readonly committedFirmware: string;
  /** Bit vectors of mitigations; from version 5. */
  readonly launchMitigations?: bigint;
  readonly currentMitigations?: bigint;
  readonly signed: Uint8Array;
  /** r ‖ s, big-endian, 48 bytes each. */
  readonly signature: Uint8Array;
}

function readFirmware(reader: ByteReader): string {
  const build = reader.u8();
  const minor = reader.u8();
  const major = reader.u8();
  reader.reserved(1, 'after the firmware version');
  return `${major}.${minor}.${build}`;
}

function readSignatureField(reader: ByteReader, name: string): Uint8Array {
  const value = reader.bytes(48).slice().reverse();
  reader.reserved(SIGNATURE_FIELD_BYTES - 48, `above ${name} of the signature`);
  return value;
}

function readSigningKey(flags: number): 'VCEK' | 'VLEK' {
  const kind = (flags >> 2) & 7;
  if (kind > 1) throw new AttestationError('attestation/unsupported', `SNP report: signing key kind ${kind}`);
  return kind === 0 ? 'VCEK' : 'VLEK';
}

/**
 * Decodes a report.
 * @param bytes - exactly 1,184 bytes.
 * @throws {AttestationError} `attestation/malformed`, or `attestation/unsupported` for other versions or algorithms.
 */
export function decodeSnpReport(bytes: Uint8Array): SnpReport {
  if (bytes.length !== SNP_REPORT_BYTES) {
    malformed(`SNP report: ${SNP_REPORT_BYTES} bytes expected, got ${bytes.length}`);
  }
  const reader = new ByteReader(bytes, 'SNP report');
  const version = reader.u32();
  if (version < 2 || version > 5) {
    throw new AttestationError('attestation/unsupported', `SNP report: version ${version}; known are 2 to 5`);
  }
  const guestSvn = reader.u32();
  const policy = reader.u64();
  const familyId = reader.hex(16);
  const imageId = reader.hex(16);
  const vmpl = reader.u32();
  const signatureAlgorithm = reader.u32();
  if (signatureAlgorithm !== 1) {
    throw new AttestationError('attestation/unsupported', `SNP report: signature algorithm ${signatureAlgorithm}`);
  }
  const currentTcb = reader.hex(8);
  const platformInfo = reader.u64();
  const flags = reader.u32();
  if (flags >>> 5 !== 0) malformed('SNP report: reserved flags are set');
  reader.reserved(4, 'after the flags');
  const reportData = reader.hex(64);
  const measurement = reader.hex(48);
  const hostData = reader.hex(32);
  const idKeyDigest = reader.hex(48);
  const authorKeyDigest = reader.hex(48);
  const reportId = reader.hex(32);
  const migrationReportId = reader.hex(32);
  const reportedTcb = reader.hex(8);
  const [family, model, stepping] = reader.bytes(3) as unknown as [number, number, number];
  if (version < 3 && (family | model | stepping) !== 0) malformed('SNP report: CPUID fields before version 3');
  reader.reserved(21, 'after CPUID');
  const chipId = reader.hex(64);
  const committedTcb = reader.hex(8);
  const currentFirmware = readFirmware(reader);
  const committedFirmware = readFirmware(reader);
  const launchTcb = reader.hex(8);
  const launchMitigations = reader.u64();
  const currentMitigations = reader.u64();
  if (version < 5 && (launchMitigations | currentMitigations) !== 0n) {
    malformed('SNP report: mitigation vectors before version 5');
  }
  reader.reserved(SNP_SIGNED_BYTES - reader.offset, 'before the signature');
  const r = readSignatureField(reader, 'r');
  const s = readSignatureField(reader, 's');
  reader.reserved(reader.remaining, 'after the signature');
  const signature = new Uint8Array(96);
  signature.set(r);
  signature.set(s, 48);
  return {
    version,
    guestSvn,
    policy,
    familyId,
    imageId,
    vmpl,
    signatureAlgorithm,
    currentTcb,
    platformInfo,
    authorKeyEnabled: (flags & 1) !== 0,
    chipKeyMasked: (flags & 2) !== 0,
    signingKey: readSigningKey(flags),
    reportData,
    measurement,
    hostData,
    idKeyDigest,
    authorKeyDigest,
    reportId,
    migrationReportId,
    reportedTcb,
    ...(version >= 3 ? { cpuid: { family, model, stepping } } : {}),
    chipId,
    committedTcb,
    launchTcb,
    currentFirmware,
    committedFirmware,
    ...(version >= 5 ? { launchMitigations, currentMitigations } : {}),
    signed: bytes.subarray(0, SNP_SIGNED_BYTES),
    signature,
  };
}
