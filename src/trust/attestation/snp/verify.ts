/**
 * Verifier of AMD SEV-SNP reports: signature by the endorsement key, its chain to a pinned ARK, and the agreement of
 * report and certificate about chip, product and TCB.
 *
 * @module
 */

import { equalBytes } from '../../../foundations/crypto/index.ts';
import { AttestationError } from '../errors.ts';
import { examine, noteChain, noteExpiry, startResult, type Verdict } from '../result.ts';
import type { AmdProductLine } from '../roots/amd.ts';
import { createAmdIntermediates } from '../roots/amd-intermediates.ts';
import type { TrustRoots } from '../roots/trust-root.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { verifyChain } from '../x509/chain.ts';
import { assertListInForce, assertNotRevoked, parseRevocationList } from '../x509/revocation-list.ts';
import { verifyRawEcdsa } from '../x509/signature.ts';
import { readSnpEndorsement, type SnpEndorsement } from './endorsement.ts';
import { decodeSnpReport, SNP_POLICY_BITS, type SnpReport } from './report.ts';
import { coversSnpTcb, lineOfCpuid, type SnpTcb, splitSnpTcb } from './tcb.ts';

/** What must be known beside the report. */
export interface SnpCollateral {
  /** VCEK or VLEK, as DER. */
  readonly endorsement: Uint8Array;
  /** ASK, or ASK and ARK, as DER. When left out, AMD's known signing keys are tried. */
  readonly chain?: readonly Uint8Array[];
  /** The ARK's revocation list of signing keys, as DER. */
  readonly revocationList?: Uint8Array;
}

const bit = (policy: bigint, position: bigint): boolean => ((policy >> position) & 1n) === 1n;

function describeReport(report: SnpReport): Readonly<Record<string, string | number | boolean | null>> {
  const { policy } = report;
  return {
    version: report.version,
    guestSvn: report.guestSvn,
    policy: `0x${policy.toString(16)}`,
    policyAbi: `${(policy >> 8n) & 0xffn}.${policy & 0xffn}`,
    debugAllowed: bit(policy, SNP_POLICY_BITS.debug),
    smtAllowed: bit(policy, SNP_POLICY_BITS.smt),
    migrationAgentAllowed: bit(policy, SNP_POLICY_BITS.migrationAgent),
    singleSocketRequired: bit(policy, SNP_POLICY_BITS.singleSocket),
    ciphertextHidingRequired: bit(policy, SNP_POLICY_BITS.ciphertextHiding),
    vmpl: report.vmpl,
    signatureAlgorithm: report.signatureAlgorithm,
    signingKey: report.signingKey,
    platformInfo: `0x${report.platformInfo.toString(16)}`,
    currentTcb: report.currentTcb,
    reportedTcb: report.reportedTcb,
    committedTcb: report.committedTcb,
    launchTcb: report.launchTcb,
    currentFirmware: report.currentFirmware,
    committedFirmware: report.committedFirmware,
    chipId: report.chipId,
    reportId: report.reportId,
    migrationReportId: report.migrationReportId,
    cpuid: report.cpuid ? Object.values(report.cpuid).join('/') : null,
  };
}

function assertPolicyForm(report: SnpReport): void {
  // [AMD56860] table "guest policy": bit 17 is always one, bits 26 and up always zero.
  if (!bit(report.policy, SNP_POLICY_BITS.reservedOne) || report.policy >> 26n !== 0n) {
    throw new AttestationError('attestation/malformed', `SNP report: policy 0x${report.policy.toString(16)}`);
  }
}

/** Compares what the report says about the platform with what its certificate endorses. */
function assertEndorsed(report: SnpReport, endorsement: SnpEndorsement, rootName: string): SnpTcb {
  const fail = (message: string): never => {
    throw new AttestationError('attestation/endorsement-mismatch', message);
  };
  if (endorsement.kind !== report.signingKey)
    fail(`the report names a ${report.signingKey}, got a ${endorsement.kind}`);
  if (!rootName.endsWith(`ARK-${endorsement.line}`)) {
    fail(`a chip of the line ${endorsement.line} is endorsed under ${rootName}`);
  }
  const line: AmdProductLine | undefined = report.cpuid ? lineOfCpuid(report.cpuid) : endorsement.line;
  if (line !== endorsement.line) fail(`the report's CPUID is of ${line ?? 'an unknown line'}, not ${endorsement.line}`);
  const tcb = splitSnpTcb(report.reportedTcb, endorsement.line);
  if (!coversSnpTcb(tcb, endorsement.tcb) || !coversSnpTcb(endorsement.tcb, tcb)) {
    fail(`the certificate endorses TCB ${JSON.stringify(endorsement.tcb)}, the report has ${JSON.stringify(tcb)}`);
  }
  if (endorsement.hardwareId !== undefined) {
    // Turin chips have 8 bytes of identity; the report pads them with zeros.
    if (report.chipId !== endorsement.hardwareId.padEnd(128, '0')) {
      fail('the certificate endorses another chip than the report names');
    }
  }
  return tcb;
}

function noteWarnings(report: SnpReport, line: AmdProductLine, reported: SnpTcb): string[] {
  const warnings: string[] = [];
  const committed = splitSnpTcb(report.committedTcb, line);
  const current = splitSnpTcb(report.currentTcb, line);
  if (!coversSnpTcb(committed, reported)) {
    warnings.push('the host may roll the firmware back below the reported TCB (committed TCB is lower)');
  }
  if (!coversSnpTcb(current, committed)) warnings.push('the current TCB is below the committed one');
  if (bit(report.policy, SNP_POLICY_BITS.migrationAgent)) warnings.push('a migration agent may move the guest');
  if (report.vmpl > 0) warnings.push(`the report was asked for at VMPL ${report.vmpl}`);
  return warnings;
}

async function pathTo(leaf: Certificate, chain: readonly Uint8Array[] | undefined): Promise<readonly Certificate[]> {
  if (chain !== undefined) return [leaf, ...chain.map((der, index) => parseCertificate(der, `chain[${index}]`))];
  const known = createAmdIntermediates().map((der) => parseCertificate(der, 'AMD signing key'));
  const issuer = known.find(({ subject }) => equalBytes(subject, leaf.issuer));
  return issuer ? [leaf, issuer] : [leaf];
}

/**
 * Verifies a report.
 * @param report - 1,184 bytes.
 * @param collateral - the endorsement certificate and what lies between it and the root.
 * @param options - pinned roots, and the time at which all certificates must be valid.
 * @returns a verdict; bad evidence is a refusal, never an exception.
 */
export async function verifySnpReport(
  report: Uint8Array,
  collateral: SnpCollateral,
  { roots, at }: { readonly roots: Pick<TrustRoots, 'amd'>; readonly at: Date },
): Promise<Verdict> {
  return examine(async (examination) => {
    const decoded = await examination.check('report decodes', () => decodeSnpReport(report));
    const result = startResult('sev-snp', at, {
      debug: bit(decoded.policy, SNP_POLICY_BITS.debug),
      measurements: {
        measurement: decoded.measurement,
        hostData: decoded.hostData,
        idKeyDigest: decoded.idKeyDigest,
        authorKeyDigest: decoded.authorKeyDigest,
        familyId: decoded.familyId,
        imageId: decoded.imageId,
      },
      reportData: decoded.reportData,
      tcbStatus: 'NotRated',
      facts: describeReport(decoded),
    });
    examination.result = result;
    await examination.check('guest policy is well formed', () => assertPolicyForm(decoded));
    const leaf = await examination.check('endorsement certificate decodes', () =>
      parseCertificate(collateral.endorsement, 'endorsement certificate'),
    );
    await examination.check('report is signed by the endorsement key (ECDSA P-384)', async () => {
      const signed = { signature: decoded.signature, data: decoded.signed };
      if (!(await verifyRawEcdsa(leaf.spki, 'SHA-384', signed))) {
        throw new AttestationError('attestation/signature-invalid', 'the report is not signed by the endorsement key');
      }
    });
    const chain = await examination.check(
      'endorsement key leads to a pinned root of AMD',
      async () => verifyChain(await pathTo(leaf, collateral.chain), { roots: roots.amd, at }),
      ({ root }) => root.name,
    );
    noteChain(result, chain);
    const { revocationList } = collateral;
    if (revocationList !== undefined) {
      await examination.check('no certificate is revoked', async () => {
        const list = parseRevocationList(revocationList, "AMD's revocation list");
        const issuer = chain.certificates.at(-1) as Certificate;
        await assertListInForce(list, { issuer, at, what: "AMD's revocation list" });
        for (const certificate of chain.certificates) assertNotRevoked(certificate, list);
        noteExpiry(result, list.nextUpdate);
      });
      result.revocationChecked = true;
    }
    const endorsement = await examination.check('endorsement certificate names chip, product and TCB', () =>
      readSnpEndorsement(leaf),
    );
    const tcb = await examination.check('report and certificate agree on chip, product and TCB', () =>
      assertEndorsed(decoded, endorsement, (chain.certificates.at(-1) as Certificate).commonName),
    );
    result.tcb = { ...tcb };
    result.facts = {
      ...result.facts,
      productName: endorsement.productName,
      endorsementKey: endorsement.kind,
      cloudId: endorsement.cloudId ?? null,
    };
    result.warnings = noteWarnings(decoded, endorsement.line, tcb);
    if (!result.revocationChecked) result.warnings = [...result.warnings, 'revocation was not checked: no list given'];
  });
}
