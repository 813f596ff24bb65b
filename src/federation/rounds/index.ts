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
export { type ModelFacts, type PlannedNoise, planTask, type TaskPlan } from './plan.ts';
export { privacySchema, type PrivacySettings, roundsSchema, type RoundsSettings, type RoundsTask } from './task.ts';
