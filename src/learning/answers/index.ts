export { AnswersError, type AnswersErrorCode } from './errors.ts';
export {
  type CalibrationBin,
  type ClassificationMetrics,
  type ClassMetrics,
  type FairnessGaps,
  type GroupMetrics,
} from './evaluation/classification.ts';
export { type Estimate, type NoisyCounts } from './evaluation/estimates.ts';
export { computeExactClassification, computeExactRegression } from './evaluation/exact.ts';
export {
  evaluateFederated,
  type FederatedEvaluationOptions,
  type FederatedEvaluationPlan,
  joinFederatedEvaluation,
  planFederatedEvaluation,
} from './evaluation/federated.ts';
export { type RegressionFigures, type RegressionMetrics } from './evaluation/regression.ts';
export {
  computeMetrics,
  createTallyNoise,
  evaluatePrivately,
  type EvaluationMetrics,
  type PrivateEvaluationTarget,
  type TallyNoise,
} from './evaluation/release.ts';
export { openRepeatedLooks, type RepeatedLooks } from './evaluation/repeated-looks.ts';
export {
  argmax,
  type ClassificationLayout,
  computeAuc,
  computeTally,
  type Predictions,
  type RegressionLayout,
  type TallyLayout,
} from './evaluation/tally.ts';
export {
  describeProtection,
  type EvaluationReport,
  formatShare,
  type Protection,
  renderEvaluationPage,
  summaryRows,
} from './report/evaluation-page.ts';
export { createSvgDocument, escapeHtml } from './report/svg-document.ts';
export {
  type AnswerDesk,
  type AnswerMode,
  type AuditLine,
  countsToQuota,
  createAnswerDesk,
  type DeskLimits,
  type LimitedAnswer,
  limitScores,
  MODE_PROMISES,
  obfuscateScores,
} from './prediction/answer-desk.ts';
export { createRidgeTeacher, type RidgeTeacher } from './prediction/ridge-teacher.ts';
export { type PublicationOptions, type PublishedCost } from './prediction/vote-publication.ts';
export {
  createPrivateVotes,
  type PrivateVotes,
  type PrivateVotesOptions,
  type VoteAnswer,
  type VoteEntry,
} from './prediction/private-votes.ts';
