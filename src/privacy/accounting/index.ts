export { type Accountant, type AccountantName, type Interval } from './accountant.ts';
export {
  calibrateCount,
  calibrateNoiseMultiplier,
  calibrateParameter,
  type CalibrationAccountant,
  type CalibrationTarget,
  type ParameterSearch,
} from './calibrate.ts';
export { createAccountant } from './create-accountant.ts';
export { AccountingError, type AccountingErrorCode } from './errors.ts';
export {
  bandedMatrixFactorization,
  composed,
  discreteGaussian,
  discreteLaplace,
  distributedDiscreteGaussian,
  epsilonDelta,
  exponential,
  fixedOrderEpoch,
  gaussian,
  laplace,
  matrixFactorization,
  mixtureOfGaussians,
  nonPrivate,
  noOp,
  permuteAndFlip,
  poissonSampled,
  randomizedResponse,
  repeatAndSelect,
  roundedDiscreteGaussian,
  roundedSkellam,
  sampledWithoutReplacement,
  selfComposed,
  shuffledReports,
  skellam,
  treeAggregation,
  truncatedPoissonGaussian,
  unsupported,
  zeroConcentrated,
} from './events/constructors.ts';
export { type DpEvent, type DpEventKind, type EventOf, type NeighboringRelation } from './events/event.ts';
export { encodeEvent, eventFromJson, eventToJson, type Json } from './events/json.ts';
export { isEvent } from './events/schema.ts';
export {
  type AccountTermsInput,
  createLedger,
  type Ledger,
  type LedgerOptions,
  openLedger,
  type Reservation,
  type ReserveRequest,
} from './ledger/ledger.ts';
export {
  type AccountTerms,
  type Budget,
  type LedgerEntry,
  type LedgerHead,
  type LedgerRecord,
} from './ledger/record.ts';
export { type LedgerReport, verifyLedger } from './ledger/report.ts';
export { type LedgerCharge, type ReservationStatus } from './ledger/state.ts';
export {
  createMemoryLedgerStore,
  decodeLedgerLines,
  encodeLedgerLine,
  ledgerConflict,
  type LedgerStore,
} from './ledger/store.ts';
export {
  createPldAccountant,
  type PldAccountant,
  type PldAccountantOptions,
  type PldTolerance,
} from './pld/pld-accountant.ts';
export { createRdpAccountant, type RdpAccountant, type RdpAccountantOptions } from './rdp/rdp-accountant.ts';
export { DEFAULT_ORDERS, INTEGER_ORDERS } from './rdp/orders.ts';
export { parseRelation, RELATIONS, sensitivityFactor } from './relation.ts';
export { computeConditionalRoundingNorm, computeLatticeL1Norm, computeRoundedSumSensitivity } from './rounding.ts';
export {
  computeRenyiAllowance,
  createPrivacyFilter,
  type FilterOptions,
  type PrivacyFilter,
} from './adaptive/filter.ts';
export { createPrivacyOdometer, type PrivacyOdometer } from './adaptive/odometer.ts';
export { calibrateAnalyticGaussian, computeGaussianDelta, computeGaussianEpsilon } from './analytic-gaussian.ts';
export {
  type AuditOptions,
  computeOneRunEpsilon,
  computeOneRunGaussianEpsilon,
  computeOneRunPValue,
  type OneRunOutcome,
} from './audit/one-run.ts';
export {
  type CanaryScores,
  computeAttackAccuracy,
  computeAttackAuroc,
  computeScoresEpsilon,
  computeTprAtFpr,
  estimateEpsilonFromCounts,
} from './audit/scores.ts';
export {
  calibrateDistributedNoise,
  type DistributedNoiseParameters,
  type DistributedNoiseQuestion,
} from './calibrate-distributed.ts';
export { type Concentration, createZcdpAccountant, type ZcdpAccountant } from './concentrated/zcdp-accountant.ts';
export {
  computeCyclicEpsilon,
  computeFixedOrderGap,
  computeShuffledEpsilonLowerBound,
  type Epoch,
  type FixedOrderGap,
} from './fixed-order.ts';
export { createGdpAccountant, type GdpAccountant } from './gaussian-dp/gdp-accountant.ts';
export {
  computeShuffleClosedForm,
  computeShuffleDelta,
  computeShuffleEpsilon,
  type ShuffledReports,
} from './pld/shuffle.ts';
export { type SolvedEpsilon } from './pld/solve.ts';
export { computeGeneralSampledRdp, computeSymmetricSampledRdp, type RdpAtInteger } from './rdp/amplification.ts';
export { computeLaplaceRdp } from './rdp/closed-forms.ts';
export { computeClassicEpsilon, convertToDelta, convertToEpsilon, type ConvertedBound } from './rdp/conversion.ts';
export { computeTau } from './rdp/distributed-noise.ts';
export { computeSampledGaussianRdp, type SampledGaussian } from './rdp/sampled-gaussian.ts';
export { computePrivacyCurve, computeTradeOff, type PrivacyPoint, type TradeOffPoint } from './trade-off.ts';
