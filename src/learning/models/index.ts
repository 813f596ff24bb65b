export { createWeightAverage, type WeightAverage } from './averaging.ts';
export { assertAugmentation, type Augmentation } from './augmentation.ts';
export {
  assertClipping,
  computeClipFactor,
  computeClippedSumSensitivity,
  MAX_SAMPLE,
  type Clipping,
} from './clipping.ts';
export {
  averagePool,
  batchNorm,
  conv2d,
  dense,
  dropout,
  embeddingBag,
  flatten,
  freezePrefix,
  gelu,
  groupNorm,
  layerNorm,
  maxPool,
  model,
  relu,
  residual,
  softmax,
  tanh,
  temperedSigmoid,
  type Initialization,
  type LayerDeclaration,
  type LossDeclaration,
  type Model,
} from './declaration.ts';
export { createEngine, type ClippedSum, type ClippedSumRequest, type Engine, type Evaluation } from './engine.ts';
export { ModelError, type ModelErrorCode } from './errors.ts';
export {
  createOptimizer,
  optimizerSchema,
  type Optimizer,
  type OptimizerConfig,
  type OptimizerState,
  type ParameterSpan,
} from './optimizers.ts';
export { createPrivateNormalization, type PrivateNormalization } from './private-normalization.ts';
export { createFeatureExtractor, featuresSchema, type FeatureExtractor, type FeaturesConfig } from './scattering.ts';
export {
  decodeSafetensors,
  encodeSafetensors,
  tensorToFloat32,
  type SafetensorsFile,
  type SafetensorsTensor,
  type SafetensorsType,
} from './safetensors.ts';
export { createSchedule, scheduleSchema, type Schedule, type ScheduleConfig } from './schedules.ts';
export { createParallelEngine, shareDataset, type ParallelEngine } from './parallel.ts';
export { initializeFrozenParameters, initializeParameters } from './parameters.ts';
export { compilePlan, type Plan, type PlanStep, type PlanTensor } from './plan.ts';
export { modelSchema, startedModelSchema, type FineTuning, type ModelDeclaration } from './schema.ts';
export { decodeModelFile, encodeModelFile, type ModelParameters } from './model-file.ts';
export { exportOnnx, type OnnxExport } from './onnx-export.ts';
export {
  createOnnxFeatureExtractor,
  type OnnxFeatureExtractor,
  type OnnxFeaturesOptions,
  type OnnxRuntime,
  type OnnxSession,
} from './onnx-features.ts';
export { importOnnx, type ImportedModel } from './onnx-import.ts';
export { assertFits, assertLabelsFit } from './fit.ts';
export {
  createDpSgd,
  planDpSgd,
  type DpSgd,
  type DpSgdCost,
  type DpSgdOptions,
  type GradientSource,
} from './dp-sgd.ts';
export { createDpFtrl, planDpFtrl, type DpFtrlCost, type NoiseCorrelation } from './dp-ftrl.ts';
export { extractFeatures } from './parallel-features.ts';
