/**
 * Previews by a worker, one at a time; it is started by the first one and ends with the process or when told.
 *
 * @module
 */

import { Worker } from 'node:worker_threads';

import { TaskError } from '../task/index.ts';
import type { TaskPreview } from './preview.ts';
import type { PreviewAnswer, PreviewRequest } from './preview-worker.ts';

/** Computes previews. */
export interface Previews {
  /** @throws {@link TaskError} when the task cannot be planned. */
  preview(request: Omit<PreviewRequest, 'id'>): Promise<TaskPreview>;
  close(): Promise<void>;
}

/** Creates previews without a worker yet. */
export function createPreviews(): Previews {
  let worker: Worker | undefined;
  let count = 0;
  const open = new Map<number, { resolve: (answer: PreviewAnswer) => void; reject: (error: Error) => void }>();

  function start(): Worker {
    const started = new Worker(new URL('./preview-worker.ts', import.meta.url));
    started.unref();
    started.on('message', (answer: PreviewAnswer) => {
      open.get(answer.id)?.resolve(answer);
      open.delete(answer.id);
    });
    started.on('error', (error: unknown) => {
      worker = undefined;
      for (const { reject } of open.values()) reject(error instanceof Error ? error : new Error(String(error)));
      open.clear();
    });
    return started;
  }

  return {
    async preview(request) {
      worker ??= start();
      count += 1;
      const id = count;
      const answer = await new Promise<PreviewAnswer>((resolve, reject) => {
        open.set(id, { resolve, reject });
        worker?.postMessage({ ...request, id } satisfies PreviewRequest);
      });
      if (answer.preview === undefined) throw new TaskError('task/file', answer.problem?.message ?? 'no preview');
      return answer.preview;
    },
    async close() {
      await worker?.terminate();
      worker = undefined;
    },
  };
}
