/**
 * Extensions beyond those of path validation: what a certificate is for, and whom it names. [RFC5280] §4.2.1
 *
 * @module
 */

import { DirectoryString, ExtendedKeyUsage, SubjectAlternativeName } from '@peculiar/asn1-x509';

import type { Certificate } from './certificate.ts';
import { decodeDer } from './der.ts';

const OID_ALTERNATIVE_NAME = '2.5.29.17';
export const OID_EXTENDED_KEY_USAGE = '2.5.29.37';

/** Reads the purposes of a key, as object identifiers; none when it does not say. @throws {AttestationError} `attestation/malformed`. */
export function readExtendedKeyUsage(certificate: Certificate): readonly string[] {
  const extension = certificate.extensions.get(OID_EXTENDED_KEY_USAGE);
  return extension === undefined ? [] : [...decodeDer(extension.value, ExtendedKeyUsage, 'extended key usage')];
}

/** Reads e-mail addresses and URIs among the alternative names. @throws {AttestationError} `attestation/malformed`. */
export function readAlternativeNames(certificate: Certificate): readonly string[] {
  const extension = certificate.extensions.get(OID_ALTERNATIVE_NAME);
  if (extension === undefined) return [];
  return decodeDer(extension.value, SubjectAlternativeName, 'alternative names').flatMap(
    ({ rfc822Name, uniformResourceIdentifier }) => rfc822Name ?? uniformResourceIdentifier ?? [],
  );
}

/** Decodes text of any of the string types of X.520, of which UTF8String is one. @throws {AttestationError} `attestation/malformed`. */
export function decodeDirectoryString(der: Uint8Array, what: string): string {
  return decodeDer(der, DirectoryString, what).toString();
}
