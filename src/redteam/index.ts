export {
  type AttackCounts,
  type AttackRates,
  type AttackScores,
  boundTpr,
  clopperPearson,
  computeEpsilonFromRates,
  LOW_FPRS,
  measureAttack,
  type Rate,
  type RatesAtThreshold,
  type RocPoint,
} from './attack-rates.ts';
export { RedteamError, type RedteamErrorCode } from './errors.ts';
export { type ExampleCanaries, type ExampleCanaryKind, plantExampleCanaries } from './example-canaries.ts';
export { type Answers, computeExampleEntropies, computeExampleLosses, confidencesOf } from './example-scores.ts';
export { type GradientCanaries, type GradientCanaryOptions, plantGradientCanaries } from './gradient-canaries.ts';
export {
  computeLikeness,
  findFirstLayer,
  type FirstLayer,
  type InversionOutcome,
  invertFirstLayer,
  measureInversion,
  RECOVERED,
} from './inversion.ts';
export { type MaskedSight, testUniformity, type Uniformity, watchMaskedRound } from './masked-sight.ts';
export {
  attackByCalibration,
  attackByThreshold,
  calibrateScores,
  drawShadow,
  type MembershipAttack,
  type MembershipData,
  type Shadow,
} from './membership.ts';
export {
  auditOneRun,
  type GuessCounts,
  type GuessOutcome,
  guessPlan,
  type OneRunAudit,
  tossCoins,
} from './one-run-audit.ts';
export { type RedteamReport, renderRedteamPage, type ReportFigure } from './report-page.ts';
