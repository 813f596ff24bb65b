/**
 * Tries the primitives that a process offers before they are used. Some that look like Node are built on another library
 * than OpenSSL (Electron: on BoringSSL), where an algorithm may be missing, or bad input is taken where it must be refused.
 *
 * @module
 */

import { equalBytes, fromHex, utf8 } from './bytes.ts';
import type { CryptoProvider } from './provider.ts';

/** [RFC7748] §6.1. */
const AGREEMENT = {
  alicePrivate: '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
  alicePublic: '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
  bobPublic: 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
  shared: '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
  /** Of small order: agreeing with it must fail. */
  neutral: '0000000000000000000000000000000000000000000000000000000000000000',
};
/** [RFC8032] §7.1, test 2. */
const SIGNATURE = {
  seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
  publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  message: '72',
  signature:
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
    '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
};
/** McGrew and Viega's submission to NIST, test case 14: key, nonce and plaintext of zeros. */
const SEALED = 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919';
/** [FIPS180-4], "abc". */
const HASHED = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

/** Tells whether every primitive gives its known answer and refuses what it must refuse; never throws. */
export function passesSelfTest(provider: CryptoProvider): boolean {
  const is = (bytes: Uint8Array | undefined, hex: string): boolean =>
    bytes !== undefined && equalBytes(bytes, fromHex(hex));
  try {
    const alice = provider.importAgreementKey(fromHex(AGREEMENT.alicePrivate));
    const signer = provider.importSigningKey(fromHex(SIGNATURE.seed));
    const [publicKey, message, signature] = [SIGNATURE.publicKey, SIGNATURE.message, SIGNATURE.signature].map(fromHex);
    if (publicKey === undefined || message === undefined || signature === undefined) return false;
    const forged = signature.slice();
    forged[0] = (forged[0] as number) ^ 1;
    const [key, nonce, plain, none] = [32, 12, 16, 0].map((size) => new Uint8Array(size)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const broken = fromHex(SEALED);
    broken[0] = (broken[0] as number) ^ 1;
    return (
      is(alice.publicKey, AGREEMENT.alicePublic) &&
      is(alice.agree(fromHex(AGREEMENT.bobPublic)), AGREEMENT.shared) &&
      alice.agree(fromHex(AGREEMENT.neutral)) === undefined &&
      is(signer.publicKey, SIGNATURE.publicKey) &&
      is(signer.sign(message), SIGNATURE.signature) &&
      provider.verify(publicKey, message, signature) &&
      !provider.verify(publicKey, message, forged) &&
      is(provider.seal(key, nonce, plain, none), SEALED) &&
      is(provider.open(key, nonce, fromHex(SEALED), none), '00'.repeat(16)) &&
      provider.open(key, nonce, broken, none) === undefined &&
      is(provider.sha256(utf8('a'), utf8('bc')), HASHED)
    );
  } catch {
    return false;
  }
}
