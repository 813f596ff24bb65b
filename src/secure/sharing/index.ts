export {
  addShareInto,
  additiveSplitBytes,
  joinAdditive,
  joinAdditiveField,
  SHARE_SEED_BYTES,
  splitAdditive,
  splitAdditiveField,
  type AdditiveShare,
} from './additive.ts';
export { SharingError, type SharingErrorCode } from './errors.ts';
export { createFixedPoint, type FixedPoint, type FixedPointOptions } from './fixed-point.ts';
export { createPrimeField, FIELD_25519, type PrimeField } from './field.ts';
export { addReplicated, joinReplicated, splitReplicated, type ReplicatedShare } from './replicated.ts';
export {
  createSecretJoiner,
  joinSecret,
  lagrangeAtZero,
  splitSecret,
  splitWithCoefficients,
  type Coordinate,
  type SecretJoiner,
  type Share,
  type SplitOptions,
} from './shamir.ts';
