export { createAgreementKey, type AgreementKey } from './agreement.ts';
export { assertBytes, concatBytes, equalBytes, fromHex, toHex, utf8 } from './bytes.ts';
export { CryptoError, type CryptoErrorCode } from './errors.ts';
export { hkdfExpand, hkdfExtract, hkdfSha256, hmacSha256, sha256 } from './hash.ts';
export { createKemKey, encapsulateKem, KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_KEY_BYTES, type KemKey } from './kem.ts';
export { createNobleProvider } from './noble-provider.ts';
export { cryptoProvider, withCryptoProvider, type CryptoProvider } from './provider.ts';
export { openSealed, seal, SEAL_OVERHEAD_BYTES, type SealOptions } from './sealing.ts';
export { createSigningKey, verifySignature, type SigningKey } from './signatures.ts';
