/** Tokens of Google and Azure, signed by keys of our own: real ones expire within hours. */
import { exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';

import { assertReportData } from '../../src/trust/attestation/binding.ts';
import {
  computeTokenNonce,
  computeReportData,
  parseKeySet,
  type TokenOptions,
  vendorRoots,
  verifyAzureToken,
  verifyConfidentialSpaceToken,
  verifyEvidence,
} from '../../src/trust/attestation/index.ts';
import { NOW } from './generate/authority.ts';

const seconds = Math.floor(NOW.getTime() / 1000);
const hex = (byte: number, length: number) => byte.toString(16).padStart(2, '0').repeat(length);
const binding = {
  nonce: new Uint8Array(32).fill(1),
  publicKey: new Uint8Array(32).fill(2),
  taskPolicyDigest: new Uint8Array(32).fill(3),
  codeDigest: new Uint8Array(32).fill(4),
};

interface Signer {
  readonly key: CryptoKey;
  readonly keys: JSONWebKeySet;
  readonly alg: string;
}
async function createSigner(alg: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  return { key: privateKey, alg, keys: { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg, use: 'sig' }] } };
}

let signer: Signer;
beforeAll(async () => {
  signer = await createSigner('RS256');
});

const GCP = {
  iss: 'https://confidentialcomputing.googleapis.com',
  aud: 'https://sotto.example',
  sub: 'https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/i',
  iat: seconds - 10,
  nbf: seconds - 10,
  exp: seconds + 3590,
  eat_nonce: [computeTokenNonce(binding)],
  eat_profile: 'https://cloud.google.com/confidential-computing/confidential-space/docs/reference/token-claims',
  secboot: true,
  oemid: 11129,
  hwmodel: 'GCP_INTEL_TDX',
  swname: 'CONFIDENTIAL_SPACE',
  swversion: ['250301'],
  dbgstat: 'disabled-since-boot',
  submods: {
    confidential_space: { support_attributes: ['LATEST', 'STABLE', 'USABLE'] },
    container: {
      image_reference: 'registry.example/sotto@sha256:aa',
      image_digest: `sha256:${hex(0xaa, 32)}`,
      image_id: `sha256:${hex(0xbb, 32)}`,
    },
    gce: { project_id: 'p', zone: 'z', instance_id: '1' },
  },
  tdx: { gcp_attester_tcb_status: 'UpToDate', gcp_attester_tcb_date: '2025-01-01T00:00:00Z' },
};
const AZURE_SNP = {
  iss: 'https://sharedeus.eus.attest.azure.net',
  iat: seconds - 10,
  nbf: seconds - 10,
  exp: seconds + 28_000,
  'x-ms-attestation-type': 'azurevm',
  'x-ms-policy-hash': 'abc',
  'x-ms-runtime': { 'client-payload': { nonce: Buffer.from(computeTokenNonce(binding)).toString('base64') } },
  'x-ms-isolation-tee': {
    'x-ms-attestation-type': 'sevsnpvm',
    'x-ms-compliance-status': 'azure-compliant-cvm',
    'x-ms-sevsnpvm-is-debuggable': false,
    'x-ms-sevsnpvm-launchmeasurement': hex(0x11, 48),
    'x-ms-sevsnpvm-hostdata': hex(0, 32),
    'x-ms-sevsnpvm-idkeydigest': hex(0x22, 48),
    'x-ms-sevsnpvm-authorkeydigest': hex(0, 48),
    'x-ms-sevsnpvm-familyId': hex(1, 16),
    'x-ms-sevsnpvm-imageId': hex(2, 16),
    'x-ms-sevsnpvm-reportdata': hex(0x33, 32) + hex(0, 32),
    'x-ms-sevsnpvm-bootloader-svn': 4,
    'x-ms-sevsnpvm-tee-svn': 0,
    'x-ms-sevsnpvm-snpfw-svn': 27,
    'x-ms-sevsnpvm-microcode-svn': 222,
    'x-ms-sevsnpvm-vmpl': 0,
    'x-ms-sevsnpvm-guestsvn': 5,
  },
};
const tdx = Object.fromEntries(
  ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3', 'mrseam', 'mrsignerseam', 'mrconfigid', 'mrowner', 'mrownerconfig'].map(
    (name, index) => [`tdx_${name}`, hex(index, 48)],
  ),
);
const AZURE_TDX = {
  ...AZURE_SNP,
  'x-ms-isolation-tee': undefined,
  'x-ms-attestation-type': 'tdxvm',
  ...tdx,
  tdx_td_attributes_debug: false,
  tdx_report_data: Buffer.from(computeReportData(binding)).toString('hex'),
  attester_tcb_status: 'UpToDate',
};
const AZURE_SGX = {
  ...AZURE_SNP,
  'x-ms-isolation-tee': undefined,
  'x-ms-attestation-type': 'sgx',
  'x-ms-sgx-is-debuggable': false,
  'x-ms-sgx-mrenclave': hex(1, 32),
  'x-ms-sgx-mrsigner': hex(2, 32),
  'x-ms-sgx-product-id': 7,
  'x-ms-sgx-svn': 3,
  'x-ms-sgx-report-data': hex(9, 64),
};

const sign = (claims: object, by: Signer = signer, header: object = {}) =>
  new SignJWT(claims as Record<string, unknown>)
    .setProtectedHeader({ alg: by.alg, kid: 'one', typ: 'JWT', ...header })
    .sign(by.key);
const options = (changes: Partial<TokenOptions> = {}): TokenOptions => ({ keys: signer.keys, at: NOW, ...changes });
const gcp = async (changes: object = {}, given: Partial<TokenOptions> = {}) =>
  verifyConfidentialSpaceToken(await sign({ ...GCP, ...changes }), options(given));
const codes = (verdict: { refusals: readonly { code: string }[] }) => verdict.refusals.map(({ code }) => code);

describe('Confidential Space tokens', () => {
  it('verify into the normal form', async () => {
    const verdict = await gcp();
    expect(verdict.refusals).toEqual([]);
    expect(verdict.result).toMatchObject({
      tee: 'gcp-confidential-space',
      vendorChainOk: true,
      tcbStatus: 'UpToDate',
      debug: false,
      measurements: { imageDigest: `sha256:${hex(0xaa, 32)}`, hwModel: 'GCP_INTEL_TDX' },
      reportData: computeTokenNonce(binding),
      tcb: { swVersion: 250_301 },
    });
    if (verdict.result === undefined) throw new Error('no result');
    expect(() => assertReportData(verdict.result as never, computeReportData(binding))).not.toThrow();
    expect(() => assertReportData(verdict.result as never, new Uint8Array(64))).toThrow('nonce');
  });

  it.each(['PS256', 'ES256', 'ES384'])('verify with %s as well', async (alg) => {
    const other = await createSigner(alg);
    const verdict = await verifyConfidentialSpaceToken(await sign(GCP, other), options({ keys: other.keys }));
    expect(verdict.refusals).toEqual([]);
  });

  it('with a debugger say so, whatever its state is called', async () => {
    for (const dbgstat of ['enabled', 'disabled', undefined]) expect((await gcp({ dbgstat })).result?.debug).toBe(true);
  });

  it('are not rated outside of TDX, and unknown ratings stay unknown', async () => {
    expect((await gcp({ tdx: undefined, hwmodel: 'GCP_AMD_SEV' })).result?.tcbStatus).toBe('NotRated');
    expect((await gcp({ tdx: { gcp_attester_tcb_status: 'OUT_OF_DATE' } })).result?.tcbStatus).toBe('OutOfDate');
    expect((await gcp({ tdx: { gcp_attester_tcb_status: 'Splendid' } })).result?.tcbStatus).toBe('Unknown');
  });

  it('expired, early, for another audience or from another issuer are refused', async () => {
    expect(codes(await gcp({ exp: seconds - 1 }))).toEqual(['attestation/certificate-expired']);
    expect(codes(await gcp({ nbf: seconds + 60 }))).toEqual(['attestation/certificate-expired']);
    expect(codes(await gcp({ nbf: undefined, iat: seconds + 60 }))).toEqual(['attestation/certificate-expired']);
    expect(codes(await gcp({}, { audience: 'https://other.example' }))).toEqual(['attestation/chain-invalid']);
    expect(codes(await gcp({}, { audience: GCP.aud }))).toEqual([]);
    expect(codes(await gcp({ iss: 'https://evil.example' }))).toEqual(['attestation/untrusted-root']);
  });

  it('signed by another key, or by none, are refused', async () => {
    const other = await createSigner('RS256');
    expect(codes(await gcp({}, { keys: other.keys }))).toEqual(['attestation/signature-invalid']);
    const [, body] = (await sign(GCP)).split('.') as [string, string];
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    expect(codes(await verifyConfidentialSpaceToken(`${none}.${body}.`, options()))).toEqual([
      'attestation/unsupported',
    ]);
    // A public key used as an HMAC secret, the old confusion.
    const confused = Buffer.from('{"alg":"HS256","kid":"one"}').toString('base64url');
    expect(codes(await verifyConfidentialSpaceToken(`${confused}.${body}.AAAA`, options()))).toEqual([
      'attestation/unsupported',
    ]);
  });

  it('never follow addresses or keys of their own header', async () => {
    const other = await createSigner('RS256');
    const header = { jku: 'https://evil.example/keys', jwk: other.keys.keys[0] };
    const token = await sign(GCP, other, header);
    expect(codes(await verifyConfidentialSpaceToken(token, options()))).toEqual(['attestation/signature-invalid']);
  });

  it('without the claims of a Confidential Space are malformed', async () => {
    for (const changes of [
      { swname: 'GCE' },
      { hwmodel: undefined },
      { eat_nonce: [1] },
      { eat_nonce: ['a b'] },
      { iat: 'x' },
    ]) {
      expect(codes(await gcp(changes))).toEqual(['attestation/malformed']);
    }
  });

  it('are refused when any character is changed', async () => {
    const token = await sign(GCP);
    const indices = Array.from({ length: 60 }, (_, i) => Math.floor((i * token.length) / 60)).concat(token.length - 1);
    for (const index of indices) {
      const code = token.charCodeAt(index);
      const changed = token.slice(0, index) + String.fromCharCode(code ^ 1) + token.slice(index + 1);
      expect((await verifyConfidentialSpaceToken(changed, options())).ok).toBe(false);
    }
  });
});

describe('Azure Attestation tokens', () => {
  const azure = async (claims: object, given: Partial<TokenOptions> = {}) =>
    verifyAzureToken(await sign(claims), options(given));

  it('of SEV-SNP machines verify, and bind by their runtime data', async () => {
    const verdict = await azure(AZURE_SNP);
    expect(verdict.refusals).toEqual([]);
    expect(verdict.result).toMatchObject({
      tee: 'azure-sev-snp',
      debug: false,
      measurements: { measurement: hex(0x11, 48) },
      tcb: { bootLoader: 4, snp: 27, microcode: 222 },
    });
    expect(() => assertReportData(verdict.result as never, computeReportData(binding))).not.toThrow();
    expect(() => assertReportData(verdict.result as never, new Uint8Array(64))).toThrow('runtime data');
  });

  it('of TDX machines verify, and bind by their report data', async () => {
    const verdict = await azure(AZURE_TDX);
    expect(verdict.refusals).toEqual([]);
    expect(verdict.result).toMatchObject({
      tee: 'azure-tdx',
      tcbStatus: 'UpToDate',
      measurements: { rtmr3: hex(4, 48) },
    });
    expect(() => assertReportData(verdict.result as never, computeReportData(binding))).not.toThrow();
  });

  it('of SGX enclaves verify', async () => {
    const verdict = await azure(AZURE_SGX);
    expect(verdict.refusals).toEqual([]);
    expect(verdict.result).toMatchObject({
      tee: 'azure-sgx',
      tcbStatus: 'Unknown',
      measurements: { isvProdId: '0007' },
    });
  });

  it('of TDX machines that leave the rating out are not rated, which is not the same as needing none', async () => {
    expect((await azure({ ...AZURE_TDX, attester_tcb_status: undefined })).result?.tcbStatus).toBe('Unknown');
    expect((await gcp({ tdx: undefined })).result?.tcbStatus).toBe('Unknown');
    expect((await gcp({ tdx: undefined, hwmodel: 'GCP_AMD_SEV' })).result?.tcbStatus).toBe('NotRated');
  });

  it('say debug where the claims do', async () => {
    const isolation = { ...AZURE_SNP['x-ms-isolation-tee'], 'x-ms-sevsnpvm-is-debuggable': true };
    expect((await azure({ ...AZURE_SNP, 'x-ms-isolation-tee': isolation })).result?.debug).toBe(true);
    expect((await azure({ ...AZURE_TDX, tdx_td_attributes_debug: true })).result?.debug).toBe(true);
  });

  it('from hosts outside of the service are refused', async () => {
    for (const iss of [
      'https://attest.azure.net.evil.example',
      'https://evil.example/.attest.azure.net',
      'http://sharedeus.eus.attest.azure.net',
    ]) {
      expect(codes(await azure({ ...AZURE_SNP, iss }))).toEqual(['attestation/untrusted-root']);
    }
  });

  it('of SEV-SNP machines without a privilege level are malformed: there is nothing to judge', async () => {
    const isolation = { ...AZURE_SNP['x-ms-isolation-tee'], 'x-ms-sevsnpvm-vmpl': undefined };
    expect(codes(await azure({ ...AZURE_SNP, 'x-ms-isolation-tee': isolation }))).toEqual(['attestation/malformed']);
    expect((await azure(AZURE_SNP)).result?.facts['vmpl']).toBe(0);
  });

  it('whose keys nobody gave are refused for that', async () => {
    for (const kind of ['azure', 'gcp-confidential-space'] as const) {
      const token = await sign(kind === 'azure' ? AZURE_SNP : GCP);
      expect(codes(await verifyEvidence({ kind, token }, { roots: vendorRoots(), at: NOW }))).toEqual([
        'attestation/collateral-missing',
      ]);
    }
  });

  it('of another type or with claims missing are refused', async () => {
    expect(codes(await azure({ ...AZURE_SGX, 'x-ms-attestation-type': 'tpm' }))).toEqual(['attestation/unsupported']);
    for (const name of ['x-ms-sgx-is-debuggable', 'x-ms-sgx-mrenclave', 'x-ms-sgx-svn']) {
      expect(codes(await azure({ ...AZURE_SGX, [name]: undefined }))).toEqual(['attestation/malformed']);
    }
  });
});

describe('key sets', () => {
  it('are public keys of kinds that sign', () => {
    expect(parseKeySet(JSON.stringify(signer.keys)).keys).toHaveLength(1);
    for (const text of [
      '',
      '{}',
      '{"keys":[]}',
      '{"keys":[{"kty":"oct","k":"AA"}]}',
      '{"keys":[{"kty":"RSA","n":"AA","e":"AQAB","d":"AA"}]}',
    ]) {
      expect(() => parseKeySet(text)).toThrow(expect.objectContaining({ code: 'attestation/malformed' }));
    }
  });
});
