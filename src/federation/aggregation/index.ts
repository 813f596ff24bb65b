export { computeStalenessWeight } from './buffered.ts';
export { AggregationError, type AggregationErrorCode } from './errors.ts';
export {
  type ContributionLayout,
  type ContributionParts,
  layoutLength,
  layoutNorm,
  moveClipNorm,
  packContribution,
  type UnpackedSum,
  unpackSum,
} from './layout.ts';
export { computeControlDelta, localStepInto, type LocalStep, proximalOf } from './local-steps.ts';
export { combineRobustly, type RobustRule, selectByKrum } from './robust.ts';
export {
  type AdaptiveClipConfig,
  adaptiveClipSchema,
  type BufferedConfig,
  bufferedSchema,
  type CombinationConfig,
  combinationSchema,
  type CompressionConfig,
  compressionSchema,
  type LocalTraining,
  localTrainingSchema,
  type StrategyConfig,
  strategySchema,
  type WeightsConfig,
  weightsSchema,
} from './schema.ts';
export {
  createServerOptimizer,
  type MeanUpdate,
  type ServerOptimizer,
  type StrategyState,
} from './server-optimizer.ts';
export { decodeSparse, encodeSparse, keepLargestInto, topKCount } from './sparse.ts';
