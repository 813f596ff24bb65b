/**
 * Computes previews away from the thread that serves participants.
 *
 * @module
 */

import { parentPort } from 'node:worker_threads';

import { SottoError } from '../../foundations/numerics/index.ts';
import { parseTaskFile } from '../task/index.ts';
import { type EarlierTask, previewTask, type TaskPreview } from './preview.ts';

/** What is asked for. */
export interface PreviewRequest {
  readonly id: number;
  readonly text: string;
  readonly inputShape: readonly number[];
  readonly earlier: readonly EarlierTask[];
}

/** What is answered. */
export interface PreviewAnswer {
  readonly id: number;
  readonly preview?: TaskPreview;
  readonly problem?: { readonly code: string; readonly message: string };
}

parentPort?.on('message', ({ id, text, inputShape, earlier }: PreviewRequest) => {
  let answer: PreviewAnswer;
  try {
    answer = { id, preview: previewTask(parseTaskFile(text, { path: 'task' }), { inputShape, earlier }) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    answer = { id, problem: { code: error instanceof SottoError ? error.code : 'task/file', message } };
  }
  parentPort?.postMessage(answer);
});
