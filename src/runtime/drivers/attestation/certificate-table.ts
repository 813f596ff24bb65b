/**
 * The table of certificates that a host hands to its SEV-SNP guests beside a report. [AMD56421] §4.1.8.1
 *
 * @module
 */

import { AttestationError } from '../../../trust/attestation/index.ts';

/** Certificates by what they certify, DER. */
export interface CertificateTable {
  readonly vcek?: Uint8Array;
  readonly vlek?: Uint8Array;
  readonly ask?: Uint8Array;
  readonly ark?: Uint8Array;
  readonly crl?: Uint8Array;
}

const NAMES: Readonly<Record<string, keyof CertificateTable>> = {
  '63da758de6644564adc5f4b93be8accd': 'vcek',
  a8074bc2a25a483eaae639c045a0b8a1: 'vlek',
  '4ab7b379bbac4fe4a02f05aef327c782': 'ask',
  c0b406a4a803495297433fb6014cd0ae: 'ark',
  '92f81bc358114d3d97ffd19f88dc67ea': 'crl',
};
const ENTRY_BYTES = 24;

/** GUIDs are written with their first three fields little-endian; some hosts write them in the order of the text. */
function nameOf(guid: Uint8Array): keyof CertificateTable | undefined {
  const text = Buffer.from(guid).toString('hex');
  const mixed = Buffer.from(guid);
  mixed.subarray(0, 4).reverse();
  mixed.subarray(4, 6).reverse();
  mixed.subarray(6, 8).reverse();
  return NAMES[text] ?? NAMES[mixed.toString('hex')];
}

/**
 * Reads a table; entries of unknown kind are left out.
 * @throws {AttestationError} `attestation/device-failed` when an entry points outside.
 */
export function readCertificateTable(bytes: Uint8Array): CertificateTable {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table: { -readonly [K in keyof CertificateTable]: CertificateTable[K] } = {};
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    const guid = bytes.subarray(at, at + 16);
    if (guid.every((byte) => byte === 0)) break;
    const offset = view.getUint32(at + 16, true);
    const length = view.getUint32(at + 20, true);
    if (offset + length > bytes.length) {
      throw new AttestationError(
        'attestation/device-failed',
        'the certificate table of the host points outside of itself',
      );
    }
    const name = nameOf(guid);
    if (name !== undefined && length > 0) table[name] = bytes.slice(offset, offset + length);
  }
  return table;
}
