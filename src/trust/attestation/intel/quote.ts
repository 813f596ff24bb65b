/**
 * Decoder of Intel's quotes: SGX version 3, TDX and SGX versions 4 and 5. [IntelDCAP] appendix A, [IntelTDX] §A.3
 *
 * @module
 */

import { ByteReader } from '../byte-reader.ts';
import { AttestationError, malformed } from '../errors.ts';
import { decodePemCertificates, latin1 } from '../text-encodings.ts';

/** A decoded report of an SGX enclave: the body of SGX quotes, and the quoting enclave's own report. */
export interface SgxReportBody {
  readonly kind: 'sgx';
  readonly cpuSvn: string;
  readonly miscSelect: Uint8Array;
  readonly attributes: Uint8Array;
  readonly mrEnclave: string;
  readonly mrSigner: string;
  readonly configId: string;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly configSvn: number;
  readonly isvExtProdId: string;
  readonly isvFamilyId: string;
  readonly reportData: Uint8Array;
}

/** A decoded report of a trust domain. The last two fields exist in the form of TDX 1.5. */
export interface TdReportBody {
  readonly kind: 'tdx';
  readonly teeTcbSvn: Uint8Array;
  readonly mrSeam: string;
  readonly mrSignerSeam: string;
  readonly seamAttributes: Uint8Array;
  readonly tdAttributes: Uint8Array;
  readonly xfam: string;
  readonly mrTd: string;
  readonly mrConfigId: string;
  readonly mrOwner: string;
  readonly mrOwnerConfig: string;
  readonly rtmr: readonly [string, string, string, string];
  readonly reportData: Uint8Array;
  readonly teeTcbSvn2?: Uint8Array;
  readonly mrServiceTd?: string;
}

/** A decoded quote; nothing of it is verified. */
export interface IntelQuote {
  readonly version: 3 | 4 | 5;
  readonly qeVendorId: string;
  /** Type of the body in version 5: 1 SGX, 2 TDX 1.0, 3 TDX 1.5. */
  readonly bodyType: number | null;
  readonly body: SgxReportBody | TdReportBody;
  /** Header and body: what the attestation key signed. */
  readonly signed: Uint8Array;
  /** r ‖ s of the attestation key. */
  readonly signature: Uint8Array;
  /** x ‖ y of the attestation key, P-256. */
  readonly attestationKey: Uint8Array;
  readonly qeReport: SgxReportBody;
  readonly qeReportBytes: Uint8Array;
  /** r ‖ s of the platform's certified key over `qeReportBytes`. */
  readonly qeReportSignature: Uint8Array;
  readonly qeAuthData: Uint8Array;
  /** PCK certificate, its issuer, the root; as DER. */
  readonly pckChain: readonly Uint8Array[];
  /** Where the quote ends; what follows is padding. */
  readonly end: number;
}

const MAX_QUOTE_BYTES = 65_536;
const SGX_BODY_BYTES = 384;
const TDX_BODY_BYTES = 584;
const TDX15_BODY_BYTES = 648;
const TEE_SGX = 0;
const TEE_TDX = 0x81;
/** ECDSA on P-256, the one attestation key type in use. */
const KEY_TYPE_P256 = 2;
const CERTIFICATION_PCK_CHAIN = 5;
const CERTIFICATION_QE_REPORT = 6;

function readSgxBody(bytes: Uint8Array): SgxReportBody {
  const reader = new ByteReader(bytes, 'SGX report');
  const cpuSvn = reader.hex(16);
  const miscSelect = reader.bytes(4);
  reader.bytes(12);
  const isvExtProdId = reader.hex(16);
  const attributes = reader.bytes(16);
  const mrEnclave = reader.hex(32);
  reader.bytes(32);
  const mrSigner = reader.hex(32);
  reader.bytes(32);
  const configId = reader.hex(64);
  const isvProdId = reader.u16();
  const isvSvn = reader.u16();
  const configSvn = reader.u16();
  reader.bytes(42);
  const isvFamilyId = reader.hex(16);
  const reportData = reader.bytes(64);
  reader.end();
  return {
    kind: 'sgx',
    cpuSvn,
    miscSelect,
    attributes,
    mrEnclave,
    mrSigner,
    configId,
    isvProdId,
    isvSvn,
    configSvn,
    isvExtProdId,
    isvFamilyId,
    reportData,
  };
}

function readTdBody(bytes: Uint8Array): TdReportBody {
  const reader = new ByteReader(bytes, 'TD report');
  const body: TdReportBody = {
    kind: 'tdx',
    teeTcbSvn: reader.bytes(16),
    mrSeam: reader.hex(48),
    mrSignerSeam: reader.hex(48),
    seamAttributes: reader.bytes(8),
    tdAttributes: reader.bytes(8),
    xfam: reader.hex(8),
    mrTd: reader.hex(48),
    mrConfigId: reader.hex(48),
    mrOwner: reader.hex(48),
    mrOwnerConfig: reader.hex(48),
    rtmr: [reader.hex(48), reader.hex(48), reader.hex(48), reader.hex(48)],
    reportData: reader.bytes(64),
    ...(bytes.length === TDX15_BODY_BYTES ? { teeTcbSvn2: reader.bytes(16), mrServiceTd: reader.hex(48) } : {}),
  };
  reader.end();
  return body;
}

/** The kind and length of the body, and for version 5 its stated type. */
function readBodyShape(reader: ByteReader, version: number, teeType: number) {
  if (teeType !== TEE_SGX && teeType !== TEE_TDX) {
    throw new AttestationError('attestation/unsupported', `quote: TEE type 0x${teeType.toString(16)}`);
  }
  const tdx = teeType === TEE_TDX;
  if (version < 5) {
    if (version === 3 && tdx) malformed('quote: version 3 is for SGX alone');
    return { bodyType: null, tdx, sizeBytes: tdx ? TDX_BODY_BYTES : SGX_BODY_BYTES };
  }
  const bodyType = reader.u16();
  const sizeBytes = reader.u32();
  const expected = [undefined, SGX_BODY_BYTES, TDX_BODY_BYTES, TDX15_BODY_BYTES][bodyType];
  if (expected === undefined) throw new AttestationError('attestation/unsupported', `quote: body type ${bodyType}`);
  if (expected !== sizeBytes) malformed(`quote: body type ${bodyType} has ${expected} bytes, ${sizeBytes} are stated`);
  if (tdx !== bodyType > 1) malformed(`quote: body type ${bodyType} does not fit its TEE type`);
  return { bodyType, tdx, sizeBytes };
}

/**
 * Decodes a quote. Bytes after the stated length of the signature section are padding and not looked at.
 * @throws {AttestationError} `attestation/malformed`, `attestation/unsupported`.
 */
export function decodeIntelQuote(bytes: Uint8Array): IntelQuote {
  if (bytes.length > MAX_QUOTE_BYTES) malformed(`quote: longer than ${MAX_QUOTE_BYTES} bytes`);
  const reader = new ByteReader(bytes, 'quote');
  const version = reader.u16();
  if (version !== 3 && version !== 4 && version !== 5) {
    throw new AttestationError('attestation/unsupported', `quote: version ${version}; known are 3, 4 and 5`);
  }
  const keyType = reader.u16();
  if (keyType !== KEY_TYPE_P256) {
    throw new AttestationError('attestation/unsupported', `quote: attestation key type ${keyType}`);
  }
  // In version 3 these four bytes are reserved, and zero means SGX all the same.
  const teeType = reader.u32();
  reader.bytes(4);
  const qeVendorId = reader.hex(16);
  reader.bytes(20);
  const { bodyType, tdx, sizeBytes } = readBodyShape(reader, version, teeType);
  const bodyBytes = reader.bytes(sizeBytes);
  const signed = bytes.subarray(0, reader.offset);
  const section = new ByteReader(reader.bytes(reader.u32()), 'quote, signature section');
  const signature = section.bytes(64);
  const attestationKey = section.bytes(64);
  let certification = section;
  if (version >= 4) {
    const kind = section.u16();
    if (kind !== CERTIFICATION_QE_REPORT) malformed(`quote: certification data of type ${kind}; 6 expected`);
    certification = new ByteReader(section.bytes(section.u32()), 'quote, certification data');
    section.end();
  }
  const qeReportBytes = certification.bytes(SGX_BODY_BYTES);
  const qeReportSignature = certification.bytes(64);
  const qeAuthData = certification.bytes(certification.u16());
  const kind = certification.u16();
  if (kind !== CERTIFICATION_PCK_CHAIN) {
    throw new AttestationError('attestation/unsupported', `quote: PCK certification of type ${kind}; 5 expected`);
  }
  const pckChain = decodePemCertificates(latin1(certification.bytes(certification.u32())), 'quote, PCK chain');
  certification.end();
  return {
    version,
    qeVendorId,
    bodyType,
    body: tdx ? readTdBody(bodyBytes) : readSgxBody(bodyBytes),
    signed,
    signature,
    attestationKey,
    qeReport: readSgxBody(qeReportBytes),
    qeReportBytes,
    qeReportSignature,
    qeAuthData,
    pckChain,
    end: reader.offset,
  };
}
