export {
  assertInteger,
  assertNever,
  assertNonNegative,
  assertPositive,
  assertProbability,
  SottoError,
  type SottoErrorOptions,
} from './errors.ts';
