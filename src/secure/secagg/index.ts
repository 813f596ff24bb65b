export {
  createSecAggAggregator,
  restoreSecAggAggregator,
  type SecAggAggregator,
  type SecAggAggregatorOptions,
  type SecAggStep,
} from './aggregator.ts';
export { SECAGG_VERSION, type SecAggConfig, type SecAggGraph, type SecAggNoise } from './config.ts';
export type { SecAggResult } from './disclosure.ts';
export { describeEstimate, dryRun, type DryRunOptions, type PartyEstimate, type SecAggEstimate } from './dry-run.ts';
export { createDistributedEncoder, type DistributedEncoder } from './encoder.ts';
export { planDistributedNoise, type DistributedNoiseOptions, type DistributedNoisePlan } from './distributed-plan.ts';
export { SecAggError, type SecAggErrorCode } from './errors.ts';
export { issueCertificate, type SecAggAdmission, type SecAggIdentity } from './identity.ts';
export { createMaskPool, type MaskPool } from './mask-pool.ts';
export type { MaskExpander } from './masking.ts';
export {
  createSecAggParticipant,
  type SecAggParticipant,
  type SecAggParticipantCosts,
  type SecAggParticipantOptions,
} from './participant.ts';
export {
  assertGraphParameters,
  findGraphParameters,
  type GraphParameters,
  type GraphRequirements,
} from './parameters.ts';
export { describeAdversary, type SecAggPolicy } from './policy.ts';
export { createSecAggMemory, type SecAggMemory, type SecAggProgress } from './progress.ts';
export { createSecAggSetup, restoreSecAggSetup, type SecAggSetup } from './setup.ts';
export { SECAGG_STAGES, type SecAggStage } from './stages.ts';
export {
  secureSum,
  type MaskedSumOf,
  type MaskedSumOptions,
  type MaskedSumResult,
  type SumContribution,
} from './secure-sum.ts';
export {
  combineGroupSums,
  splitCohort,
  type CombinationRule,
  type GroupSum,
  type SubCohortPlan,
} from './sub-cohorts.ts';
