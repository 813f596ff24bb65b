/**
 * The reader of certificates and revocation lists against an independent library: both must agree on every field of
 * every certificate, in the samples, in the shipped roots and in chains of our own.
 */
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate as OracleCertificate, CertificateList } from '@peculiar/asn1-x509';
import { describe, expect, it } from 'vitest';

import { toHex } from '../../src/foundations/crypto/index.ts';
import { decodePemCertificates, vendorRoots } from '../../src/trust/attestation/index.ts';
import { createAmdIntermediates } from '../../src/trust/attestation/roots/amd-intermediates.ts';
import { parseCertificate } from '../../src/trust/attestation/x509/certificate.ts';
import { childrenOf, oidOf, readDer, smallInteger, timeOf } from '../../src/trust/attestation/x509/der.ts';
import { parseRevocationList } from '../../src/trust/attestation/x509/revocation-list.ts';
import { verifyX509Signature } from '../../src/trust/attestation/x509/signature.ts';
import { issue, type Identity, revoke } from './generate/authority.ts';
import { createIntelWorld } from './generate/intel.ts';
import { endorsementExtensions } from './generate/snp.ts';
import { sampleBytes, samplesPresent, sampleText } from './samples.ts';

const hex = (buffer: ArrayBuffer): string => toHex(new Uint8Array(buffer));

/** The fields that both readers show, by the library. */
function oracle(der: Uint8Array) {
  const { tbsCertificate: tbs, signatureValue } = AsnConvert.parse(der, OracleCertificate);
  return {
    serial: hex(tbs.serialNumber),
    issuer: toHex(new Uint8Array(AsnConvert.serialize(tbs.issuer))),
    subject: toHex(new Uint8Array(AsnConvert.serialize(tbs.subject))),
    notBefore: tbs.validity.notBefore.getTime(),
    notAfter: tbs.validity.notAfter.getTime(),
    spki: toHex(new Uint8Array(AsnConvert.serialize(tbs.subjectPublicKeyInfo))),
    signature: hex(signatureValue),
    extensions: (tbs.extensions ?? []).map(({ extnID, critical, extnValue }) => [
      extnID,
      critical,
      hex(extnValue.buffer),
    ]),
  };
}

function own(der: Uint8Array) {
  const certificate = parseCertificate(der);
  return {
    serial: certificate.serial,
    issuer: toHex(certificate.issuer),
    subject: toHex(certificate.subject),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    spki: toHex(certificate.spki),
    signature: toHex(certificate.signature),
    extensions: [...certificate.extensions].map(([oid, { critical, value }]) => [oid, critical, toHex(value)]),
  };
}
function assertAgreement(der: Uint8Array): void {
  const theirs = oracle(der);
  const ours = own(der);
  expect({ ...ours, notBefore: ours.notBefore.getTime(), notAfter: ours.notAfter.getTime() }).toEqual({
    ...theirs,
    notBefore: new Date(theirs.notBefore).getTime(),
    notAfter: new Date(theirs.notAfter).getTime(),
  });
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
  it('of our own read as the library reads them', async () => {
    const root = await issue({ name: 'Root', kind: 'RSA-PSS', authority: true });
    const middle = await issue({ name: 'Middle', kind: 'P-384', issuer: root, authority: true, pathLength: 3 });
    const leaf = await issue({ name: 'Leaf', kind: 'P-256', issuer: middle, extensions: endorsementExtensions() });
    for (const { der } of [root, middle, leaf]) assertAgreement(der);
    expect(parseCertificate(middle.der)).toMatchObject({ isAuthority: true, pathLength: 3, commonName: 'Middle' });
    expect(parseCertificate(leaf.der)).toMatchObject({ isAuthority: false, pathLength: undefined });
  });

  it('of the far future read as the library reads them', async () => {
    const years = { notBefore: new Date('1961-01-01T00:00:00Z'), notAfter: new Date('2150-12-31T23:59:59Z') };
    assertAgreement((await issue({ name: 'Old', kind: 'P-256', ...years })).der);
  });

  it.skipIf(!samplesPresent)('of real hardware read as the library reads them', () => {
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
    for (const name of ['root_ca_crl', 'pck_crl']) {
      const der = new Uint8Array(Buffer.from(collateral[name] as string, 'hex'));
      const { tbsCertList } = AsnConvert.parse(der, CertificateList);
      const list = parseRevocationList(der);
      expect([...list.revoked].toSorted()).toEqual(
        (tbsCertList.revokedCertificates ?? []).map(({ userCertificate }) => hex(userCertificate)).toSorted(),
      );
      expect(list.thisUpdate.getTime()).toBe(tbsCertList.thisUpdate.getTime().getTime());
    }
  });
});

describe('strict DER', () => {
  const malformed = expect.objectContaining({ code: 'attestation/malformed' }) as Error;
  const bytes = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

  it.each([
    ['an indefinite length', '30 80 00 00'],
    ['a length that is not minimal', '04 81 01 00'],
    ['a long length with a leading zero', '04 82 00 80' + '00'.repeat(128)],
    ['a length past the end', '04 02 00'],
    ['a length of five bytes', '04 85 00 00 00 00 01 00'],
    ['a multi-byte tag', '1f 81 01 00'],
    ['nothing', ''],
    ['a tag alone', '30'],
    ['trailing bytes', '05 00 00'],
  ])('refuses %s', (_, text) => {
    expect(() => readDer(bytes(text), 'test')).toThrow(malformed);
  });

  it('reads integers in one form only', () => {
    const read = (text: string) => smallInteger(readDer(bytes(text), 'test'), 'test');
    expect(['02 01 00', '02 01 7f', '02 02 00 80', '02 05 00 ff ff ff ff'].map(read)).toEqual([
      0, 127, 128, 0xffffffff,
    ]);
    for (const text of ['02 00', '02 02 00 7f', '02 01 80', '02 02 ff 80', '02 06 01 00 00 00 00 00', '04 01 00']) {
      expect(() => read(text)).toThrow(malformed);
    }
  });

  it('reads object identifiers in one form only', () => {
    const read = (text: string) => oidOf(readDer(bytes(text), 'test'), 'test');
    expect(read('06 03 55 1d 13')).toBe('2.5.29.19');
    expect(read('06 03 88 37 03')).toBe('2.999.3');
    for (const text of ['06 00', '06 02 55 80', '06 03 80 55 1d', '06 0a ff ff ff ff ff ff ff ff ff 7f']) {
      expect(() => read(text)).toThrow(malformed);
    }
  });

  it('reads times that exist only', () => {
    const read = (tag: string, text: string) =>
      timeOf(
        readDer(Buffer.concat([bytes(tag), Uint8Array.of(text.length), Buffer.from(text)]), 'test'),
        'test',
      ).toISOString();
    expect(read('17', '491231235959Z')).toBe('2049-12-31T23:59:59.000Z');
    expect(read('17', '500101000000Z')).toBe('1950-01-01T00:00:00.000Z');
    expect(read('18', '74990927221640Z')).toBe('7499-09-27T22:16:40.000Z');
    for (const [tag, text] of [
      ['17', '250231000000Z'],
      ['17', '250101240000Z'],
      ['17', '2501010000Z'],
      ['17', '250101000000+0100'],
      ['18', '20250101000000.5Z'],
    ] as const) {
      expect(() => read(tag, text)).toThrow(malformed);
    }
  });

  it('does not list children of a primitive element', () => {
    expect(() => childrenOf(readDer(bytes('04 02 05 00'), 'test'), 'test')).toThrow(malformed);
  });

  it('refuses certificates whose two algorithms differ, or whose version is not 3', async () => {
    const { der }: Identity = await issue({ name: 'One', kind: 'P-256' });
    const at = Buffer.from(der).lastIndexOf(Buffer.from('06082a8648ce3d040302', 'hex'));
    const changed = der.slice();
    changed[at + 9] = 3;
    expect(() => parseCertificate(changed)).toThrow(malformed);
    const version = der.slice();
    version[Buffer.from(der).indexOf(Buffer.from('a003020102', 'hex')) + 4] = 1;
    expect(() => parseCertificate(version)).toThrow(malformed);
  });

  it('refuses lists that cover a part only', async () => {
    const { root } = await createIntelWorld();
    const list = parseRevocationList(await revoke(root, ['01', '02']));
    expect([...list.revoked]).toEqual(['01', '02']);
  });
});
