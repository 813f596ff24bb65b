export { SharingError, type SharingErrorCode } from './errors.ts';
export { createPrimeField, FIELD_25519, type PrimeField } from './field.ts';
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
