/**
 * Verifier of Intel TDX and SGX quotes: the quote's signature, the binding of its key by the quoting enclave, the
 * enclave's certification by the platform, the chain to Intel's root, and with collateral revocation and TCB rating.
 *
 * @module
 */

import { equalBytes, sha256, toHex } from '../../../foundations/crypto/index.ts';
import { isZero } from '../byte-reader.ts';
import { AttestationError } from '../errors.ts';
import {
  type AttestationResult,
  type Examination,
  examine,
  noteChain,
  noteExpiry,
  startResult,
  type Verdict,
} from '../result.ts';
import type { TrustRoots } from '../roots/trust-root.ts';
import { decodePemCertificates } from '../text-encodings.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { verifyChain, type VerifiedChain } from '../x509/chain.ts';
import { assertListInForce, assertNotRevoked, parseRevocationList } from '../x509/revocation-list.ts';
import { spkiFromP256Point, verifyRawEcdsa } from '../x509/signature.ts';
import { type DcapCollateral, parseQeIdentity, parseTcbInfo, type QeIdentity, type TcbInfo } from './collateral.ts';
import { type PckPlatform, readPckPlatform } from './pck.ts';
import { decodeIntelQuote, type IntelQuote, type SgxReportBody, type TdReportBody } from './quote.ts';
import { ratePlatform, rateQuotingEnclave } from './tcb-level.ts';

const INTEL_VENDOR_ID = '939a7233f79c4ca9940a0db3957f0607';
/** Signers of Intel's quoting enclaves for SGX and TDX; compared when no QE identity is at hand. */
const QE_SIGNERS: Readonly<Record<'sgx' | 'tdx', string>> = {
  sgx: '8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff',
  tdx: 'dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5',
};
const SGX_FLAG_DEBUG = 0x02;

type Options = { readonly roots: Pick<TrustRoots, 'intel'>; readonly at: Date };

function claimsOfTd(body: TdReportBody): Pick<AttestationResult, 'debug' | 'measurements' | 'reportData'> {
  const [rtmr0, rtmr1, rtmr2, rtmr3] = body.rtmr;
  return {
    // The whole first byte are the flags of a trust domain under debug. [IntelTDX] §A.3.4
    debug: body.tdAttributes[0] !== 0,
    measurements: {
      mrTd: body.mrTd,
      rtmr0,
      rtmr1,
      rtmr2,
      rtmr3,
      mrSeam: body.mrSeam,
      mrSignerSeam: body.mrSignerSeam,
      mrConfigId: body.mrConfigId,
      mrOwner: body.mrOwner,
      mrOwnerConfig: body.mrOwnerConfig,
      ...(body.mrServiceTd === undefined ? {} : { mrServiceTd: body.mrServiceTd }),
    },
    reportData: toHex(body.reportData),
  };
}

function claimsOfSgx(body: SgxReportBody): Pick<AttestationResult, 'debug' | 'measurements' | 'reportData'> {
  return {
    debug: ((body.attributes[0] as number) & SGX_FLAG_DEBUG) !== 0,
    measurements: {
      mrEnclave: body.mrEnclave,
      mrSigner: body.mrSigner,
      isvProdId: body.isvProdId.toString(16).padStart(4, '0'),
      configId: body.configId,
    },
    reportData: toHex(body.reportData),
  };
}

function describeQuote(quote: IntelQuote): AttestationResult['facts'] {
  const common = { version: quote.version, bodyType: quote.bodyType, teeType: quote.body.kind.toUpperCase() };
  if (quote.body.kind === 'sgx') {
    const { cpuSvn, attributes, isvSvn, configSvn, isvExtProdId, isvFamilyId } = quote.body;
    return { ...common, cpuSvn, attributes: toHex(attributes), isvSvn, configSvn, isvExtProdId, isvFamilyId };
  }
  const { teeTcbSvn, teeTcbSvn2, tdAttributes, seamAttributes, xfam } = quote.body;
  return {
    ...common,
    teeTcbSvn: toHex(teeTcbSvn),
    teeTcbSvn2: teeTcbSvn2 === undefined ? null : toHex(teeTcbSvn2),
    tdAttributes: toHex(tdAttributes),
    seamAttributes: toHex(seamAttributes),
    xfam,
  };
}

/** The three links from the body to the platform's certificate. */
async function checkSignatures({ check }: Examination, quote: IntelQuote, pck: Certificate): Promise<void> {
  await check('quote is signed by the attestation key (ECDSA P-256)', async () => {
    const spki = spkiFromP256Point(quote.attestationKey);
    if (!(await verifyRawEcdsa(spki, 'SHA-256', { signature: quote.signature, data: quote.signed }))) {
      throw new AttestationError('attestation/signature-invalid', 'the quote is not signed by its attestation key');
    }
  });
  await check('quoting enclave is certified by the platform (PCK)', async () => {
    const signed = { signature: quote.qeReportSignature, data: quote.qeReportBytes };
    if (!(await verifyRawEcdsa(pck.spki, 'SHA-256', signed))) {
      throw new AttestationError('attestation/qe-signature-invalid', 'the QE report is not signed by the PCK');
    }
  });
  await check('quoting enclave vouches for the attestation key', () => {
    const expected = sha256(quote.attestationKey, quote.qeAuthData);
    const { reportData } = quote.qeReport;
    if (!equalBytes(reportData.subarray(0, 32), expected) || !isZero(reportData.subarray(32))) {
      throw new AttestationError('attestation/key-not-bound', 'QE report data does not bind the attestation key');
    }
  });
}

/** Without collateral at least the signer of the quoting enclave must be Intel's, and not a debug build. */
function assertKnownQuotingEnclave(quote: IntelQuote): void {
  const { qeReport } = quote;
  if (
    qeReport.mrSigner !== QE_SIGNERS[quote.body.kind] ||
    ((qeReport.attributes[0] as number) & SGX_FLAG_DEBUG) !== 0
  ) {
    throw new AttestationError('attestation/qe-identity-mismatch', "the quoting enclave is none of Intel's");
  }
}

/** Without collateral the TDX module must be one that Intel signs for production: no other signer, no attributes. */
function assertProductionModule({ body }: IntelQuote): void {
  if (body.kind === 'tdx' && (/[^0]/.test(body.mrSignerSeam) || !isZero(body.seamAttributes))) {
    throw new AttestationError('attestation/collateral-mismatch', 'the TDX module has another signer, or attributes');
  }
}

/** A JSON text signed by Intel's TCB signing key. */
async function assertSignedByIntel(
  what: string,
  { text, signature, chain }: { readonly text: string; readonly signature: Uint8Array; readonly chain: string },
  { roots, at }: Options,
): Promise<VerifiedChain> {
  const path = decodePemCertificates(chain, `${what}, issuer chain`).map((der) => parseCertificate(der, what));
  const verified = await verifyChain(path, { roots: roots.intel, at });
  const data = new TextEncoder().encode(text);
  const [signer] = verified.certificates as [Certificate];
  if (signer.commonName !== 'Intel SGX TCB Signing') {
    throw new AttestationError('attestation/collateral-invalid', `${what} is signed by ${signer.commonName}`);
  }
  if (!(await verifyRawEcdsa(signer.spki, 'SHA-256', { signature, data }))) {
    throw new AttestationError('attestation/collateral-invalid', `${what} is not signed by ${signer.commonName}`);
  }
  return verified;
}

/** Checks the collateral's own chains, lists and signatures, and that no certificate of the quote is revoked. */
async function checkCollateral(
  { check }: Examination,
  collateral: DcapCollateral,
  pckChain: VerifiedChain,
  options: Options,
): Promise<{ readonly info: TcbInfo; readonly identity: QeIdentity; readonly expiry: Date }> {
  const { at } = options;
  const signers: VerifiedChain[] = [];
  const info = await check('TCB info is signed by Intel and in force', async () => {
    const { tcbInfo: text, tcbInfoSignature: signature, tcbInfoIssuerChain: chain } = collateral;
    signers.push(await assertSignedByIntel('TCB info', { text, signature, chain }, options));
    return parseTcbInfo(text, at);
  });
  const identity = await check('QE identity is signed by Intel and in force', async () => {
    const { qeIdentity: text, qeIdentitySignature: signature, qeIdentityIssuerChain: chain } = collateral;
    signers.push(await assertSignedByIntel('QE identity', { text, signature, chain }, options));
    return parseQeIdentity(text, at);
  });
  const lists = await check('no certificate is revoked', async () => {
    const path = decodePemCertificates(collateral.pckCrlIssuerChain, 'PCK CRL issuer chain');
    const issuerChain = await verifyChain(
      path.map((der) => parseCertificate(der, 'PCK CRL issuer')),
      { roots: options.roots.intel, at },
    );
    const rootList = parseRevocationList(collateral.rootCaCrl, 'root CA CRL');
    const pckList = parseRevocationList(collateral.pckCrl, 'PCK CRL');
    const [pckIssuer, root] = [issuerChain.certificates[0], pckChain.certificates.at(-1)] as [Certificate, Certificate];
    await assertListInForce(rootList, { issuer: root, at, what: 'root CA CRL' });
    await assertListInForce(pckList, { issuer: pckIssuer, at, what: 'PCK CRL' });
    const [pck] = pckChain.certificates as [Certificate];
    if (!equalBytes(pckList.issuer, pck.issuer)) {
      throw new AttestationError('attestation/collateral-mismatch', "the PCK CRL is of another issuer than the PCK's");
    }
    for (const chain of [pckChain, issuerChain, ...signers]) {
      for (const certificate of chain.certificates) {
        assertNotRevoked(certificate, rootList);
        assertNotRevoked(certificate, pckList);
      }
    }
    return [rootList, pckList, issuerChain] as const;
  });
  const ends = [info.nextUpdate, identity.nextUpdate, lists[0].nextUpdate, lists[1].nextUpdate, lists[2].notAfter];
  const expiry = new Date(
    Math.min(...[...ends, ...signers.map(({ notAfter }) => notAfter)].map((end) => end.getTime())),
  );
  return { info, identity, expiry };
}

/** Whether the trust domain was launched on an old module while a current one runs now. [IntelTDX] TEE_TCB_SVN_2 */
function reachesAfterRelaunch(
  info: TcbInfo,
  platform: PckPlatform,
  { body, quotingEnclave }: Parameters<typeof ratePlatform>[2],
): boolean {
  if (body.kind !== 'tdx' || body.teeTcbSvn2 === undefined) return false;
  try {
    const relaunched = { ...body, teeTcbSvn: body.teeTcbSvn2 };
    return ratePlatform(info, platform, { body: relaunched, quotingEnclave }).status === 'UpToDate';
  } catch (error) {
    if (error instanceof AttestationError) return false;
    throw error;
  }
}

/**
 * Verifies a quote.
 * @param bytes - the quote; padding behind it is allowed and noted.
 * @param collateral - Intel's statements about the platform. Without them the chain is checked, but neither revocation
 *   nor the TCB, and `tcbStatus` is `Unknown`.
 * @returns a verdict; bad evidence is a refusal, never an exception.
 */
export async function verifyIntelQuote(
  bytes: Uint8Array,
  collateral: DcapCollateral | undefined,
  options: Options,
): Promise<Verdict> {
  return examine(async (examination) => {
    const { check } = examination;
    const quote = await check('quote decodes', () => decodeIntelQuote(bytes));
    const { body } = quote;
    const result = startResult(body.kind, options.at, {
      ...(body.kind === 'tdx' ? claimsOfTd(body) : claimsOfSgx(body)),
      facts: describeQuote(quote),
      unsignedRanges:
        quote.end < bytes.length ? [{ start: quote.end, end: bytes.length, what: 'padding after the quote' }] : [],
    });
    examination.result = result;
    await check("quote is made by Intel's quoting enclave", () => {
      if (quote.qeVendorId !== INTEL_VENDOR_ID) {
        throw new AttestationError('attestation/unsupported', `quoting enclave of vendor ${quote.qeVendorId}`);
      }
    });
    const path = await check('PCK certificates decode', () =>
      quote.pckChain.map((der, index) => parseCertificate(der, `PCK chain[${index}]`)),
    );
    const [pck] = path as [Certificate];
    await checkSignatures(examination, quote, pck);
    const chain = await check(
      'platform certificate leads to the pinned root of Intel',
      () => verifyChain(path, { roots: options.roots.intel, at: options.at }),
      ({ root }) => root.name,
    );
    noteChain(result, chain);
    const platform = await check('platform certificate names platform and TCB', () => readPckPlatform(pck));
    result.facts = { ...result.facts, fmspc: platform.fmspc, pceId: platform.pceId };
    result.tcb = { pceSvn: platform.pceSvn };
    if (body.kind === 'tdx') {
      result.tcb = { ...result.tcb, tdxModuleSvn: body.teeTcbSvn[0] as number };
    } else {
      result.tcb = { ...result.tcb, isvSvn: body.isvSvn, configSvn: body.configSvn };
    }
    if (collateral === undefined) {
      await check("quoting enclave has Intel's signer", () => assertKnownQuotingEnclave(quote));
      await check('TDX module, if there is one, is a production module', () => assertProductionModule(quote));
      result.warnings = ['no collateral: neither revocation nor the TCB was checked'];
      return;
    }
    const { info, identity, expiry } = await checkCollateral(examination, collateral, chain, options);
    result.revocationChecked = true;
    noteExpiry(result, expiry);
    const quotingEnclave = await check("quoting enclave is Intel's of that name", () => {
      if (identity.id !== (body.kind === 'tdx' ? 'TD_QE' : 'QE')) {
        throw new AttestationError('attestation/collateral-mismatch', `QE identity is for ${identity.id}`);
      }
      return rateQuotingEnclave(quote.qeReport, identity);
    });
    const rating = await check(
      'platform reaches a TCB level',
      () => ratePlatform(info, platform, { body, quotingEnclave }),
      ({ status, tcbDate }) => `${status}, level of ${tcbDate.toISOString().slice(0, 10)}`,
    );
    result.tcbStatus = rating.status;
    result.advisoryIds = rating.advisoryIds;
    // Two generations of the lists are in force at once; the older of the two given is what a minimum is held against.
    const tcbEvaluationDataNumber = Math.min(info.tcbEvaluationDataNumber, identity.tcbEvaluationDataNumber);
    result.tcb = { ...result.tcb, tcbEvaluationDataNumber };
    result.facts = { ...result.facts, tcbDate: rating.tcbDate.toISOString() };
    if (rating.status === 'Revoked') {
      throw new AttestationError('attestation/tcb-status-refused', 'Intel has revoked the TCB of this platform');
    }
    if (rating.status === 'OutOfDate' && reachesAfterRelaunch(info, platform, { body, quotingEnclave })) {
      result.tcbStatus = 'TDRelaunchAdvised';
    }
  });
}
