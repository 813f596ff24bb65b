export {
  countTraffic,
  createLocalNetwork,
  createMailbox,
  type Mailbox,
  type PartyChannel,
  runEndpoints,
  type Traffic,
} from './channel.ts';
export { type Contribution, type SumOf, type Table } from './contribution.ts';
export { MpcError, type MpcErrorCode } from './errors.ts';
export { sealChannel, type SealedChannelOptions } from './sealed-channel.ts';
export { joinSecureSum, secureSum, type SecureSumOptions, type SecureSumResult } from './secure-sum.ts';
export { type Plain, Shared } from './shared.ts';
export { type SumNoise } from './sum-noise.ts';
export {
  type AggregationServer,
  assertShareSigned,
  createAggregationServer,
  joinServerSums,
  type SharedRound,
  type ShareLabel,
  splitForServers,
} from './aggregation-servers.ts';
export { type Opening, type SessionCost } from './context.ts';
export { connectDealer, type DealerPreprocessing, runDealer } from './dealer.ts';
export { runLocalSession } from './local-session.ts';
export { type ConvolutionShape, type Preprocessing, type PreprocessingRequest } from './preprocessing.ts';
export { createMpcSession, type MpcSession, type MpcSessionOptions } from './session.ts';
export {
  loadSecureModel,
  type SecureLayer,
  type SecureModel,
  type SecurePrediction,
  type SecureWeights,
} from './inference.ts';
export { createPollingChannel, createSequences, type HttpRequest, messagePath } from './http-channel.ts';
export { Authenticated, type AuthenticatedSession, createAuthenticatedSession } from './authenticated.ts';
export { MAC_BITS } from './wide-words.ts';
export { type IntersectionOptions, type IntersectionResult, intersectionCardinality } from './set-intersection.ts';
export {
  computeHistogram,
  computeLinearRegression,
  computeMoments,
  type StatisticsOptions,
  type StatisticsResult,
} from './statistics.ts';
export { createBfvPreprocessing } from './bfv-triples.ts';
