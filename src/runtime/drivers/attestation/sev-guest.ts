/**
 * Evidence from `/dev/sev-guest`: the extended report, with the host's certificates, and the plain report where the host
 * has none to give. Structures and numbers of the kernel's `linux/sev-guest.h`.
 *
 * @module
 */

import { AttestationError, type EvidenceSource, SNP_REPORT_BYTES } from '../../../trust/attestation/index.ts';
import { type CertificateTable, readCertificateTable } from './certificate-table.ts';
import { assertDone, createPerlIoctlPort, type IoctlPort, type IoctlResponse } from './ioctl.ts';
import { assembleSnpEvidence, type SnpCertificates } from './snp-evidence.ts';

// _IOWR('S', nr, struct snp_guest_request_ioctl), 32 bytes.
export const SNP_GET_REPORT = 0xc020_5300;
export const SNP_GET_EXT_REPORT = 0xc020_5302;

const REQUEST_BYTES = 96;
const EXTENDED_REQUEST_BYTES = 112;
const RESPONSE_BYTES = 4000;
/** What the kernel takes at most (SEV_FW_BLOB_MAX_SIZE). */
const CERTIFICATES_BYTES = 0x4000;
const RESPONSE_HEADER_BYTES = 32;

/** Options of the device. */
export interface SevGuestOptions {
  readonly device?: string;
  readonly port?: IoctlPort;
  /** Privilege level to attest, 0 to 3. */
  readonly vmpl?: number;
  readonly certificates?: SnpCertificates;
}

/** struct snp_report_req: user data, VMPL, 28 reserved bytes. */
function writeRequest(reportData: Uint8Array, vmpl: number, sizeBytes: number): Uint8Array {
  const request = new Uint8Array(sizeBytes);
  request.set(reportData.subarray(0, 64));
  new DataView(request.buffer).setUint32(64, vmpl, true);
  if (sizeBytes === EXTENDED_REQUEST_BYTES) new DataView(request.buffer).setUint32(104, CERTIFICATES_BYTES, true);
  return request;
}

/** struct snp_guest_request_ioctl: version of the message, addresses, error numbers. */
function writeArgument(): Uint8Array {
  const argument = new Uint8Array(32);
  argument[0] = 1;
  return argument;
}

/** MSG_REPORT_RSP: status, size, 24 reserved bytes, report. */
function readReport(response: Uint8Array, device: string): Uint8Array {
  const view = new DataView(response.buffer, response.byteOffset, response.byteLength);
  const status = view.getUint32(0, true);
  const sizeBytes = view.getUint32(4, true);
  if (status !== 0 || sizeBytes !== SNP_REPORT_BYTES) {
    throw new AttestationError(
      'attestation/device-failed',
      `${device}: status ${status}, report of ${sizeBytes} bytes`,
    );
  }
  return response.slice(RESPONSE_HEADER_BYTES, RESPONSE_HEADER_BYTES + SNP_REPORT_BYTES);
}

function noteOf({ argument }: IoctlResponse): string {
  const view = new DataView(argument.buffer, argument.byteOffset, argument.byteLength);
  return `firmware error ${view.getUint32(24, true)}, hypervisor error ${view.getUint32(28, true)}`;
}

/** Creates a source of evidence on the device. */
export function createSevGuestSource(options: SevGuestOptions = {}): EvidenceSource {
  const { device = '/dev/sev-guest', port = createPerlIoctlPort(), vmpl = 0, certificates = {} } = options;
  return async ({ reportData }) => {
    const extended = await port({
      device,
      code: SNP_GET_EXT_REPORT,
      argument: writeArgument(),
      buffers: [
        writeRequest(reportData, vmpl, EXTENDED_REQUEST_BYTES),
        new Uint8Array(RESPONSE_BYTES),
        new Uint8Array(CERTIFICATES_BYTES),
      ],
      pointers: [
        { into: 0, offset: 96, to: 2 },
        { into: 'argument', offset: 8, to: 0 },
        { into: 'argument', offset: 16, to: 1 },
      ],
    });
    let table: CertificateTable = {};
    let answer = extended;
    if (extended.errno === 0) {
      table = readCertificateTable(extended.buffers[2] as Uint8Array);
    } else if (certificates.endorsement !== undefined) {
      // The host knows no extended reports; with certificates of our own the plain one will do.
      answer = await port({
        device,
        code: SNP_GET_REPORT,
        argument: writeArgument(),
        buffers: [writeRequest(reportData, vmpl, REQUEST_BYTES), new Uint8Array(RESPONSE_BYTES)],
        pointers: [
          { into: 'argument', offset: 8, to: 0 },
          { into: 'argument', offset: 16, to: 1 },
        ],
      });
    }
    assertDone(answer, { device, note: noteOf(answer) });
    return assembleSnpEvidence(readReport(answer.buffers[1] as Uint8Array, device), table, certificates);
  };
}
