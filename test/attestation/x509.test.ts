/**
 * The reader of certificates and revocation lists against OpenSSL, which shares nothing with it: both must agree on every
 * field of every certificate, in the samples, in the shipped roots and in chains of our own. And the gate: one form only.
 */
import { X509Certificate } from 'node:crypto';

import { AsnPropTypes } from '@peculiar/asn1-schema';
import { Validity } from '@peculiar/asn1-x509';
import { describe, expect, it } from 'vitest';

import { sha256, toHex } from '../../src/foundations/crypto/index.ts';
import { decodePemCertificates, vendorRoots } from '../../src/trust/attestation/index.ts';
import { createAmdIntermediates } from '../../src/trust/attestation/roots/amd-intermediates.ts';
import { parseCertificate } from '../../src/trust/attestation/x509/certificate.ts';
import { decodeDer, describeChoice } from '../../src/trust/attestation/x509/der.ts';
import { parseRevocationList } from '../../src/trust/attestation/x509/revocation-list.ts';
import { verifyX509Signature } from '../../src/trust/attestation/x509/signature.ts';
import { der, issue, type Identity, revoke } from './generate/authority.ts';
import { createIntelWorld } from './generate/intel.ts';
import { endorsementExtensions } from './generate/snp.ts';
import { sampleBytes, samplesPresent, sampleText } from './samples.ts';

/** Revocation lists of the samples: entries, digest of their serial numbers by OpenSSL, and when they were issued. */
const LISTS = [
  ['root_ca_crl', 0, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '2025-03-20T11:21:57.000Z'],
  ['pck_crl', 44, '921ad52151453d407c8e49f18619505793f294f085a3787817e0d75ba04b54f4', '2025-06-19T10:00:35.000Z'],
] as const;

/** The fields that both readers show, by OpenSSL. Names are lines of "key=value" there. */
function oracle(bytes: Uint8Array) {
  const certificate = new X509Certificate(bytes);
  const name = (text: string) =>
    text
      .replaceAll(/\+/g, '\n')
      .split('\n')
      .map((line) => line.trim());
  return {
    serial: certificate.serialNumber.toLowerCase().replace(/^0+(?=.)/, ''),
    issuer: name(certificate.issuer),
    subject: name(certificate.subject),
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
    spki: toHex(new Uint8Array(certificate.publicKey.export({ format: 'der', type: 'spki' }))),
    isAuthority: certificate.ca,
  };
}

function own(bytes: Uint8Array) {
  const certificate = parseCertificate(bytes);
  const name = (text: string) => text.split(/, |\+/);
  return {
    serial: certificate.serial.replace(/^0+(?=.)/, ''),
    issuer: name(certificate.issuerName),
    subject: name(certificate.subjectName),
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    spki: toHex(certificate.spki),
    isAuthority: certificate.isAuthority,
  };
}

function assertAgreement(bytes: Uint8Array): void {
  expect(own(bytes)).toEqual(oracle(bytes));
  const { tbs, subject, issuer, spki } = parseCertificate(bytes);
  for (const part of [subject, issuer, spki]) expect(Buffer.from(tbs).includes(Buffer.from(part))).toBe(true);
  expect(Buffer.from(bytes).includes(Buffer.from(tbs))).toBe(true);
}

describe('the shipped roots', () => {
  const { amd, intel, aws, simulated } = vendorRoots();
  // As documented in docs/confidential-computing.md; those of AMD and AWS as published by their users and vendors.
  const fingerprints: Record<string, string> = {
    'AMD ARK-Milan': '69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd',
    'AMD ARK-Genoa': '4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1',
    'AMD ARK-Turin': '1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a',
    'Intel SGX Root CA': '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3',
    'AWS Nitro Enclaves Root G1': '641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b',
  };

  it.each([...amd, ...intel, ...aws])('$name has its fingerprint and signs itself', async ({ name, der, sha256 }) => {
    expect(sha256).toBe(fingerprints[name]);
    const certificate = parseCertificate(der);
    expect(toHex(certificate.issuer)).toBe(toHex(certificate.subject));
    const signed = { signature: certificate.signature, data: certificate.tbs };
    expect(await verifyX509Signature(certificate.signatureAlgorithm, certificate.spki, signed)).toBe(true);
    assertAgreement(der);
  });

  it('sign the shipped intermediates', async () => {
    for (const der of createAmdIntermediates()) {
      const certificate = parseCertificate(der);
      const root = amd.find(
        ({ der: candidate }) => toHex(parseCertificate(candidate).subject) === toHex(certificate.issuer),
      );
      const signed = { signature: certificate.signature, data: certificate.tbs };
      const { spki } = parseCertificate((root as { der: Uint8Array }).der);
      expect(await verifyX509Signature(certificate.signatureAlgorithm, spki, signed)).toBe(true);
    }
  });

  it('have none for simulated evidence', () => expect(simulated).toEqual([]));
});

describe('certificates', () => {
  it('of our own read as OpenSSL reads them', async () => {
    const root = await issue({ name: 'Root', kind: 'RSA-PSS', authority: true });
    const middle = await issue({ name: 'Middle', kind: 'P-384', issuer: root, authority: true, pathLength: 3 });
    const leaf = await issue({ name: 'Leaf', kind: 'P-256', issuer: middle, extensions: endorsementExtensions() });
    for (const { der } of [root, middle, leaf]) assertAgreement(der);
    expect(parseCertificate(middle.der)).toMatchObject({ isAuthority: true, pathLength: 3, commonName: 'Middle' });
    expect(parseCertificate(leaf.der)).toMatchObject({ isAuthority: false, pathLength: undefined });
  });

  it('of the far future read as OpenSSL reads them', async () => {
    const years = { notBefore: new Date('1961-01-01T00:00:00Z'), notAfter: new Date('2150-12-31T23:59:59Z') };
    assertAgreement((await issue({ name: 'Old', kind: 'P-256', ...years })).der);
  });

  it.skipIf(!samplesPresent)('of real hardware read as OpenSSL reads them', () => {
    const pem = (path: string) => decodePemCertificates(sampleText(path), path);
    const collateral = JSON.parse(sampleText('tdx/phala-v4-collateral.json')) as Record<string, string>;
    const certificates = [
      sampleBytes('snp/milan-v2-vcek.der'),
      sampleBytes('tdx/intel-sgx-root-ca.der'),
      ...[
        'snp/ask_ark_milan.pem',
        'snp/ask_ark_genoa.pem',
        'snp/gcp-x25519-vcek.pem',
        'nitro/aws-nitro-root-g1.pem',
      ].flatMap(pem),
      ...['pck_crl_issuer_chain', 'tcb_info_issuer_chain'].flatMap((name) =>
        decodePemCertificates(collateral[name] as string, name),
      ),
    ];
    for (const der of certificates) assertAgreement(der);
    // openssl crl -inform DER -noout -text | grep 'Serial Number:' | sed 's/.*: //' | tr A-F a-f | sha256sum
    for (const [name, count, digest, thisUpdate] of LISTS) {
      const list = parseRevocationList(new Uint8Array(Buffer.from(collateral[name] as string, 'hex')));
      const serials = [...list.revoked].map((serial) => `${serial.replace(/^00(?=.)/, '')}\n`);
      expect(serials).toHaveLength(count);
      expect(toHex(sha256(new Uint8Array(Buffer.from(serials.join('')))))).toBe(digest);
      expect(list.thisUpdate.toISOString()).toBe(thisUpdate);
    }
  });
});

describe('strict DER', () => {
  const malformed = expect.objectContaining({ code: 'attestation/malformed' }) as Error;
  const bytes = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

  class Value {
    integer: number | string | undefined;
    oid: string | undefined;
    boolean: boolean | undefined;
    octets: ArrayBuffer | undefined;
    bits: ArrayBuffer | undefined;
    nothing: null | undefined;
    text: string | undefined;
  }
  describeChoice(Value, {
    integer: { type: AsnPropTypes.Integer },
    oid: { type: AsnPropTypes.ObjectIdentifier },
    boolean: { type: AsnPropTypes.Boolean },
    octets: { type: AsnPropTypes.OctetString },
    bits: { type: AsnPropTypes.BitString },
    nothing: { type: AsnPropTypes.Null },
    text: { type: AsnPropTypes.Utf8String },
  });
  const read = (text: string) => decodeDer(bytes(text), Value, 'test');

  it.each([
    ['an indefinite length', '30 80 00 00'],
    ['an indefinite length of a string', '24 80 04 01 00 00 00'],
    ['a string in parts', '24 03 04 01 00'],
    ['a primitive sequence', '10 00'],
    ['the end of contents', '00 00'],
    ['a length that is not minimal', '04 81 01 00'],
    ['a long length with a leading zero', '04 82 00 80' + '00'.repeat(128)],
    ['a length past the end', '04 02 00'],
    ['a length of five bytes', '04 85 00 00 00 00 01 00'],
    ['a truncated length', '04 82 01'],
    ['a multi-byte tag', '1f 81 01 00'],
    ['nothing', ''],
    ['a tag alone', '30'],
    ['trailing bytes', '05 00 00'],
    ['a boolean of 01', '01 01 01'],
    ['a boolean of two bytes', '01 02 00 00'],
    ['a NULL with a content', '05 01 00'],
    ['more unused bits than bits', '03 01 01'],
    ['eight unused bits', '03 02 08 00'],
    ['unused bits that are set', '03 02 01 01'],
    ['bits that the type does not keep', '03 02 01 02'],
    ['text that is not UTF-8', '0c 01 ff'],
    ['a type that is not asked for', '13 01 41'],
    ['elements that are nested without end', '30 81 80'.repeat(40)],
  ])('refuses %s', (_, text) => {
    expect(() => read(text)).toThrow(malformed);
  });

  it('refuses what is nested too deep or too long', () => {
    const nested = Array.from({ length: 20 }).reduce<Uint8Array>((inner) => der(0x30, inner), new Uint8Array(0));
    expect(() => decodeDer(nested, Validity, 'test')).toThrow(/nested more than 16 deep/);
    expect(() => decodeDer(der(0x04, new Uint8Array(20_000)), Value, 'test')).toThrow(/longer than 16384 bytes/);
  });

  it('reads integers in one form only', () => {
    expect(['02 01 00', '02 01 7f', '02 02 00 80', '02 01 80'].map((text) => read(text).integer)).toEqual([
      0, 127, 128, -128,
    ]);
    for (const text of ['02 00', '02 02 00 7f', '02 02 ff 80']) expect(() => read(text)).toThrow(malformed);
  });

  it('reads object identifiers in one form only', () => {
    expect(read('06 03 55 1d 13').oid).toBe('2.5.29.19');
    expect(read('06 03 88 37 03').oid).toBe('2.999.3');
    for (const text of ['06 00', '06 02 55 80', '06 03 80 55 1d', `06 21 ${'01'.repeat(33)}`]) {
      expect(() => read(text)).toThrow(malformed);
    }
  });

  it('reads times that exist only', () => {
    const time = (tag: number, text: string) => der(tag, new Uint8Array(Buffer.from(text)));
    const until = (tag: number, text: string) =>
      decodeDer(der(0x30, time(0x17, '500101000000Z'), time(tag, text)), Validity, 'test')
        .notAfter.getTime()
        .toISOString();
    expect(until(0x17, '491231235959Z')).toBe('2049-12-31T23:59:59.000Z');
    expect(until(0x17, '500101000000Z')).toBe('1950-01-01T00:00:00.000Z');
    expect(until(0x18, '74990927221640Z')).toBe('7499-09-27T22:16:40.000Z');
    for (const [tag, text] of [
      [0x17, '250231000000Z'],
      [0x17, '250101240000Z'],
      [0x17, '2501010000Z'],
      [0x17, '250101000000+0100'],
      [0x18, '20250101000000.5Z'],
      [0x18, '20251301000000Z'],
      [0x17, 'x'],
    ] as const) {
      expect(() => until(tag, text)).toThrow(malformed);
    }
  });

  it('refuses elements behind those of the type, which the library passes over', async () => {
    const { der: good } = await issue({ name: 'One', kind: 'P-256' });
    const body = good.subarray(4);
    expect(() => parseCertificate(der(0x30, body))).not.toThrow();
    expect(() => parseCertificate(der(0x30, body, bytes('05 00')))).toThrow(malformed);
  });

  it('gives whoever asks twice the same certificate, and nobody the bytes of another', async () => {
    const { der: good } = await issue({ name: 'One', kind: 'P-256' });
    const mine = good.slice();
    const first = parseCertificate(mine);
    mine.fill(0);
    expect(parseCertificate(good)).toBe(first);
    expect(first.der).toEqual(good);
    expect(() => parseCertificate(mine)).toThrow(malformed);
  });

  it('refuses certificates whose two algorithms differ, or whose version is not 3', async () => {
    const { der: good }: Identity = await issue({ name: 'One', kind: 'P-256' });
    const at = Buffer.from(good).lastIndexOf(Buffer.from('06082a8648ce3d040302', 'hex'));
    const changed = good.slice();
    changed[at + 9] = 3;
    expect(() => parseCertificate(changed)).toThrow(malformed);
    const version = good.slice();
    version[Buffer.from(good).indexOf(Buffer.from('a003020102', 'hex')) + 4] = 1;
    expect(() => parseCertificate(version)).toThrow(malformed);
  });

  it('refuses lists that cover a part only', async () => {
    const { root } = await createIntelWorld();
    const list = parseRevocationList(await revoke(root, ['01', '02']));
    expect([...list.revoked]).toEqual(['01', '02']);
  });
});
