export { clopperPearsonUpper, logBinomialProbability, logBinomialUpperTail, type Trials } from './binomial.ts';
export { type Enclosure, encloseExpNeg, encloseNegLog } from './enclosure.ts';
export {
  assertInteger,
  assertNever,
  assertNonNegative,
  assertPositive,
  assertProbability,
  SottoError,
  type SottoErrorOptions,
} from './errors.ts';
export { logBinomial, logFactorial, logGamma } from './gamma.ts';
export { log1mExp, log1pExp, logAddExp, logExpm1, logSubExp, logSumExp } from './log-space.ts';
export {
  addRational,
  compareRational,
  divideRational,
  floorRational,
  isqrt,
  multiplyRational,
  type Rational,
  type RationalLike,
  rationalToNumber,
  reduceRational,
  roundRational,
  splitDouble,
  toPositiveRational,
  toRational,
} from './rational.ts';
export { type Bracket, findFirstInteger, narrowBracket } from './roots.ts';
export { createGaussLegendre, type QuadratureRule } from './gauss-legendre.ts';
export { createRealFft, FFT_ERROR_PER_LEVEL, type RealFft, type Spectrum } from './fft.ts';
export { erfc, erfcx, logErfc, logNormalCdf, normalCdf, normalQuantile, normalQuantileFromLog } from './normal.ts';
export { computeSymmetricEigen, type SymmetricEigen } from './symmetric.ts';
