/**
 * Certificates and revocation lists of our own, made by another library than the one that reads them (@peculiar/x509).
 */
import 'reflect-metadata';

import { fromHex } from '../../../src/foundations/crypto/index.ts';
import { createTrustRoot, type TrustRoot } from '../../../src/trust/attestation/index.ts';

const x509 = await import('@peculiar/x509');
x509.cryptoProvider.set(crypto);

/** Kinds of keys and how certificates are signed with them. */
const KEY_KINDS = {
  'P-256': {
    generate: { name: 'ECDSA', namedCurve: 'P-256' },
    sign: { name: 'ECDSA', hash: 'SHA-256' },
  },
  'P-384': {
    generate: { name: 'ECDSA', namedCurve: 'P-384' },
    sign: { name: 'ECDSA', hash: 'SHA-384' },
  },
  'RSA-PSS': {
    generate: {
      name: 'RSA-PSS',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-384',
    },
    sign: { name: 'RSA-PSS', hash: 'SHA-384', saltLength: 48 },
  },
} as const;
export type KeyKind = keyof typeof KEY_KINDS;

/** A subject with its key and certificate. */
export interface Identity {
  readonly kind: KeyKind;
  readonly name: string;
  readonly keys: CryptoKeyPair;
  readonly der: Uint8Array;
  readonly serial: string;
}

export const NOW = new Date('2026-03-01T12:00:00Z');
const day = (offset: number): Date => new Date(NOW.getTime() + offset * 86_400_000);
let counter = 1000;

/** How a certificate differs from a plain one. */
export interface IssueOptions {
  readonly name: string;
  readonly kind: KeyKind;
  readonly issuer?: Identity;
  readonly authority?: boolean;
  readonly pathLength?: number;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Extensions by OID: the content of the OCTET STRING. May repeat. */
  readonly extensions?: readonly { readonly oid: string; readonly value: Uint8Array; readonly critical?: boolean }[];
  /** Key usage bits of the library; 0 for none. */
  readonly keyUsage?: number;
  readonly keys?: CryptoKeyPair;
}

export async function generateKeys(kind: KeyKind): Promise<CryptoKeyPair> {
  return (await crypto.subtle.generateKey(KEY_KINDS[kind].generate, true, ['sign', 'verify'])) as CryptoKeyPair;
}

/** Issues a certificate; without an issuer it signs itself. */
export async function issue(options: IssueOptions): Promise<Identity> {
  const { name, kind, issuer, authority = false } = options;
  const keys = options.keys ?? (await generateKeys(kind));
  counter += 1;
  const serial = counter.toString(16).padStart(4, '0');
  const usage =
    options.keyUsage ??
    (authority ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign : x509.KeyUsageFlags.digitalSignature);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: `CN=${name}`,
    issuer: `CN=${issuer?.name ?? name}`,
    notBefore: options.notBefore ?? day(-30),
    notAfter: options.notAfter ?? day(30),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: KEY_KINDS[issuer?.kind ?? kind].sign,
    extensions: [
      new x509.BasicConstraintsExtension(authority, options.pathLength, true),
      ...(usage === 0 ? [] : [new x509.KeyUsagesExtension(usage, true)]),
      ...(options.extensions ?? []).map(
        ({ oid, value, critical = false }) => new x509.Extension(oid, critical, value as Uint8Array<ArrayBuffer>),
      ),
    ],
  });
  return { kind, name, keys, der: new Uint8Array(certificate.rawData), serial };
}

/** Makes a revocation list. */
export async function revoke(
  issuer: Identity,
  serials: readonly string[],
  { thisUpdate = day(-1), nextUpdate = day(29) }: { readonly thisUpdate?: Date; readonly nextUpdate?: Date } = {},
): Promise<Uint8Array> {
  const list = await x509.X509CrlGenerator.create({
    issuer: `CN=${issuer.name}`,
    thisUpdate,
    nextUpdate,
    entries: serials.map((serialNumber) => ({
      serialNumber,
      revocationDate: day(-2),
      reason: x509.X509CrlReason.keyCompromise,
    })),
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: KEY_KINDS[issuer.kind].sign,
  });
  return new Uint8Array(list.rawData);
}

export const rootOf = (identity: Identity, name = identity.name): TrustRoot => createTrustRoot(name, identity.der);

/** Signs raw ECDSA, r ‖ s. */
export async function signRaw(identity: Pick<Identity, 'keys' | 'kind'>, data: Uint8Array): Promise<Uint8Array> {
  const algorithm = KEY_KINDS[identity.kind].sign;
  const bytes = data as Uint8Array<ArrayBuffer>;
  return new Uint8Array(await crypto.subtle.sign(algorithm, identity.keys.privateKey, bytes));
}

// A small DER writer for the vendors' extensions.
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return new Uint8Array(Buffer.concat([Uint8Array.of(tag, ...size), content]));
}
export const derInteger = (value: number): Uint8Array => {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 0xff);
  return der(2, Uint8Array.from((bytes[0] as number) >= 0x80 ? [0, ...bytes] : bytes));
};
export const derOctets = (bytes: Uint8Array): Uint8Array => der(4, bytes);
export const derIa5 = (text: string): Uint8Array => der(0x16, Buffer.from(text, 'latin1'));
export const derOid = (oid: string): Uint8Array => {
  const [first = 0, second = 0, ...rest] = oid.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const parts = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) parts.unshift((left & 0x7f) | 0x80);
    return parts;
  });
  return der(6, Uint8Array.from(bytes));
};
export const hexBytes = (text: string): Uint8Array => fromHex(text);
