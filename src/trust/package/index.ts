/**
 * Model packages: signed the OpenSSF way, sealed with age, kept current by a channel that cannot be turned back.
 *
 * @module
 */

export { type ArchiveLimits, decodeArchive, DEFAULT_LIMITS, encodeArchive, type PackageFiles } from './archive.ts';
export { parseBundle, type SignatureBundle } from './bundle.ts';
export {
  type ChannelBody,
  type ChannelState,
  followChannel,
  openChannel,
  parseChannelState,
  readChannel,
  releaseOf,
  signChannel,
} from './channel.ts';
export { PackageError, type PackageErrorCode, type PackageProblem, problemOf } from './errors.ts';
export { createModelSigner, decodePem, encodePublicKeyPem, keyHint, type ModelSigner } from './keys.ts';
export { type KeylessTrust } from './keyless.ts';
export { createPackage, MANIFEST_FILE, MODEL_FILE, type PackageFacts, type PackageManifest } from './manifest.ts';
export { formatModelCard, type ModelCardFacts } from './model-card.ts';
export { createSealIdentity, isSealed, openSeal, type SealFor, sealFor } from './seal.ts';
export { SIGNATURE_FILE, signFiles } from './sign.ts';
export { type PackageVerdict, verifyPackage, type VerifyOptions, verifySignedFiles } from './verify.ts';
export { type SignatureTrust, type Signer } from './verify-signature.ts';
