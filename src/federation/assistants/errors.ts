/**
 * Errors of the parties beside coordinator and participants.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** Every code this room throws; stable. */
export type AssistantErrorCode =
  /** Bytes that are no request, answer or contribution. */
  | 'assistants/malformed'
  /** A request for another task, plan or assistant. */
  | 'assistants/wrong-task'
  /** The sum would have fewer contributors than this assistant demands. */
  | 'assistants/too-few'
  /** This attempt was answered before, for another set. */
  | 'assistants/already-answered'
  /** A contribution of somebody who is not on the assistant's roster. */
  | 'assistants/unknown-contributor'
  /** A request is longer than any of the task can be. */
  | 'assistants/too-large'
  /** Others are being answered; ask again. */
  | 'assistants/busy'
  /** There is nothing at this path. */
  | 'assistants/not-found';

/** A refusal; nothing was opened. */
export class AssistantError extends SottoError<AssistantErrorCode> {}
