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
export { createPldAccountant, type PldAccountantOptions, type PldTolerance } from './pld/pld-accountant.ts';
export { createRdpAccountant, type RdpAccountant, type RdpAccountantOptions } from './rdp/rdp-accountant.ts';
export { DEFAULT_ORDERS, INTEGER_ORDERS } from './rdp/orders.ts';
export { parseRelation, RELATIONS, sensitivityFactor } from './relation.ts';
export { computeConditionalRoundingNorm, computeLatticeL1Norm, computeRoundedSumSensitivity } from './rounding.ts';
