/**
 * Verifier of Google Cloud Confidential Space tokens. Google's verifier has looked at the hardware's evidence; what is
 * checked here is Google's signature over its claims. [GCPCS] "Attestation token claims"
 *
 * @module
 */

import { malformed } from '../errors.ts';
import { type AttestationResult, examine, startResult, type Verdict } from '../result.ts';
import { member, plainFacts, tcbStatusOf, type TokenOptions, tokenTimes } from './claims.ts';
import { assertToken, type DecodedToken, decodeToken } from './jwt.ts';

/** The issuer of all Confidential Space tokens. */
const CONFIDENTIAL_SPACE_ISSUER = 'https://confidentialcomputing.googleapis.com';
/** States of the debugger that mean: none, since boot. */
const DEBUG_OFF = 'disabled-since-boot';

function nonceText(value: unknown): string {
  const nonces = typeof value === 'string' ? [value] : value;
  if (nonces === undefined) return '';
  if (!Array.isArray(nonces) || !nonces.every((nonce) => typeof nonce === 'string' && /^\S+$/.test(nonce))) {
    malformed('token: broken eat_nonce');
  }
  return nonces.join(' ');
}

function claimsOf({
  claims,
}: DecodedToken): Pick<AttestationResult, 'debug' | 'measurements' | 'reportData'> & Partial<AttestationResult> {
  const measurements: Record<string, string> = {};
  for (const [name, path] of Object.entries({
    imageDigest: ['submods', 'container', 'image_digest'],
    imageId: ['submods', 'container', 'image_id'],
    hwModel: ['hwmodel'],
    swName: ['swname'],
  })) {
    const value = member(claims, ...path);
    if (typeof value === 'string') measurements[name] = value;
  }
  if (claims['swname'] !== 'CONFIDENTIAL_SPACE') malformed('token: swname is not CONFIDENTIAL_SPACE');
  if (measurements['hwModel'] === undefined) malformed('token: hwmodel is missing');
  const { swversion } = claims as { swversion?: unknown };
  const version = Array.isArray(swversion) ? swversion[0] : swversion;
  const svn = typeof version === 'string' && /^\d{1,9}$/.test(version) ? { swVersion: Number(version) } : {};
  const support = member(claims, 'submods', 'confidential_space', 'support_attributes');
  return {
    debug: claims['dbgstat'] !== DEBUG_OFF,
    measurements,
    reportData: nonceText(claims['eat_nonce']),
    // Intel rates its platforms: a token of one that leaves the rating out says that nothing is known of it.
    tcbStatus: tcbStatusOf(
      member(claims, 'tdx', 'gcp_attester_tcb_status') ??
        (measurements['hwModel'].includes('TDX') ? 'Unknown' : undefined),
    ),
    tcb: svn,
    facts: {
      ...plainFacts(claims, {
        issuer: ['iss'],
        subject: ['sub'],
        audience: ['aud'],
        hwModel: ['hwmodel'],
        dbgStat: ['dbgstat'],
        secBoot: ['secboot'],
        eatProfile: ['eat_profile'],
        imageReference: ['submods', 'container', 'image_reference'],
        restartPolicy: ['submods', 'container', 'restart_policy'],
        projectId: ['submods', 'gce', 'project_id'],
        zone: ['submods', 'gce', 'zone'],
        instanceId: ['submods', 'gce', 'instance_id'],
        tcbDate: ['tdx', 'gcp_attester_tcb_date'],
      }),
      supportAttributes: Array.isArray(support) ? support.filter((item) => typeof item === 'string').join(' ') : null,
    },
  };
}

/**
 * Verifies a Confidential Space token.
 * @returns a verdict; bad evidence is a refusal, never an exception. `vendorChainOk` means: signed by one of the keys.
 */
export async function verifyConfidentialSpaceToken(token: string, options: TokenOptions): Promise<Verdict> {
  return examine(async (examination) => {
    const { check } = examination;
    const decoded = await check('token decodes', () => decodeToken(token));
    const claims = await check('token has the claims of Confidential Space', () => claimsOf(decoded));
    const result = startResult('gcp-confidential-space', options.at, { ...claims, ...tokenTimes(decoded) });
    examination.result = result;
    await check("token is signed by one of the issuer's keys and in force", () =>
      assertToken(token, { ...options, issuers: [CONFIDENTIAL_SPACE_ISSUER] }),
    );
    if (claims.facts?.['secBoot'] !== true) result.warnings = ['the machine did not boot securely (secboot)'];
    // Google revokes keys by taking them from the set; the caller's set is what it is.
    result.revocationChecked = true;
  });
}
