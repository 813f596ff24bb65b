export { TaskError, type TaskErrorCode } from './errors.ts';
export { formatTaskFile, parseTaskFile, type TaskFile, taskFileSchema, type TaskOverrides } from './task-file.ts';
export { parseTrainingFile, type TrainingFile } from './training-file.ts';
