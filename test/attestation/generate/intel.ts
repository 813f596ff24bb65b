/** TDX and SGX evidence of our own: root, platform authority, PCK, TCB signer, collateral, quote. */
import { createHash } from 'node:crypto';

import { type DcapCollateral, parseDcapCollateral, type TrustRoots } from '../../../src/trust/attestation/index.ts';
import { encodePemCertificates } from '../../../src/trust/attestation/text-encodings.ts';
import {
  der,
  derInteger,
  derOctets,
  derOid,
  generateKeys,
  hexBytes,
  type Identity,
  issue,
  type IssueOptions,
  NOW,
  revoke,
  rootOf,
  signRaw,
} from './authority.ts';

const SGX = '1.2.840.113741.1.13.1';
const FMSPC = '00906ed50000';
const TD_QE_SIGNER = 'dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5';
export const SGX_QE_SIGNER = '8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff';
const VENDOR = '939a7233f79c4ca9940a0db3957f0607';

/** The extension of a PCK certificate. */
export function pckExtension({ fmspc = FMSPC, components = Array.from({ length: 16 }, () => 5), pceSvn = 11 } = {}): {
  readonly oid: string;
  readonly value: Uint8Array;
} {
  const pair = (oid: string, value: Uint8Array) => der(0x30, derOid(oid), value);
  const tcb = der(
    0x30,
    ...components.map((svn, index) => pair(`${SGX}.2.${index + 1}`, derInteger(svn))),
    pair(`${SGX}.2.17`, derInteger(pceSvn)),
    pair(`${SGX}.2.18`, derOctets(Uint8Array.from(components))),
  );
  const value = der(
    0x30,
    pair(`${SGX}.1`, derOctets(new Uint8Array(16))),
    pair(`${SGX}.2`, tcb),
    pair(`${SGX}.3`, derOctets(new Uint8Array(2))),
    pair(`${SGX}.4`, derOctets(hexBytes(fmspc))),
    pair(`${SGX}.5`, der(0x0a, Uint8Array.of(0))),
  );
  return { oid: SGX, value };
}

/** Fields of a quote that tests change. */
export interface QuoteFields {
  readonly version?: 3 | 4 | 5;
  readonly tee?: 'tdx' | 'sgx';
  /** Version 5 only: the form of TDX 1.5. */
  readonly tdx15?: boolean;
  readonly teeTcbSvn?: readonly number[];
  readonly teeTcbSvn2?: readonly number[];
  readonly tdAttributes?: Uint8Array;
  readonly attributes?: Uint8Array;
  readonly mrTd?: Uint8Array;
  readonly reportData?: Uint8Array;
  readonly padding?: number;
  readonly qeSigner?: string;
  readonly qeIsvSvn?: number;
  readonly qeProdId?: number;
  readonly qeAttributes?: Uint8Array;
  /** What the quoting enclave binds instead of the attestation key. */
  readonly qeReportData?: Uint8Array;
  readonly mrSignerSeam?: Uint8Array;
}

const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const u16 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, value >> 8);
const u32 = (value: number): Uint8Array => concat(u16(value & 0xffff), u16(value >>> 16));
const pad = (bytes: readonly number[], length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => bytes[index] ?? 0);
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
export const MR_TD = filled(48, 0x77);

function tdBody(fields: QuoteFields): Uint8Array {
  return concat(
    pad(fields.teeTcbSvn ?? [5, 0, 5], 16),
    filled(48, 0x11),
    fields.mrSignerSeam ?? new Uint8Array(48),
    new Uint8Array(8),
    fields.tdAttributes ?? Uint8Array.of(0, 0, 0, 0x10, 0, 0, 0, 0),
    hexBytes('e702060000000000'),
    fields.mrTd ?? MR_TD,
    new Uint8Array(48 * 3),
    ...[1, 2, 3, 4].map((value) => filled(48, value)),
    fields.reportData ?? new Uint8Array(64),
    ...(fields.tdx15 === true ? [pad(fields.teeTcbSvn2 ?? [5, 0, 5], 16), new Uint8Array(48)] : []),
  );
}

function sgxBody({
  attributes,
  signer,
  isvProdId,
  isvSvn,
  reportData,
  enclave = 0x22,
}: {
  readonly attributes: Uint8Array;
  readonly signer: string;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly reportData: Uint8Array;
  readonly enclave?: number;
}): Uint8Array {
  return concat(
    filled(16, 5),
    new Uint8Array(4 + 12 + 16),
    attributes,
    filled(32, enclave),
    new Uint8Array(32),
    hexBytes(signer),
    new Uint8Array(32 + 64),
    u16(isvProdId),
    u16(isvSvn),
    new Uint8Array(2 + 42 + 16),
    reportData,
  );
}

/** A world with its own Intel. */
export interface IntelWorld {
  readonly root: Identity;
  readonly platform: Identity;
  readonly pck: Identity;
  readonly tcbSigner: Identity;
  readonly roots: Pick<TrustRoots, 'intel'>;
  attest(fields?: QuoteFields): Promise<Uint8Array>;
  collateral(changes?: CollateralChanges): Promise<DcapCollateral>;
  collateralText(changes?: CollateralChanges): Promise<string>;
}

/** What tests change in collateral. */
export interface CollateralChanges {
  readonly tee?: 'tdx' | 'sgx';
  readonly tcbInfo?: Readonly<Record<string, unknown>>;
  readonly qeIdentity?: Readonly<Record<string, unknown>>;
  readonly revokedByRoot?: readonly string[];
  readonly revokedByPlatform?: readonly string[];
  readonly listWindow?: { readonly thisUpdate?: Date; readonly nextUpdate?: Date };
  readonly signer?: Identity;
  readonly tcbInfoText?: (text: string) => string;
}

const iso = (offsetDays: number): string =>
  new Date(NOW.getTime() + offsetDays * 86_400_000).toISOString().replace('.000Z', 'Z');

/** A TCB level of the platform. */
export function level(svn: number, tcbStatus: string, advisoryIDs: readonly string[] = []) {
  const components = Array.from({ length: 16 }, () => ({ svn }));
  return {
    tcb: {
      sgxtcbcomponents: components,
      pcesvn: 11,
      tdxtcbcomponents: Array.from({ length: 16 }, (_, index) => ({ svn: index === 0 || index === 2 ? svn : 0 })),
    },
    tcbDate: '2025-11-01T00:00:00Z',
    tcbStatus,
    advisoryIDs,
  };
}
export const isvLevel = (isvsvn: number, tcbStatus: string, advisoryIDs: readonly string[] = []) => ({
  tcb: { isvsvn },
  tcbDate: '2025-11-01T00:00:00Z',
  tcbStatus,
  advisoryIDs,
});

function tcbInfoOf(tee: 'tdx' | 'sgx') {
  const zeros = '0'.repeat(96);
  return {
    id: tee.toUpperCase(),
    version: 3,
    issueDate: iso(-10),
    nextUpdate: iso(20),
    fmspc: FMSPC.toUpperCase(),
    pceId: '0000',
    tcbType: 0,
    tcbEvaluationDataNumber: 20,
    ...(tee === 'tdx'
      ? { tdxModule: { mrsigner: zeros, attributes: '0'.repeat(16), attributesMask: 'F'.repeat(16) } }
      : {}),
    tcbLevels: [level(5, 'UpToDate'), level(3, 'OutOfDate', ['INTEL-SA-00001', 'INTEL-SA-00002'])],
  };
}

function qeIdentityOf(tee: 'tdx' | 'sgx') {
  return {
    id: tee === 'tdx' ? 'TD_QE' : 'QE',
    version: 2,
    issueDate: iso(-10),
    nextUpdate: iso(20),
    tcbEvaluationDataNumber: 20,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: (tee === 'tdx' ? TD_QE_SIGNER : SGX_QE_SIGNER).toUpperCase(),
    isvprodid: tee === 'tdx' ? 2 : 1,
    tcbLevels: [isvLevel(4, 'UpToDate'), isvLevel(2, 'OutOfDate', ['INTEL-SA-00003'])],
  };
}

export async function createIntelWorld({
  pck: pckOptions = {},
  platformOptions = {},
  platformTcb = {},
}: {
  readonly pck?: Partial<IssueOptions>;
  readonly platformOptions?: Partial<IssueOptions>;
  readonly platformTcb?: Parameters<typeof pckExtension>[0];
} = {}): Promise<IntelWorld> {
  const root = await issue({ name: 'Intel SGX Root CA', kind: 'P-256', authority: true, pathLength: 1 });
  const platform = await issue({
    name: 'Intel SGX PCK Platform CA',
    kind: 'P-256',
    issuer: root,
    authority: true,
    pathLength: 0,
    ...platformOptions,
  });
  const pck = await issue({
    name: 'Intel SGX PCK Certificate',
    kind: 'P-256',
    issuer: platform,
    extensions: [pckExtension(platformTcb)],
    ...pckOptions,
  });
  const tcbSigner = await issue({ name: 'Intel SGX TCB Signing', kind: 'P-256', issuer: root });
  const attestationKey = { kind: 'P-256' as const, keys: await generateKeys('P-256') };

  async function attest(fields: QuoteFields = {}): Promise<Uint8Array> {
    const { version = 4, tee = version === 3 ? 'sgx' : 'tdx' } = fields;
    const body =
      tee === 'tdx'
        ? tdBody(fields)
        : sgxBody({
            attributes: fields.attributes ?? Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0),
            signer: '33'.repeat(32),
            isvProdId: 7,
            isvSvn: 2,
            reportData: fields.reportData ?? new Uint8Array(64),
          });
    const bodyType = tee === 'sgx' ? 1 : fields.tdx15 === true ? 3 : 2;
    const signed = concat(
      u16(version),
      u16(2),
      u32(tee === 'tdx' ? 0x81 : 0),
      new Uint8Array(4),
      hexBytes(VENDOR),
      new Uint8Array(20),
      ...(version === 5 ? [u16(bodyType), u32(body.length)] : []),
      body,
    );
    const point = new Uint8Array(await crypto.subtle.exportKey('raw', attestationKey.keys.publicKey)).subarray(1);
    const authData = filled(32, 9);
    const bound = createHash('sha256').update(point).update(authData).digest();
    const qeReport = sgxBody({
      attributes: fields.qeAttributes ?? Uint8Array.of(0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0),
      signer: fields.qeSigner ?? (tee === 'tdx' ? TD_QE_SIGNER : SGX_QE_SIGNER),
      isvProdId: fields.qeProdId ?? (tee === 'tdx' ? 2 : 1),
      isvSvn: fields.qeIsvSvn ?? 6,
      reportData: fields.qeReportData ?? concat(bound, new Uint8Array(32)),
      enclave: 0x44,
    });
    const chain = Buffer.from(`${encodePemCertificates([pck.der, platform.der, root.der])}\0`, 'latin1');
    const certification = concat(
      qeReport,
      await signRaw(pck, qeReport),
      u16(authData.length),
      authData,
      u16(5),
      u32(chain.length),
      chain,
    );
    const section = concat(
      await signRaw(attestationKey, signed),
      point,
      ...(version === 3 ? [certification] : [u16(6), u32(certification.length), certification]),
    );
    return concat(signed, u32(section.length), section, new Uint8Array(fields.padding ?? 0));
  }

  async function collateralText(changes: CollateralChanges = {}): Promise<string> {
    const { tee = 'tdx', signer = tcbSigner, tcbInfoText = (text: string) => text } = changes;
    const tcbInfo = JSON.stringify({ ...tcbInfoOf(tee), ...changes.tcbInfo });
    const qeIdentity = JSON.stringify({ ...qeIdentityOf(tee), ...changes.qeIdentity });
    const sign = async (text: string) => Buffer.from(await signRaw(signer, Buffer.from(text))).toString('hex');
    const signerChain = encodePemCertificates([signer.der, root.der]);
    return JSON.stringify({
      pck_crl_issuer_chain: encodePemCertificates([platform.der, root.der]),
      root_ca_crl: Buffer.from(await revoke(root, changes.revokedByRoot ?? [], changes.listWindow)).toString('hex'),
      pck_crl: Buffer.from(await revoke(platform, changes.revokedByPlatform ?? [], changes.listWindow)).toString('hex'),
      tcb_info_issuer_chain: signerChain,
      tcb_info: tcbInfoText(tcbInfo),
      tcb_info_signature: await sign(tcbInfo),
      qe_identity_issuer_chain: signerChain,
      qe_identity: qeIdentity,
      qe_identity_signature: await sign(qeIdentity),
    });
  }

  return {
    root,
    platform,
    pck,
    tcbSigner,
    roots: { intel: [rootOf(root)] },
    attest,
    collateralText,
    collateral: async (changes) => parseDcapCollateral(await collateralText(changes)),
  };
}
