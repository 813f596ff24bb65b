/**
 * Verifier of Microsoft Azure Attestation tokens for SEV-SNP, TDX and SGX. Azure's service has looked at the hardware's
 * evidence; what is checked here is the service's signature over its claims. [AzureMAA] "Claim sets"
 *
 * @module
 */

import { AttestationError, malformed } from '../errors.ts';
import { type AttestationResult, examine, startResult, type TeeKind, type Verdict } from '../result.ts';
import { member, plainFacts, tcbStatusOf, type TokenOptions, tokenTimes } from './claims.ts';
import { assertToken, type DecodedToken, decodeToken } from './jwt.ts';

/** Attestation providers are host names under one domain per region. */
const AZURE_ISSUER = /https:\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)*\.attest\.azure\.(?:net|us|cn)\/?/;

type Claims = Pick<AttestationResult, 'debug' | 'measurements' | 'reportData'> & Partial<AttestationResult>;

const hexField = (source: unknown, name: string): string => {
  const value = member(source, name);
  if (typeof value !== 'string' || !/^(?:[0-9a-fA-F]{2})*$/.test(value))
    malformed(`token: claim ${name} is no hex text`);
  return value.toLowerCase();
};
const booleanField = (source: unknown, name: string): boolean => {
  const value = member(source, name);
  if (typeof value !== 'boolean') malformed(`token: claim ${name} is missing`);
  return value;
};
const numberField = (source: unknown, name: string): number => {
  const value = member(source, name);
  if (typeof value !== 'number' || !Number.isInteger(value)) malformed(`token: claim ${name} is no integer`);
  return value;
};

function snpClaims(tee: unknown): Claims {
  const prefix = 'x-ms-sevsnpvm-';
  return {
    debug: booleanField(tee, `${prefix}is-debuggable`),
    measurements: {
      measurement: hexField(tee, `${prefix}launchmeasurement`),
      hostData: hexField(tee, `${prefix}hostdata`),
      idKeyDigest: hexField(tee, `${prefix}idkeydigest`),
      authorKeyDigest: hexField(tee, `${prefix}authorkeydigest`),
      familyId: hexField(tee, `${prefix}familyId`),
      imageId: hexField(tee, `${prefix}imageId`),
    },
    reportData: hexField(tee, `${prefix}reportdata`),
    tcbStatus: 'NotRated',
    tcb: {
      bootLoader: numberField(tee, `${prefix}bootloader-svn`),
      tee: numberField(tee, `${prefix}tee-svn`),
      snp: numberField(tee, `${prefix}snpfw-svn`),
      microcode: numberField(tee, `${prefix}microcode-svn`),
    },
    // The policy judges the privilege level: a token that leaves it out says nothing that could be judged.
    facts: { ...plainFacts(tee, { guestSvn: [`${prefix}guestsvn`] }), vmpl: numberField(tee, `${prefix}vmpl`) },
  };
}

function tdxClaims(tee: unknown): Claims {
  const measurements: Record<string, string> = {};
  for (const [name, claim] of Object.entries({
    mrTd: 'tdx_mrtd',
    rtmr0: 'tdx_rtmr0',
    rtmr1: 'tdx_rtmr1',
    rtmr2: 'tdx_rtmr2',
    rtmr3: 'tdx_rtmr3',
    mrSeam: 'tdx_mrseam',
    mrSignerSeam: 'tdx_mrsignerseam',
    mrConfigId: 'tdx_mrconfigid',
    mrOwner: 'tdx_mrowner',
    mrOwnerConfig: 'tdx_mrownerconfig',
  })) {
    measurements[name] = hexField(tee, claim);
  }
  return {
    debug: booleanField(tee, 'tdx_td_attributes_debug'),
    measurements,
    reportData: hexField(tee, 'tdx_report_data'),
    tcbStatus: tcbStatusOf(member(tee, 'attester_tcb_status') ?? 'Unknown'),
    facts: plainFacts(tee, { teeTcbSvn: ['tdx_tee_tcb_svn'], tdAttributes: ['tdx_td_attributes'], xfam: ['tdx_xfam'] }),
  };
}

function sgxClaims(claims: unknown): Claims {
  return {
    debug: booleanField(claims, 'x-ms-sgx-is-debuggable'),
    measurements: {
      mrEnclave: hexField(claims, 'x-ms-sgx-mrenclave'),
      mrSigner: hexField(claims, 'x-ms-sgx-mrsigner'),
      isvProdId: numberField(claims, 'x-ms-sgx-product-id').toString(16).padStart(4, '0'),
    },
    reportData: hexField(claims, 'x-ms-sgx-report-data'),
    tcbStatus: tcbStatusOf(member(claims, 'x-ms-sgx-tcbidentity', 'status') ?? 'Unknown'),
    tcb: { isvSvn: numberField(claims, 'x-ms-sgx-svn') },
  };
}

/** The claims stand under the isolation entry in tokens of virtual machines, else at the top. */
function claimsOf({ claims }: DecodedToken): { readonly tee: TeeKind; readonly claims: Claims } {
  const isolation = member(claims, 'x-ms-isolation-tee');
  const source = isolation ?? claims;
  const type = member(source, 'x-ms-attestation-type');
  switch (type) {
    case 'sevsnpvm':
      return { tee: 'azure-sev-snp', claims: snpClaims(source) };
    case 'tdxvm':
      return { tee: 'azure-tdx', claims: tdxClaims(source) };
    case 'sgx':
      return { tee: 'azure-sgx', claims: sgxClaims(source) };
    default:
      throw new AttestationError('attestation/unsupported', `token: attestation type ${String(type)}`);
  }
}

/**
 * The nonce that the guest had bound: in the runtime data, whose digest is in the report data. Azure's guest library
 * writes it in base64 under `client-payload`; a guest's own runtime data name it directly.
 */
function runtimeNonce({ claims }: DecodedToken): string {
  const nonce = member(claims, 'x-ms-runtime', 'client-payload', 'nonce') ?? member(claims, 'x-ms-runtime', 'nonce');
  return typeof nonce === 'string' && /^\S+$/.test(nonce) ? nonce : '';
}

/**
 * Verifies an Azure Attestation token.
 * @returns a verdict; bad evidence is a refusal, never an exception. `vendorChainOk` means: signed by one of the keys.
 */
export async function verifyAzureToken(token: string, options: TokenOptions): Promise<Verdict> {
  return examine(async (examination) => {
    const { check } = examination;
    const decoded = await check('token decodes', () => decodeToken(token));
    const { tee, claims } = await check('token has the claims of Azure Attestation', () => claimsOf(decoded));
    const nonce = runtimeNonce(decoded);
    const result = startResult(tee, options.at, {
      ...claims,
      // Hardware report data first, then the runtime nonce: a binding may stand in either.
      reportData: nonce === '' ? claims.reportData : `${claims.reportData} ${nonce}`,
      ...tokenTimes(decoded),
      facts: {
        ...claims.facts,
        ...plainFacts(decoded.claims, {
          issuer: ['iss'],
          policyHash: ['x-ms-policy-hash'],
          compliance: ['x-ms-isolation-tee', 'x-ms-compliance-status'],
        }),
      },
    });
    examination.result = result;
    await check("token is signed by one of the service's keys and in force", () =>
      assertToken(token, { ...options, issuers: [AZURE_ISSUER] }),
    );
    result.revocationChecked = true;
  });
}
