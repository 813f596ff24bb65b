export { HomomorphicError, type HomomorphicErrorCode } from './errors.ts';
export {
  addCiphertexts,
  addPlainResidue,
  centre,
  createObfuscator,
  decryptResidue,
  encryptResidue,
  multiplyPlainResidue,
  type Obfuscator,
  rerandomize,
} from './paillier/cipher.ts';
export {
  createPaillier,
  type PaillierContext,
  type PaillierOptions,
  type PaillierTypes,
  type PaillierVector,
} from './paillier/context.ts';
export {
  createPaillierPublicKey,
  createPaillierSecretKey,
  decodePaillierPublicKey,
  decodePaillierSecretKey,
  encodePaillierPublicKey,
  encodePaillierSecretKey,
  generatePaillierKeys,
  type PaillierKeyBits,
  type PaillierPublicKey,
  type PaillierSecretKey,
} from './paillier/keys.ts';
export {
  createPaillierJobRunner,
  createPaillierPool,
  type PaillierJob,
  type PaillierPool,
  type PaillierWorker,
} from './paillier/pool.ts';
export {
  dealPaillierKey,
  decryptPartially,
  joinPartialDecryptions,
  type PaillierKeyShare,
  type PartialDecryption,
} from './paillier/threshold.ts';
export type {
  AdditiveContext,
  EncryptedVector,
  KeyPair,
  PlainArithmetic,
  SchemeName,
  SchemeTypes,
  SealScheme,
  ThresholdKeys,
  WorkOptions,
} from './scheme.ts';
export { loadSeal, loadSealFrom, type SealLibrary } from './seal/library.ts';
export { type SealKeyBytes, type SealVector } from './seal/ring.ts';
export type {
  BfvContext,
  BfvTypes,
  BgvContext,
  BgvTypes,
  CkksContext,
  CkksTypes,
  SealSumOptions,
} from './seal/sum-types.ts';
export { createBfv, createBgv, createCkks } from './seal/sums.ts';
export { evaluateActivation, fitActivation, type PolynomialActivation } from './seal/activation.ts';
export {
  type CkksComputeOptions,
  createCkksCompute,
  type EvaluationKeys,
  type RotatingContext,
} from './seal/compute.ts';
export {
  createEncryptedInference,
  type EncryptedInference,
  type EncryptedModel,
  type EncryptedModelShape,
  evaluateInClear,
  type InferenceKeys,
} from './seal/inference.ts';
export { type DenseWeights } from './seal/layers.ts';
export {
  contributeEncrypted,
  createEncryptedAggregator,
  createKeyHolder,
  createOpenedRounds,
  type EncryptedAggregator,
  type EncryptedRound,
  type KeyHolder,
  type OpenedRounds,
  type SignedCiphertext,
  type SignerRoster,
} from './aggregation.ts';
export { type BfvProducts, createBfvProducts } from './seal/products.ts';
