export { TaskError, type TaskErrorCode } from './errors.ts';
export {
  formatTaskFile,
  parseTaskFile,
  type TaskFile,
  taskFileError,
  taskFileSchema,
  type TaskOverrides,
  type TaskProblem,
} from './task-file.ts';
export { parseTrainingFile, type TrainingFile } from './training-file.ts';
