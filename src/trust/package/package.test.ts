import 'reflect-metadata';

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import * as x509 from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';

import { concatBytes, createSigningKey, fromHex, sha256, toHex, utf8 } from '../../foundations/crypto/index.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { encodeBase64 } from '../attestation/index.ts';
import {
  type ChannelBody,
  type ChannelState,
  followChannel,
  createModelSigner,
  createPackage,
  createSealIdentity,
  decodeArchive,
  decodePem,
  encodeArchive,
  encodePublicKeyPem,
  formatModelCard,
  keyHint,
  MANIFEST_FILE,
  type ModelSigner,
  openChannel,
  openSeal,
  type PackageFiles,
  parseChannelState,
  readChannel,
  releaseOf,
  sealFor,
  SIGNATURE_FILE,
  signChannel,
  signFiles,
  type SignatureTrust,
  verifyPackage,
  verifySignedFiles,
} from './index.ts';

const vectors = fileURLToPath(new URL('../../../../shared/vectors/model-signing/', import.meta.url));
const present = existsSync(vectors);
const at = new Date('2026-01-01T00:00:00Z');
const EC = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' } as const;
const facts = { name: 'digits', createdAt: at, privacy: null, taskDigest: null };
const codesOf = ({ problems }: { problems: readonly { code: string }[] }): string[] => problems.map(({ code }) => code);

async function signerOf(curve: 'P-256' | 'P-384' | 'P-521' = 'P-384'): Promise<ModelSigner> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: curve }, true, ['sign', 'verify']);
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey));
  return createModelSigner(new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey)), { spki });
}

describe('model-signing samples', () => {
  if (!present) {
    it.skip('skipped: vectors not present');
    return;
  }
  const read = (folder: string): Map<string, Uint8Array> =>
    new Map(
      readdirSync(vectors + folder).map((name) => [name, new Uint8Array(readFileSync(`${vectors}${folder}/${name}`))]),
    );
  const pem = (name: string, label: string): Uint8Array =>
    decodePem(readFileSync(`${vectors}keys/${name}`, 'utf8'), label, name)[0] as Uint8Array;
  const key: SignatureTrust = { kind: 'key', spki: pem('signing-key-pub.pem', 'PUBLIC KEY') };
  const chain: SignatureTrust = { kind: 'x509', roots: [pem('ca-cert.pem', 'CERTIFICATE')] };
  const keyless: SignatureTrust = {
    kind: 'keyless',
    identity: 'stefanb@us.ibm.com',
    issuer: 'https://sigstore.verify.ibm.com/oauth2',
    anchor: 'unanchored',
  };
  const cases = [
    { folder: 'v1.0.0-elliptic-key', trust: key, ignoredPaths: [] },
    { folder: 'v1.0.1-certificate', trust: chain, ignoredPaths: ['ignore-me'] },
    { folder: 'v1.1.0-elliptic-key', trust: key, ignoredPaths: [] },
    { folder: 'v1.1.0-certificate', trust: chain, ignoredPaths: [] },
    { folder: 'v1.1.0-sigstore', trust: keyless, ignoredPaths: [] },
  ];

  it.each(cases)('verify: $folder', async ({ folder, trust, ignoredPaths }) => {
    const verdict = await verifySignedFiles(read(folder), { trust: [trust], at, ignoredPaths });
    expect(verdict).toMatchObject({ ok: true, problems: [], signer: { kind: trust.kind } });
  });

  it.each(cases)('are refused when a file is changed, missing, renamed or added: $folder', async (each) => {
    const { folder, trust, ignoredPaths } = each;
    const check = async (change: (files: Map<string, Uint8Array>) => void): Promise<string[]> => {
      const files = read(folder);
      change(files);
      return codesOf(await verifySignedFiles(files, { trust: [trust], at, ignoredPaths }));
    };
    const first = read(folder).get('signme-1') as Uint8Array;
    const flipped = first.slice();
    flipped[0] = (flipped[0] as number) ^ 1;
    expect(await check((files) => files.set('signme-1', flipped))).toEqual(['package/file-changed']);
    expect(await check((files) => files.delete('signme-1'))).toEqual(['package/file-missing']);
    expect(await check((files) => files.set('extra', first))).toContain('package/file-unlisted');
    if (folder !== 'v1.0.0-elliptic-key') {
      expect(
        await check((files) => {
          files.delete('signme-1');
          files.set('signme-9', first);
        }),
      ).toEqual(['package/file-missing', 'package/file-unlisted']);
    }
    expect(await check((files) => files.delete('model.sig'))).toEqual(['package/unsigned']);
  });

  it('are refused under another key, root, identity or signature', async () => {
    const other = await signerOf();
    const wrong = await verifySignedFiles(read('v1.1.0-elliptic-key'), {
      trust: [{ kind: 'key', spki: other.spki }],
      at,
    });
    expect(codesOf(wrong)).toEqual(['package/untrusted-key']);
    const leaf = pem('signing-key-cert.pem', 'CERTIFICATE');
    expect(
      codesOf(await verifySignedFiles(read('v1.1.0-certificate'), { trust: [{ kind: 'x509', roots: [leaf] }], at })),
    ).not.toEqual([]);
    const identity = { ...keyless, identity: 'eve@example.org' } as SignatureTrust;
    expect(codesOf(await verifySignedFiles(read('v1.1.0-sigstore'), { trust: [identity], at }))).toEqual([
      'package/identity-mismatch',
    ]);
    const { anchor: _, ...unanchored } = keyless as Extract<SignatureTrust, { kind: 'keyless' }>;
    expect(codesOf(await verifySignedFiles(read('v1.1.0-sigstore'), { trust: [unanchored], at }))).toEqual([
      'package/keyless-unanchored',
    ]);
    const swapped = read('v1.1.0-elliptic-key');
    swapped.set('model.sig', read('v1.0.0-elliptic-key').get('model.sig') as Uint8Array);
    expect((await verifySignedFiles(swapped, { trust: [key], at })).ok).toBe(false);
    const late = new Date('2036-01-01T00:00:00Z');
    expect(codesOf(await verifySignedFiles(read('v1.1.0-certificate'), { trust: [chain], at: late }))).toEqual([
      'package/certificate-expired',
    ]);
  });

  it.each(cases)('never throw on a mutated byte of the signature: $folder', async ({ folder, trust, ignoredPaths }) => {
    const files = read(folder);
    const bundle = files.get('model.sig') as Uint8Array;
    const rng = createSeededRng(`mutations/${folder}`);
    const envelope = new TextDecoder().decode(bundle).indexOf('"payload"');
    for (let i = 0; i < 120; i += 1) {
      const position = rng.uint32() % bundle.length;
      const mutated = bundle.slice();
      mutated[position] = (mutated[position] as number) ^ (1 << (rng.uint32() % 8));
      files.set('model.sig', mutated);
      const verdict = await verifySignedFiles(files, { trust: [trust], at, ignoredPaths });
      // A signature covers payload and signature; white space and hints around them are nobody's.
      const sameMeaning = sameJson(bundle, mutated);
      if (position > envelope && !sameMeaning && !/"keyid"/.test(around(bundle, position))) {
        expect(verdict.ok, `bit flip at ${position}`).toBe(false);
      }
    }
  });

  it('name a key by the hint that the Python tool writes', () => {
    const bundle = JSON.parse(new TextDecoder().decode(read('v1.1.0-elliptic-key').get('model.sig'))) as {
      verificationMaterial: { publicKey: { hint: string } };
    };
    expect(keyHint((key as { spki: Uint8Array }).spki)).toBe(bundle.verificationMaterial.publicKey.hint);
  });
});

function around(bytes: Uint8Array, position: number): string {
  return new TextDecoder().decode(bytes.subarray(Math.max(0, position - 14), position + 14));
}

function sameJson(a: Uint8Array, b: Uint8Array): boolean {
  const parse = (bytes: Uint8Array): string => {
    try {
      return JSON.stringify(JSON.parse(new TextDecoder().decode(bytes)));
    } catch {
      return '';
    }
  };
  return parse(a) === parse(b);
}

describe('packages', () => {
  const files: PackageFiles = new Map([
    ['model.safetensors', utf8('weights')],
    ['README.md', utf8('# card')],
    ['ledger.jsonl', utf8('{}\n')],
  ]);
  let signer: ModelSigner;
  let archive: Uint8Array;
  beforeAll(async () => {
    signer = await signerOf();
    archive = await createPackage(files, { facts, signer });
  });
  const trust = (): SignatureTrust[] => [{ kind: 'key', spki: signer.spki }];

  it.each(['P-256', 'P-384', 'P-521'] as const)('are signed and verified on %s', async (curve) => {
    const own = await signerOf(curve);
    const bytes = await createPackage(files, { facts, signer: own });
    const verdict = await verifyPackage(bytes, { trust: [{ kind: 'key', spki: own.spki }], at });
    expect(verdict).toMatchObject({ ok: true, problems: [], manifest: { name: 'digits' } });
    expect([...verdict.files.keys()]).toEqual([
      'README.md',
      'ledger.jsonl',
      MANIFEST_FILE,
      'model.safetensors',
      SIGNATURE_FILE,
    ]);
  });

  it('are found changed at any of a thousand random bytes, and give nothing out', async () => {
    const rng = createSeededRng('tamper');
    for (let i = 0; i < 1000; i += 1) {
      const mutated = archive.slice();
      const position = rng.uint32() % mutated.length;
      mutated[position] = (mutated[position] as number) ^ (1 << (rng.uint32() % 8));
      const verdict = await verifyPackage(mutated, { trust: trust(), at });
      expect(verdict.ok, `bit flip at ${position}`).toBe(false);
      expect(verdict.problems.length).toBeGreaterThan(0);
      expect(verdict.files.size).toBe(0);
    }
  });

  it('are refused when cut short anywhere', async () => {
    for (let size = 0; size < archive.length; size += 97) {
      const verdict = await verifyPackage(archive.subarray(0, size), { trust: trust(), at });
      expect(codesOf(verdict)).toEqual(['package/truncated']);
    }
  });

  it('are refused without a signature, with another file, or with unknown critical fields', async () => {
    const unpacked = new Map(decodeArchive(archive));
    unpacked.delete(SIGNATURE_FILE);
    expect(codesOf(await verifyPackage(encodeArchive(unpacked), { trust: trust(), at }))).toEqual(['package/unsigned']);
    const added = new Map([...decodeArchive(archive), ['run.sh', utf8('rm')] as const]);
    expect(codesOf(await verifyPackage(encodeArchive(added), { trust: trust(), at }))).toEqual([
      'package/file-unlisted',
    ]);
    const manifest = JSON.parse(new TextDecoder().decode(unpacked.get(MANIFEST_FILE))) as Record<string, unknown>;
    unpacked.set(MANIFEST_FILE, utf8(JSON.stringify({ ...manifest, critical: ['licence'], licence: 'no use' })));
    const signature = await signFiles(unpacked, { name: 'digits', signer });
    const resigned = encodeArchive(new Map([...unpacked, [SIGNATURE_FILE, signature] as const]));
    expect(codesOf(await verifyPackage(resigned, { trust: trust(), at }))).toEqual(['package/unknown-critical-field']);
    const bundle = JSON.parse(new TextDecoder().decode(signature)) as Record<string, unknown>;
    unpacked.set(SIGNATURE_FILE, utf8(JSON.stringify({ ...bundle, mustUnderstand: 1 })));
    expect(codesOf(await verifyPackage(encodeArchive(unpacked), { trust: trust(), at }))).toEqual([
      'package/unknown-critical-field',
    ]);
  });

  it('have no file that nobody signed, whatever the signer says is not to be looked at', async () => {
    const unpacked = new Map(decodeArchive(archive));
    unpacked.delete(SIGNATURE_FILE);
    const ignoredPaths = [SIGNATURE_FILE, 'cache'];
    const signature = await signFiles(unpacked, { name: 'digits', signer, ignoredPaths });
    const withCache = new Map([
      ...unpacked,
      [SIGNATURE_FILE, signature] as const,
      ['cache/run.sh', utf8('rm')] as const,
    ]);
    expect((await verifySignedFiles(withCache, { trust: trust(), at })).ok).toBe(true);
    const verdict = await verifyPackage(encodeArchive(withCache), { trust: trust(), at });
    expect([verdict.problems.map(({ code, file }) => [code, file]), verdict.files.size]).toEqual([
      [['package/file-unlisted', 'cache/run.sh']],
      0,
    ]);
    const below = new Map([...decodeArchive(archive), [`${SIGNATURE_FILE}/x`, utf8('')] as const]);
    expect(codesOf(await verifyPackage(encodeArchive(below), { trust: trust(), at }))).toEqual(['package/path']);
    const shouting = new Map([...decodeArchive(archive), ['MODEL.safetensors', utf8('')] as const]);
    expect(codesOf(await verifyPackage(encodeArchive(shouting), { trust: trust(), at }))).toEqual([
      'package/duplicate',
    ]);
  });

  it('refuse archives that leave the folder, link, repeat, hide or blow up', async () => {
    const codeOf = (bytes: Uint8Array): unknown => {
      try {
        decodeArchive(bytes, { maxFiles: 10, maxBytes: 1 << 20 });
        return 'accepted';
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };
    const rewrite = (change: (header: Uint8Array) => void): Uint8Array => {
      const bytes = encodeArchive(new Map([['a.txt', utf8('x')]]));
      change(bytes);
      return bytes;
    };
    for (const path of ['../a.txt', '/etc/x', 'a/../b', 'a\\b', 'a//b', './a']) {
      expect(codeOf(rewrite((header) => header.set(utf8(`${path}\0`), 0)))).toBe('package/path');
      expect(() => encodeArchive(new Map([[path, utf8('')]]))).toThrow(
        expect.objectContaining({ code: 'package/path' }) as Error,
      );
    }
    for (const type of ['1', '2', '3', '5', 'L', 'x', 'g']) {
      expect(codeOf(rewrite((header) => header.set(utf8(type), 156)))).toBe('package/not-a-file');
    }
    expect(codeOf(rewrite((header) => header.set(utf8('77777777777'), 124)))).toBe('package/malformed');
    const one = encodeArchive(new Map([['a.txt', utf8('x')]])).subarray(0, 1024);
    expect(codeOf(concatBytes(one, one, new Uint8Array(1024)))).toBe('package/duplicate');
    const many = new Map(Array.from({ length: 11 }, (_, i) => [`f${i}`, utf8('')] as const));
    expect(codeOf(encodeArchive(many))).toBe('package/too-large');
    expect(codeOf(encodeArchive(new Map([['a', new Uint8Array((1 << 20) + 1)]])))).toBe('package/too-large');
    for (const magic of ['1f8b0800', '504b0304', '28b52ffd', 'fd377a585a', '425a68']) {
      expect(codeOf(concatBytes(fromHex(magic), new Uint8Array(1024)))).toBe('package/compressed');
    }
    expect(codeOf(concatBytes(encodeArchive(new Map()), utf8('hidden')))).toBe('package/malformed');
  });

  it('are signed by a chain, which must lead to the root, be in time, be for code and hold nothing unknown', async () => {
    x509.cryptoProvider.set(crypto);
    const make = () => crypto.subtle.generateKey(EC, true, ['sign', 'verify']);
    const rootKeys = await make();
    const leafKeys = await make();
    const root = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=root',
      keys: rootKeys,
      signingAlgorithm: EC,
      notBefore: new Date('2025-01-01'),
      notAfter: new Date('2035-01-01'),
      extensions: [
        new x509.BasicConstraintsExtension(true, 1, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    const issue = async (more: readonly x509.Extension[], notAfter = '2030-01-01'): Promise<ModelSigner> => {
      const leaf = await x509.X509CertificateGenerator.create({
        subject: 'CN=signer',
        issuer: 'CN=root',
        publicKey: leafKeys.publicKey,
        signingKey: rootKeys.privateKey,
        signingAlgorithm: EC,
        notBefore: new Date('2025-01-01'),
        notAfter: new Date(notAfter),
        extensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true), ...more],
      });
      const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', leafKeys.privateKey));
      const spki = new Uint8Array(await crypto.subtle.exportKey('spki', leafKeys.publicKey));
      return createModelSigner(pkcs8, { spki, certificates: [new Uint8Array(leaf.rawData)] });
    };
    const code = new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.3']);
    const trusted: SignatureTrust[] = [{ kind: 'x509', roots: [new Uint8Array(root.rawData)] }];
    const verdictOf = async (own: ModelSigner, roots = trusted) =>
      verifyPackage(await createPackage(files, { facts, signer: own }), { trust: roots, at });
    expect(await verdictOf(await issue([code]))).toMatchObject({
      ok: true,
      signer: { kind: 'x509', name: 'CN=signer' },
    });
    expect(codesOf(await verdictOf(await issue([])))).toEqual(['package/certificate-usage']);
    // What a certificate is for may be critical: it is looked at.
    const critical = (purpose: string) => new x509.ExtendedKeyUsageExtension([purpose], true);
    expect((await verdictOf(await issue([critical('1.3.6.1.5.5.7.3.3')]))).ok).toBe(true);
    expect(codesOf(await verdictOf(await issue([critical('1.3.6.1.5.5.7.3.1')])))).toEqual([
      'package/certificate-usage',
    ]);
    expect(codesOf(await verdictOf(await issue([code], '2025-06-01')))).toEqual(['package/certificate-expired']);
    const unknown = new x509.Extension('1.2.3.4', true, new Uint8Array([5, 0]));
    expect(codesOf(await verdictOf(await issue([code, unknown])))).toEqual(['package/unknown-critical-extension']);
    const stranger = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=other',
      keys: await make(),
      signingAlgorithm: EC,
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    });
    const strange: SignatureTrust[] = [{ kind: 'x509', roots: [new Uint8Array(stranger.rawData)] }];
    expect(codesOf(await verdictOf(await issue([code]), strange))).toEqual(['package/untrusted-root']);
  });

  it('are sealed for recipients, hybrid ones too, and open for nobody else', async () => {
    for (const hybrid of [false, true]) {
      const mine = await createSealIdentity({ hybrid });
      const other = await createSealIdentity({ hybrid });
      expect(mine.recipient.startsWith(hybrid ? 'age1pq1' : 'age1')).toBe(true);
      const sealed = await sealFor(archive, { kind: 'recipients', recipients: [mine.recipient] });
      expect(await openSeal(sealed, { identities: [mine.identity] })).toEqual(archive);
      await expect(openSeal(sealed, { identities: [other.identity] })).rejects.toMatchObject({
        code: 'package/no-matching-identity',
      });
      const changed = sealed.slice();
      changed[sealed.length - 1] = (changed[sealed.length - 1] as number) ^ 1;
      await expect(openSeal(changed, { identities: [mine.identity] })).rejects.toMatchObject({
        code: 'package/seal-invalid',
      });
      await expect(
        openSeal(sealed.subarray(0, sealed.length - 20), { identities: [mine.identity] }),
      ).rejects.toMatchObject({
        code: 'package/seal-invalid',
      });
      expect(codesOf(await verifyPackage(sealed, { trust: trust(), at }))).toEqual(['package/sealed']);
    }
    const [plain, hybrid] = [await createSealIdentity({ hybrid: false }), await createSealIdentity({ hybrid: true })];
    await expect(
      sealFor(archive, { kind: 'recipients', recipients: [plain.recipient, hybrid.recipient] }),
    ).rejects.toThrow('post-quantum');
  });

  it('carry a card that says in capitals when there is no guarantee', () => {
    const card = {
      name: '<b>digits',
      accuracy: 0.9,
      parameters: 10,
      participants: 3,
      rounds: 2,
      trust: 'nobody',
      aggregation: 'secagg',
      privacy: { epsilon: 2, delta: 1e-5, privacyUnit: 'example', relation: 'add-or-remove-one', accountant: 'rdp' },
      seeded: false,
      modelDigest: 'ab',
    };
    expect(formatModelCard(card)).toContain('(ε, δ) = (2.000, 0.00001)');
    expect(formatModelCard(card)).not.toContain('# <b>');
    expect(formatModelCard({ ...card, seeded: true })).toContain('VOID');
    expect(formatModelCard({ ...card, privacy: null })).toContain('NOT PRIVATE');
  });

  it('writes public keys as PEM that reads back', () => {
    expect(decodePem(encodePublicKeyPem(signer.spki), 'PUBLIC KEY', 'key')[0]).toEqual(signer.spki);
    expect(encodeBase64(sha256(utf8('x')))).toHaveLength(44);
  });
});

describe('channels', () => {
  const keys = ['a', 'b', 'c', 'd'].map((name) => createSigningKey(sha256(utf8(name))));
  const pick = (...indices: number[]) => indices.map((i) => keys[i] as (typeof keys)[number]);
  const publicKeys = (...indices: number[]): string[] => pick(...indices).map(({ publicKey }) => toHex(publicKey));
  const bytes = utf8('package');
  const body = (version: number, more: Partial<ChannelBody> = {}): ChannelBody => ({
    channel: 'digits/stable',
    version,
    expiresAt: '2026-02-01T00:00:00Z',
    keys: { threshold: 2, publicKeys: publicKeys(0, 1, 2) },
    releases: [{ version: '1.0.0', sha256: toHex(sha256(bytes)), sizeBytes: bytes.length, path: 'digits-1.0.0.sotto' }],
    ...more,
  });
  const first: ChannelState = { channel: 'digits/stable', version: 0, digest: null, keys: body(1).keys };
  const codeOf = (file: Uint8Array, state = first, when = at): unknown => {
    try {
      openChannel(file, { state, at: when });
      return 'accepted';
    } catch (error) {
      return (error as { code?: string }).code;
    }
  };

  it('open with enough keys, and only once a key', () => {
    const file = signChannel(body(1), pick(0, 1));
    const { state, body: read } = openChannel(file, { state: first, at });
    expect([state.version, releaseOf(read, bytes).version]).toEqual([1, '1.0.0']);
    expect(() => releaseOf(read, utf8('other'))).toThrow('no release');
    expect(codeOf(signChannel(body(1), pick(0)))).toBe('package/threshold');
    expect(codeOf(signChannel(body(1), pick(0, 3)))).toBe('package/threshold');
    const twice = JSON.parse(new TextDecoder().decode(signChannel(body(1), pick(0)))) as { signatures: unknown[] };
    twice.signatures.push(twice.signatures[0]);
    expect(codeOf(utf8(JSON.stringify(twice)))).toBe('package/threshold');
    expect(codeOf(signChannel(body(1), pick(1), signChannel(body(1), pick(0))))).toBe('accepted');
  });

  it('refuse rollback, freeze, another channel and a changed byte', () => {
    const file = signChannel(body(4), pick(0, 1));
    expect(codeOf(file, { ...first, version: 5 })).toBe('package/rollback');
    expect(codeOf(file, first, new Date('2026-02-01T00:00:00Z'))).toBe('package/frozen');
    expect(codeOf(signChannel(body(4, { channel: 'digits/beta' }), pick(0, 1)))).toBe('package/wrong-channel');
    const text = new TextDecoder().decode(file);
    expect(codeOf(utf8(text.replace('1.0.0.sotto', '1.0.1.sotto')))).toBe('package/threshold');
    for (let i = 0; i < file.length; i += 7) {
      const mutated = file.slice();
      mutated[i] = (mutated[i] as number) ^ 4;
      expect(codeOf(mutated)).not.toBe('accepted');
    }
  });

  it('refuse a second file of one version, a version seen with another content, and a state that trusts nobody', () => {
    const { state } = openChannel(signChannel(body(4), pick(0, 1)), { state: first, at });
    expect(codeOf(signChannel(body(4), pick(1, 2)), state)).toBe('accepted');
    const other = body(4, { expiresAt: '2026-03-01T00:00:00Z' });
    expect(codeOf(signChannel(other, pick(0, 1)), state)).toBe('package/equivocation');
    for (const keys of [
      { threshold: 0, publicKeys: publicKeys(0) },
      { threshold: 1, publicKeys: [] },
      { threshold: 2, publicKeys: publicKeys(0) },
      { threshold: 2, publicKeys: publicKeys(0, 0) },
    ]) {
      expect(() => parseChannelState({ ...first, keys })).toThrow(/not the state of a channel/);
      expect(codeOf(signChannel(body(1), pick(0, 1)), { ...first, keys })).toBe('package/channel-malformed');
    }
    for (const value of [undefined, null, {}, { ...first, version: -1 }, { ...first, more: 1 }]) {
      expect(() => parseChannelState(value)).toThrow(/not the state of a channel/);
    }
    expect(readChannel(signChannel(body(4), pick(0, 1))).signedBy).toEqual(publicKeys(0, 1));
  });

  it('name releases that stay inside, each version once, and give out the newest unless another is asked for', () => {
    const release = body(1).releases[0] as ChannelBody['releases'][number];
    for (const path of ['../x', '/etc/x', 'a/../b', 'c:\\x', 'https://x/y', '']) {
      expect(() => signChannel(body(1, { releases: [{ ...release, path }] }), pick(0, 1))).toThrow();
    }
    expect(() => signChannel(body(1, { releases: [release, release] }), pick(0, 1))).toThrow();
    const newer = utf8('newer package');
    const next = {
      version: '1.1.0',
      sha256: toHex(sha256(newer)),
      sizeBytes: newer.length,
      path: 'digits-1.1.0.sotto',
    };
    const two = body(2, { releases: [release, next] });
    expect(releaseOf(two, newer).version).toBe('1.1.0');
    expect(() => releaseOf(two, bytes)).toThrow(expect.objectContaining({ code: 'package/rollback' }) as Error);
    expect(releaseOf(two, bytes, { version: '1.0.0' }).version).toBe('1.0.0');
    expect(() => releaseOf(two, newer, { version: '1.0.0' })).toThrow(/asked for was 1\.0\.0/);
  });

  it('are followed over key changes that were missed, each by the keys before it', () => {
    const ring = (version: number, ...owners: number[]) =>
      body(version, { keys: { threshold: 2, publicKeys: publicKeys(...owners) } });
    const v2 = signChannel({ ...ring(2, 1, 2, 3), expiresAt: '2025-12-01T00:00:00Z' }, pick(1, 2));
    const v3 = signChannel(ring(3, 2, 3), pick(2, 3));
    expect(codeOf(signChannel(ring(4, 3, 2), pick(3)))).toBe('package/threshold');
    // Whoever was away for both changes is given the versions between; only the last one must be in time.
    const lastAt = at;
    expect(() => openChannel(v3, { state: first, at: lastAt })).toThrow(/trusted signatures/);
    expect(followChannel([v2, v3], { state: first, at: lastAt }).state.version).toBe(3);
    expect(() => followChannel([v3, v2], { state: first, at: lastAt })).toThrow();
    expect(() => followChannel([v2], { state: first, at: lastAt })).toThrow(
      expect.objectContaining({ code: 'package/frozen' }) as Error,
    );
    expect(() => followChannel([], { state: first, at: lastAt })).toThrow(/no file/);
  });

  it('take new keys from the old ones alone', () => {
    const rotated = body(2, { keys: { threshold: 2, publicKeys: publicKeys(1, 2, 3) } });
    expect(codeOf(signChannel(rotated, pick(2, 3)))).toBe('package/threshold');
    expect(codeOf(signChannel(rotated, pick(0, 3)))).toBe('package/threshold');
    const { state } = openChannel(signChannel(rotated, pick(1, 2)), { state: first, at });
    expect(codeOf(signChannel(body(3), pick(0, 1)), state)).toBe('package/threshold');
    expect(codeOf(signChannel({ ...rotated, version: 3 }, pick(2, 3)), state)).toBe('accepted');
  });
});
