/**
 * Puts an SEV-SNP report and its certificates together, whichever device they come from.
 *
 * @module
 */

import { AttestationError, decodeSnpReport, type Evidence } from '../../../trust/attestation/index.ts';
import type { CertificateTable } from './certificate-table.ts';

/** Certificates that the operator has at hand, for hosts that hand out none or only some. */
export interface SnpCertificates {
  /** VCEK or VLEK, DER. */
  readonly endorsement?: Uint8Array;
  readonly chain?: readonly Uint8Array[];
  readonly revocationList?: Uint8Array;
}

/** @throws {AttestationError} `attestation/device-failed` when no endorsement certificate is to be had. */
export function assembleSnpEvidence(report: Uint8Array, table: CertificateTable, own: SnpCertificates): Evidence {
  const { signingKey } = decodeSnpReport(report);
  const endorsement = own.endorsement ?? (signingKey === 'VCEK' ? table.vcek : table.vlek);
  if (endorsement === undefined) {
    throw new AttestationError(
      'attestation/device-failed',
      `the host hands out no ${signingKey}; fetch it from AMD's key distribution service once and give it as a file`,
    );
  }
  const chain = own.chain ?? [table.ask, table.ark].filter((der): der is Uint8Array => der !== undefined);
  const revocationList = own.revocationList ?? table.crl;
  return {
    kind: 'sev-snp',
    report,
    endorsement,
    ...(chain.length > 0 ? { chain } : {}),
    ...(revocationList === undefined ? {} : { revocationList }),
  };
}
