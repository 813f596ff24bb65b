export { createWeightAverage, type WeightAverage } from './averaging.ts';
export { ModelError, type ModelErrorCode } from './errors.ts';
export {
  createOptimizer,
  optimizerSchema,
  type Optimizer,
  type OptimizerConfig,
  type OptimizerState,
  type ParameterSpan,
} from './optimizers.ts';
export {
  decodeSafetensors,
  encodeSafetensors,
  tensorToFloat32,
  type SafetensorsFile,
  type SafetensorsTensor,
  type SafetensorsType,
} from './safetensors.ts';
export { createSchedule, scheduleSchema, type Schedule, type ScheduleConfig } from './schedules.ts';
