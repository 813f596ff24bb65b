/**
 * DCAP collateral: what Intel's provisioning service publishes about platforms, and the JSON file in which it travels
 * with quotes (the field names are those of the usual verifiers). [IntelPCS] version 4
 *
 * @module
 */

import { z } from 'zod';

import { AttestationError, malformed } from '../errors.ts';
import type { UnsignedRange } from '../result.ts';
import { decodeHex } from '../text-encodings.ts';

/** Everything that rating a platform needs. Texts of JSON are kept as they were signed. */
export interface DcapCollateral {
  readonly pckCrlIssuerChain: string;
  readonly rootCaCrl: Uint8Array;
  readonly pckCrl: Uint8Array;
  readonly tcbInfoIssuerChain: string;
  readonly tcbInfo: string;
  /** r ‖ s. */
  readonly tcbInfoSignature: Uint8Array;
  readonly qeIdentityIssuerChain: string;
  readonly qeIdentity: string;
  readonly qeIdentitySignature: Uint8Array;
  /** White space between the tokens of the file. */
  readonly unsignedRanges: readonly UnsignedRange[];
}

const collateralSchema = z.strictObject({
  pck_crl_issuer_chain: z.string(),
  root_ca_crl: z.string(),
  pck_crl: z.string(),
  tcb_info_issuer_chain: z.string(),
  tcb_info: z.string(),
  tcb_info_signature: z.string(),
  qe_identity_issuer_chain: z.string(),
  qe_identity: z.string(),
  qe_identity_signature: z.string(),
});

const hex = (sizeBytes: number) =>
  z
    .string()
    .regex(new RegExp(`^[0-9A-Fa-f]{${2 * sizeBytes}}$`))
    .toLowerCase();
const svn = z.int().min(0).max(0xffff);
const date = z.iso.datetime().transform((text) => new Date(text));
const status = z.enum([
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
]);
const rating = { tcbDate: date, tcbStatus: status, advisoryIDs: z.array(z.string()).default([]) };
const component = z.object({ svn: z.int().min(0).max(255) });
const isvLevel = z.object({ tcb: z.object({ isvsvn: svn }), ...rating });
const module = z.object({ mrsigner: hex(48), attributes: hex(8), attributesMask: hex(8) });

/** The flat component names of TCB info version 2. */
const flatComponents = Object.fromEntries(
  Array.from({ length: 16 }, (_, index) => [
    `sgxtcbcomp${String(index + 1).padStart(2, '0')}svn`,
    z.int().min(0).max(255),
  ]),
);
const platformTcb = z.union([
  z.object({
    sgxtcbcomponents: z.array(component).length(16),
    tdxtcbcomponents: z.array(component).length(16).optional(),
    pcesvn: svn,
  }),
  z.object({ ...flatComponents, pcesvn: svn }).transform((flat) => ({
    pcesvn: (flat as Record<string, number>)['pcesvn'] as number,
    sgxtcbcomponents: Object.keys(flatComponents).map((name) => ({
      svn: (flat as Record<string, number>)[name] as number,
    })),
    tdxtcbcomponents: undefined,
  })),
]);

const tcbInfoSchema = z.object({
  id: z.enum(['SGX', 'TDX']).default('SGX'),
  version: z.union([z.literal(2), z.literal(3)]),
  issueDate: date,
  nextUpdate: date,
  fmspc: hex(6),
  pceId: hex(2),
  tcbType: z.literal(0),
  tcbEvaluationDataNumber: z.int().min(0),
  tdxModule: module.optional(),
  tdxModuleIdentities: z.array(module.extend({ id: z.string(), tcbLevels: z.array(isvLevel) })).optional(),
  tcbLevels: z.array(z.object({ tcb: platformTcb, ...rating })),
});

const qeIdentitySchema = z.object({
  id: z.enum(['QE', 'TD_QE']),
  version: z.literal(2),
  issueDate: date,
  nextUpdate: date,
  tcbEvaluationDataNumber: z.int().min(0),
  miscselect: hex(4),
  miscselectMask: hex(4),
  attributes: hex(16),
  attributesMask: hex(16),
  mrsigner: hex(32),
  isvprodid: svn,
  tcbLevels: z.array(isvLevel),
});

export type TcbInfo = z.output<typeof tcbInfoSchema>;
export type QeIdentity = z.output<typeof qeIdentitySchema>;
export type IsvLevel = z.output<typeof isvLevel>;
export type PlatformLevel = TcbInfo['tcbLevels'][number];
export type RatedStatus = z.output<typeof status>;

const MAX_COLLATERAL_TEXT = 8 << 20;

/** Parses JSON and checks its shape. @throws {AttestationError} `attestation/malformed`. */
export function parseJson<T extends z.ZodType>(text: string, schema: T, what: string): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    malformed(`${what} is not JSON`, cause);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    malformed(`${what}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'has another shape'}`);
  }
  return parsed.data;
}

/** Where white space stands between tokens of a JSON text. */
function whitespaceRanges(text: string): readonly UnsignedRange[] {
  const ranges: UnsignedRange[] = [];
  for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"|[ \t\r\n]+/g)) {
    if (match[0].startsWith('"')) continue;
    ranges.push({ start: match.index, end: match.index + match[0].length, what: 'white space between JSON tokens' });
  }
  return ranges;
}

/**
 * Reads a collateral file.
 * @throws {AttestationError} `attestation/malformed`.
 */
export function parseDcapCollateral(text: string): DcapCollateral {
  const what = 'DCAP collateral';
  if (text.length > MAX_COLLATERAL_TEXT) malformed(`${what}: longer than ${MAX_COLLATERAL_TEXT} characters`);
  const file = parseJson(text, collateralSchema, what);
  return {
    pckCrlIssuerChain: file.pck_crl_issuer_chain,
    rootCaCrl: decodeHex(file.root_ca_crl, `${what}, root CA CRL`),
    pckCrl: decodeHex(file.pck_crl, `${what}, PCK CRL`),
    tcbInfoIssuerChain: file.tcb_info_issuer_chain,
    tcbInfo: file.tcb_info,
    tcbInfoSignature: decodeHex(file.tcb_info_signature, `${what}, TCB info signature`, 64),
    qeIdentityIssuerChain: file.qe_identity_issuer_chain,
    qeIdentity: file.qe_identity,
    qeIdentitySignature: decodeHex(file.qe_identity_signature, `${what}, QE identity signature`, 64),
    unsignedRanges: whitespaceRanges(text),
  };
}

function assertInForce({ issueDate, nextUpdate }: { issueDate: Date; nextUpdate: Date }, at: Date, what: string): void {
  if (!(at >= issueDate && at <= nextUpdate)) {
    throw new AttestationError(
      'attestation/collateral-expired',
      `${what} is in force from ${issueDate.toISOString()} to ${nextUpdate.toISOString()}, not at ${at.toISOString()}`,
    );
  }
}

/** Parses the TCB info, whose signature the caller has checked. */
export function parseTcbInfo(text: string, at: Date): TcbInfo {
  const info = parseJson(text, tcbInfoSchema, 'TCB info');
  assertInForce(info, at, 'TCB info');
  return info;
}

/** Parses the QE identity, whose signature the caller has checked. */
export function parseQeIdentity(text: string, at: Date): QeIdentity {
  const identity = parseJson(text, qeIdentitySchema, 'QE identity');
  assertInForce(identity, at, 'QE identity');
  return identity;
}
