/**
 * Rating of a platform by Intel's lists: which TCB level it reaches, and how the ratings of platform, TDX module and
 * quoting enclave converge. [IntelPCS] "Determining TCB status", [IntelTDX] §5
 *
 * @module
 */

import { toHex } from '../../../foundations/crypto/index.ts';
import { AttestationError } from '../errors.ts';
import type { IsvLevel, PlatformLevel, QeIdentity, RatedStatus, TcbInfo } from './collateral.ts';
import type { PckPlatform } from './pck.ts';
import type { SgxReportBody, TdReportBody } from './quote.ts';

/** A rating with what it rests on. */
export interface TcbRating {
  readonly status: RatedStatus;
  readonly advisoryIds: readonly string[];
  readonly tcbDate: Date;
}

const unmatched = (message: string): never => {
  throw new AttestationError('attestation/tcb-unmatched', message);
};

/** Whether each version reaches that of the level. */
function reaches(own: ArrayLike<number>, level: readonly { readonly svn: number }[], from = 0): boolean {
  return level.every(({ svn }, index) => index < from || (own[index] ?? -1) >= svn);
}

/** Finds the first level that the platform reaches; the lists go from new to old. */
function findPlatformLevel(info: TcbInfo, platform: PckPlatform, body: SgxReportBody | TdReportBody): PlatformLevel {
  for (const level of info.tcbLevels) {
    const { sgxtcbcomponents, tdxtcbcomponents, pcesvn } = level.tcb;
    if (!reaches(platform.components, sgxtcbcomponents) || platform.pceSvn < pcesvn) continue;
    if (body.kind === 'sgx') return level;
    if (tdxtcbcomponents === undefined) continue;
    // With a versioned TDX module its two components are rated by the module's own list.
    const from = (body.teeTcbSvn[1] as number) > 0 ? 2 : 0;
    if (reaches(body.teeTcbSvn, tdxtcbcomponents, from)) return level;
  }
  return unmatched('the platform reaches none of the TCB levels of its TCB info');
}

const findIsvLevel = (levels: readonly IsvLevel[], isvSvn: number): IsvLevel | undefined =>
  levels.find(({ tcb }) => isvSvn >= tcb.isvsvn);

/** Checks the TDX module's signer and attributes, and rates it when it is a versioned one. */
function rateModule(info: TcbInfo, body: TdReportBody): IsvLevel | undefined {
  const [isvSvn, version] = body.teeTcbSvn as unknown as [number, number];
  const id = `TDX_${toHex(Uint8Array.of(version)).toUpperCase()}`;
  const identity =
    version > 0 ? info.tdxModuleIdentities?.find((candidate) => candidate.id.toUpperCase() === id) : undefined;
  if (version > 0 && identity === undefined) unmatched(`TCB info knows no TDX module ${id}`);
  const expected = identity ?? info.tdxModule;
  if (expected === undefined) return unmatched('TCB info names no TDX module');
  const masked = maskHex(toHex(body.seamAttributes), expected.attributesMask);
  if (body.mrSignerSeam !== expected.mrsigner || masked !== expected.attributes) {
    throw new AttestationError('attestation/collateral-mismatch', 'the TDX module has another signer or attributes');
  }
  if (identity === undefined) return undefined;
  return (
    findIsvLevel(identity.tcbLevels, isvSvn) ??
    unmatched(`TDX module ${id} version ${isvSvn} reaches none of its levels`)
  );
}

/** Returns `value` & `mask`, all in hexadecimal of equal length. */
function maskHex(value: string, mask: string): string {
  const bits = BigInt(`0x${value}`) & BigInt(`0x${mask}`);
  return bits.toString(16).padStart(value.length, '0');
}

/** Lets the rating of a part pull down that of the platform. */
function converge(platform: RatedStatus, part: RatedStatus): RatedStatus {
  if (part === 'Revoked' || platform === 'Revoked') return 'Revoked';
  if (part !== 'OutOfDate') return platform;
  return platform === 'ConfigurationNeeded' ||
    platform === 'ConfigurationAndSWHardeningNeeded' ||
    platform === 'OutOfDateConfigurationNeeded'
    ? 'OutOfDateConfigurationNeeded'
    : 'OutOfDate';
}

/** @throws {AttestationError} `attestation/qe-identity-mismatch` when another enclave than Intel's made the quote. */
export function rateQuotingEnclave(report: SgxReportBody, identity: QeIdentity): IsvLevel {
  const fail = (field: string): never => {
    throw new AttestationError('attestation/qe-identity-mismatch', `the quoting enclave has another ${field}`);
  };
  if (maskHex(toHex(report.miscSelect), identity.miscselectMask) !== identity.miscselect) fail('MISCSELECT');
  if (maskHex(toHex(report.attributes), identity.attributesMask) !== identity.attributes) fail('set of attributes');
  if (report.mrSigner !== identity.mrsigner) fail('signer');
  if (report.isvProdId !== identity.isvprodid) fail('product id');
  return (
    findIsvLevel(identity.tcbLevels, report.isvSvn) ??
    unmatched(`the quoting enclave of version ${report.isvSvn} reaches none of its levels`)
  );
}

/**
 * Rates a platform.
 * @param info - TCB info whose signature is checked, for this family of platforms.
 * @throws {AttestationError} `attestation/tcb-unmatched`, `attestation/collateral-mismatch`.
 */
export function ratePlatform(
  info: TcbInfo,
  platform: PckPlatform,
  { body, quotingEnclave }: { readonly body: SgxReportBody | TdReportBody; readonly quotingEnclave: IsvLevel },
): TcbRating {
  if (info.id !== (body.kind === 'tdx' ? 'TDX' : 'SGX')) {
    throw new AttestationError('attestation/collateral-mismatch', `TCB info is for ${info.id}`);
  }
  if (info.fmspc !== platform.fmspc || info.pceId !== platform.pceId) {
    throw new AttestationError(
      'attestation/collateral-mismatch',
      `TCB info is for platform ${info.fmspc}/${info.pceId}, the PCK certificate for ${platform.fmspc}/${platform.pceId}`,
    );
  }
  const level = findPlatformLevel(info, platform, body);
  const parts = [body.kind === 'tdx' ? rateModule(info, body) : undefined, quotingEnclave].filter(
    (part): part is IsvLevel => part !== undefined,
  );
  let status: RatedStatus = level.tcbStatus;
  for (const part of parts) status = converge(status, part.tcbStatus);
  return {
    status,
    advisoryIds: [...new Set([level, ...parts].flatMap(({ advisoryIDs }) => advisoryIDs))].sort(),
    tcbDate: new Date(Math.min(...[level, ...parts].map(({ tcbDate }) => tcbDate.getTime()))),
  };
}
