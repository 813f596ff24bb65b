export { findCohortProblem } from './aggregator.ts';
export {
  assertAssistantsPinned,
  type Assistance,
  type AssistantKeys,
  encryptedSumOf,
  prepareAssistance,
  sharedSumOf,
} from './assistance.ts';
export { ASSISTANTS_STAGE } from './assisted.ts';
export type { ChannelSecurity } from './contribution-channel.ts';
export {
  type CoordinatorRound,
  createCoordinatorRound,
  type RoundEffect,
  type RoundOptions,
  type RoundResult,
} from './coordinator-round.ts';
export { RoundsError, type RoundsErrorCode } from './errors.ts';
export {
  createParticipantRounds,
  type ParticipantEffect,
  type ParticipantOptions,
  type ParticipantRounds,
} from './participant-round.ts';
export {
  addCoordinatorNoiseInto,
  type ContributionEncoder,
  createContributionEncoder,
} from './contribution-encoder.ts';
export { choosesCohorts, countsMemberships, createParticipations, type Participations } from './participation.ts';
export { planTask } from './plan.ts';
export type { ModelFacts, PlannedAggregation, PlannedNoise, TaskPlan, UpdatePlan } from './plan-types.ts';
export {
  findRoundsProblems,
  privacySchema,
  type PrivacySettings,
  type RoundsProblem,
  roundsSchema,
  type RoundsSettings,
  type RoundsTask,
} from './task.ts';
