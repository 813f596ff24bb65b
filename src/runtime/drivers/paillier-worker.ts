/**
 * The body of a worker thread that encrypts and decrypts Paillier blocks.
 *
 * @module
 */

import { parentPort } from 'node:worker_threads';

import { createPaillierJobRunner, type PaillierJob } from '../../secure/homomorphic/index.ts';

const run = createPaillierJobRunner();
parentPort?.on('message', ({ id, job }: { id: number; job: PaillierJob }) => {
  try {
    parentPort?.postMessage({ id, result: run(job) });
  } catch (error) {
    parentPort?.postMessage({ id, error });
  }
});
