/**
 * Worker threads of Node for Paillier: what `createPaillierPool` spreads its blocks over.
 *
 * @module
 */

import { Worker } from 'node:worker_threads';

import type { PaillierJob, PaillierWorker } from '../../secure/homomorphic/index.ts';

interface Waiting {
  readonly resolve: (result: readonly bigint[]) => void;
  readonly reject: (error: Error) => void;
}

/** Starts threads; close the pool made of them to end them. */
export function startPaillierWorkers(count: number): readonly PaillierWorker[] {
  return Array.from({ length: count }, startWorker);
}

function startWorker(): PaillierWorker {
  const worker = new Worker(new URL('./paillier-worker.ts', import.meta.url));
  const waiting = new Map<number, Waiting>();
  let next = 0;
  const failAll = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on('message', ({ id, result, error }: { id: number; result?: readonly bigint[]; error?: Error }) => {
    const job = waiting.get(id);
    waiting.delete(id);
    if (error !== undefined) job?.reject(error);
    else job?.resolve(result as readonly bigint[]);
  });
  worker.on('error', failAll);
  worker.on('exit', () => failAll(new Error('a Paillier worker ended')));
  return {
    run(job: PaillierJob) {
      const id = next;
      next += 1;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, job });
      });
    },
    close: () => void worker.terminate(),
  };
}
