/**
 * A certificate of a coordinator's own, for networks without an authority: participants pin its fingerprint.
 *
 * @module
 */

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

import * as x509 from '@peculiar/x509';

import { sha256, toHex } from '../../../foundations/crypto/index.ts';
import { readEntropy } from '../../../foundations/random/index.ts';

/** A certificate with its private key. */
export interface TlsIdentity {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

const DAY_MS = 24 * 3600 * 1000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/**
 * Makes a self-signed certificate (ECDSA P-256) for names and addresses.
 * @param hosts - what participants call the coordinator.
 */
export async function createSelfSignedCertificate(
  hosts: readonly string[],
  { now, days = 825 }: { readonly now: Date; readonly days?: number },
): Promise<TlsIdentity> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const names = hosts.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }));
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: toHex(readEntropy(16)),
      name: 'CN=sotto coordinator',
      notBefore: new Date(now.getTime() - DAY_MS),
      notAfter: new Date(now.getTime() + days * DAY_MS),
      signingAlgorithm: ALGORITHM,
      keys: keys as CryptoKeyPair,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1']),
        new x509.SubjectAlternativeNameExtension(names),
      ],
    },
    webcrypto as never,
  );
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`,
  };
}

/** SHA-256 over the DER of the first certificate in a PEM text, hexadecimal: what participants pin. */
export function fingerprintOfPem(pem: string): string {
  const [der] = x509.PemConverter.decode(pem);
  if (der === undefined) throw new RangeError('"pem" holds no certificate');
  return toHex(sha256(new Uint8Array(der)));
}
