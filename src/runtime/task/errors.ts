/**
 * Errors of tasks: their files, and checkpoints that do not fit them.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Every code this room throws; stable. */
export type TaskErrorCode =
  /** The task file is not as it must be; `details.problems` lists what. */
  | 'task/file'
  /** The data does not fit the task. */
  | 'task/data'
  /** A checkpoint belongs to another task. */
  | 'task/checkpoint';

/** A task cannot be taken as it is. */
export class TaskError extends SottoError<TaskErrorCode> {}
