import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import {
  concatBytes,
  createAgreementKey,
  createKemKey,
  encapsulateKem,
  KEM_CIPHERTEXT_BYTES,
  KEM_PUBLIC_KEY_BYTES,
  createNobleProvider,
  createSigningKey,
  cryptoProvider,
  equalBytes,
  fromHex,
  hkdfExpand,
  hkdfExtract,
  hkdfSha256,
  openSealed,
  seal,
  sha256,
  toHex,
  utf8,
  verifySignature,
  withCryptoProvider,
} from './index.ts';

function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../test/vectors/secagg/${name}.json`, import.meta.url), 'utf8')) as T;
}

const x25519 = load<{
  scalarMultiplication: { scalar: string; u: string; result: string }[];
  iterated: { after1: string; after1000: string };
  diffieHellman: { alicePrivate: string; alicePublic: string; bobPrivate: string; bobPublic: string; shared: string };
  lowOrderPoints: { u: string[] };
}>('x25519');
const ed25519 = load<{
  cases: { source: string; secretKey: string; publicKey: string; message: string; signature: string }[];
  mustBeRefused: { why: string; publicKey: string; message: string; signature: string }[];
}>('ed25519');
const gcm = load<{
  cases: { source: string; key: string; iv: string; plaintext: string; aad: string; ciphertext: string; tag: string }[];
  mustBeRefused: { why: string; key: string; iv: string; aad: string; ciphertext: string; tag: string }[];
}>('aes-256-gcm');
const hkdf = load<{
  cases: { source: string; ikm: string; salt: string; info: string; length: number; prk: string; okm: string }[];
}>('hkdf-sha256');

const providers = [cryptoProvider(), createNobleProvider()];

it('uses OpenSSL in Node', () => {
  expect(cryptoProvider().name).toBe('node');
});

describe.each(providers)('primitives of the $name provider', (provider) => {
  const run = <T>(body: () => T): T => withCryptoProvider(provider, body);

  it.each(x25519.scalarMultiplication)('multiplies on Curve25519', ({ scalar, u, result }) => {
    expect(run(() => toHex(createAgreementKey(fromHex(scalar)).agree(fromHex(u))))).toBe(result);
  });

  it('iterates X25519 as RFC 7748 §5.2', () => {
    const rounds = provider.name === 'node' ? 1000 : 1;
    let k = fromHex(`09${'00'.repeat(31)}`);
    let u = k;
    for (let i = 0; i < rounds; i += 1) [k, u] = [run(() => createAgreementKey(k).agree(u)), k];
    expect(toHex(k)).toBe(rounds === 1 ? x25519.iterated.after1 : x25519.iterated.after1000);
  });

  it('agrees on the Diffie–Hellman secret of RFC 7748 §6.1', () => {
    const { alicePrivate, alicePublic, bobPrivate, bobPublic, shared } = x25519.diffieHellman;
    run(() => {
      const alice = createAgreementKey(fromHex(alicePrivate));
      const bob = createAgreementKey(fromHex(bobPrivate));
      expect(toHex(alice.publicKey)).toBe(alicePublic);
      expect(toHex(bob.publicKey)).toBe(bobPublic);
      expect(toHex(alice.agree(bob.publicKey))).toBe(shared);
      expect(toHex(bob.agree(alice.publicKey))).toBe(shared);
    });
  });

  it.each(x25519.lowOrderPoints.u)('refuses the low-order point %s', (u) => {
    run(() => {
      const key = createAgreementKey(fromHex(x25519.diffieHellman.alicePrivate));
      expect(() => key.agree(fromHex(u))).toThrow(expect.objectContaining({ code: 'crypto/invalid-public-key' }));
      expect(() => key.agree(new Uint8Array(31))).toThrow(
        expect.objectContaining({ code: 'crypto/invalid-public-key' }),
      );
    });
  });

  it.each(ed25519.cases)('signs and verifies $source', ({ secretKey, publicKey, message, signature }) => {
    run(() => {
      const key = createSigningKey(fromHex(secretKey));
      expect(toHex(key.publicKey)).toBe(publicKey);
      expect(toHex(key.sign(fromHex(message)))).toBe(signature);
      expect(verifySignature(key.publicKey, fromHex(message), fromHex(signature))).toBe(true);
    });
  });

  it.each(ed25519.mustBeRefused)('refuses a signature: $why', ({ publicKey, message, signature }) => {
    expect(run(() => verifySignature(fromHex(publicKey), fromHex(message), fromHex(signature)))).toBe(false);
  });

  it.each(gcm.cases)('seals and opens $source', ({ key, iv, plaintext, aad, ciphertext, tag }) => {
    run(() => {
      const options = { key: fromHex(key), nonce: fromHex(iv), associatedData: fromHex(aad) };
      expect(toHex(seal(fromHex(plaintext), options))).toBe(ciphertext + tag);
      expect(toHex(openSealed(fromHex(ciphertext + tag), options))).toBe(plaintext);
    });
  });

  it.each(gcm.mustBeRefused)('refuses a sealed message: $why', ({ key, iv, aad, ciphertext, tag }) => {
    run(() => {
      const options = { key: fromHex(key), nonce: fromHex(iv), associatedData: fromHex(aad) };
      expect(() => openSealed(fromHex(ciphertext + tag), options)).toThrow(
        expect.objectContaining({ code: 'crypto/authentication-failed' }),
      );
      expect(() => openSealed(new Uint8Array(15), options)).toThrow(
        expect.objectContaining({ code: 'crypto/authentication-failed' }),
      );
    });
  });

  it('hashes the parts as one message', () => {
    // sha256('abc'), FIPS 180-4
    const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    run(() => {
      expect(toHex(sha256(utf8('abc')))).toBe(digest);
      expect(toHex(sha256(utf8('a'), new Uint8Array(0), utf8('bc')))).toBe(digest);
    });
  });
});

it.each(hkdf.cases)('derives $source', ({ ikm, salt, info, length, prk, okm }) => {
  expect(toHex(hkdfExtract(fromHex(ikm), fromHex(salt)))).toBe(prk);
  expect(toHex(hkdfExpand(fromHex(prk), fromHex(info), length))).toBe(okm);
  expect(toHex(hkdfSha256(fromHex(ikm), { salt: fromHex(salt), info: fromHex(info), sizeBytes: length }))).toBe(okm);
});

it('compares, joins and prints bytes', () => {
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
  expect(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(false);
  expect([...concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3))]).toEqual([1, 2, 3]);
  expect(() => fromHex('0g')).toThrow(RangeError);
  expect(() => createSigningKey(new Uint8Array(31))).toThrow(/32 bytes/);
});

describe('ML-KEM-768', () => {
  const seed = Uint8Array.from({ length: 64 }, (_, i) => i);
  const coins = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);

  it('agrees on one secret, the same for the same seed and coins', () => {
    const key = createKemKey(seed);
    const { ciphertext, secret } = encapsulateKem(key.publicKey, coins);
    expect(key.publicKey.length).toBe(KEM_PUBLIC_KEY_BYTES);
    expect(ciphertext.length).toBe(KEM_CIPHERTEXT_BYTES);
    expect(key.decapsulate(ciphertext)).toEqual(secret);
    expect(encapsulateKem(createKemKey(seed).publicKey, coins)).toEqual({ ciphertext, secret });
  });

  it('gives another secret for an altered ciphertext, and refuses malformed keys', () => {
    const key = createKemKey(seed);
    const { ciphertext, secret } = encapsulateKem(key.publicKey, coins);
    const altered = ciphertext.slice();
    altered[7] = (altered[7] as number) ^ 1;
    expect(key.decapsulate(altered)).not.toEqual(secret);
    const refused = expect.objectContaining({ code: 'crypto/invalid-public-key' });
    expect(() => encapsulateKem(key.publicKey.subarray(1), coins)).toThrow(refused);
    expect(() => encapsulateKem(new Uint8Array(KEM_PUBLIC_KEY_BYTES).fill(255), coins)).toThrow(refused);
    expect(() => key.decapsulate(ciphertext.subarray(1))).toThrow(refused);
  });
});
