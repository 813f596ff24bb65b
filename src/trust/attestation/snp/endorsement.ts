/**
 * What AMD's endorsement certificate (VCEK of a chip, VLEK of a cloud) says about the platform, by its own extensions.
 * [AMD57230] §3.1
 *
 * @module
 */

import { AsnPropTypes } from '@peculiar/asn1-schema';

import { toHex } from '../../../foundations/crypto/index.ts';
import { AttestationError, malformed } from '../errors.ts';
import type { AmdProductLine } from '../roots/amd.ts';
import type { Certificate } from '../x509/certificate.ts';
import { decodeDer, describeChoice } from '../x509/der.ts';
import type { SnpTcb } from './tcb.ts';

const AMD = '1.3.6.1.4.1.3704.1';
const OID = {
  structVersion: `${AMD}.1`,
  productName: `${AMD}.2`,
  bootLoader: `${AMD}.3.1`,
  tee: `${AMD}.3.2`,
  snp: `${AMD}.3.3`,
  microcode: `${AMD}.3.8`,
  fmc: `${AMD}.3.9`,
  hardwareId: `${AMD}.4`,
  cloudId: `${AMD}.5`,
} as const;

/** What the extensions hold: one INTEGER or one IA5String each. */
class EndorsementValue {
  integer: number | undefined;
  text: string | undefined;
}
describeChoice(EndorsementValue, {
  integer: { type: AsnPropTypes.Integer },
  text: { type: AsnPropTypes.IA5String },
});

/** The platform that a certificate endorses. */
export interface SnpEndorsement {
  readonly kind: 'VCEK' | 'VLEK';
  /** "Milan-B0". */
  readonly productName: string;
  readonly line: AmdProductLine;
  readonly tcb: SnpTcb;
  /** The chip, in hexadecimal: 64 bytes, from Turin on 8; VCEK alone. */
  readonly hardwareId?: string;
  /** The cloud provider; VLEK alone. */
  readonly cloudId?: string;
}

/** Reads the endorsement. @throws {AttestationError} `attestation/malformed` when an extension is missing or broken. */
export function readSnpEndorsement(certificate: Certificate): SnpEndorsement {
  const required = (oid: string, name: string): Uint8Array =>
    certificate.extensions.get(oid)?.value ?? malformed(`endorsement certificate: extension ${name} is missing`);
  const value = (oid: string, name: string): EndorsementValue =>
    decodeDer(required(oid, name), EndorsementValue, `endorsement certificate, ${name}`);
  const version = (oid: string, name: string): number => {
    const { integer } = value(oid, name);
    // The library gives integers of more than three bytes as text.
    if (typeof integer !== 'number' || integer < 0) malformed(`endorsement certificate: ${name} is not a small number`);
    return integer;
  };
  const text = (oid: string, name: string): string =>
    value(oid, name).text ?? malformed(`endorsement certificate: ${name} is not a text`);
  const kind = certificate.commonName === 'SEV-VCEK' ? 'VCEK' : 'VLEK';
  if (kind === 'VLEK' && certificate.commonName !== 'SEV-VLEK') {
    throw new AttestationError(
      'attestation/unsupported',
      `endorsement certificate: subject ${certificate.commonName}; SEV-VCEK or SEV-VLEK expected`,
    );
  }
  const structVersion = version(OID.structVersion, 'struct version');
  const productName = text(OID.productName, 'product name');
  const line = productName.split('-')[0];
  if (line !== 'Milan' && line !== 'Genoa' && line !== 'Turin') {
    throw new AttestationError('attestation/unsupported', `endorsement certificate: product ${productName}`);
  }
  if ((line === 'Turin') !== certificate.extensions.has(OID.fmc) || structVersion > 1) {
    malformed(`endorsement certificate: TCB structure ${structVersion} does not fit ${productName}`);
  }
  const tcb: SnpTcb = {
    ...(line === 'Turin' ? { fmc: version(OID.fmc, 'FMC version') } : {}),
    bootLoader: version(OID.bootLoader, 'boot loader version'),
    tee: version(OID.tee, 'TEE version'),
    snp: version(OID.snp, 'SNP version'),
    microcode: version(OID.microcode, 'microcode version'),
  };
  if (kind === 'VLEK') {
    return { kind, productName, line, tcb, cloudId: text(OID.cloudId, 'CSP id') };
  }
  // AMD puts the bare bytes into the extension, without an OCTET STRING of their own.
  const hardwareId = required(OID.hardwareId, 'hardware id');
  if (hardwareId.length !== (line === 'Turin' ? 8 : 64))
    malformed('endorsement certificate: hardware id of odd length');
  return { kind, productName, line, tcb, hardwareId: toHex(hardwareId) };
}
