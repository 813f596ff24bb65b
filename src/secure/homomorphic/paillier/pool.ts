/**
 * Paillier blocks spread over workers. The workers themselves come from outside (this wing starts none): anything that
 * runs a job and answers, such as the worker threads of `runtime/drivers`.
 *
 * @module
 */

import { createSystemRng } from '../../../foundations/random/index.ts';
import { createObfuscator, decryptResidue, encryptResidue, type Obfuscator } from './cipher.ts';
import type { PaillierPublicKey, PaillierSecretKey } from './keys.ts';

/** One piece of work: plain data that a structured clone carries. */
export type PaillierJob =
  | {
      readonly kind: 'encrypt';
      readonly key: PaillierPublicKey;
      readonly plaintexts: readonly bigint[];
      readonly expected: number;
    }
  | { readonly kind: 'decrypt'; readonly key: PaillierSecretKey; readonly blocks: readonly bigint[] };

/** Something that runs one job at a time. */
export interface PaillierWorker {
  run(job: PaillierJob): Promise<readonly bigint[]>;
  close(): void;
}

/** Runs the blocks of many ciphertexts. */
export interface PaillierPool {
  encrypt(
    plaintexts: readonly bigint[],
    key: PaillierPublicKey,
    onProgress?: (done: number, total: number) => void,
  ): Promise<bigint[]>;
  decrypt(
    blocks: readonly bigint[],
    key: PaillierSecretKey,
    onProgress?: (done: number, total: number) => void,
  ): Promise<bigint[]>;
  close(): void;
}

/** Blocks a job holds: short enough for progress, long enough to pay for the message. */
const JOB_BLOCKS = 16;

/** Creates the body of a worker: runs jobs with fresh entropy of its own and keeps one table a key. */
export function createPaillierJobRunner(): (job: PaillierJob) => readonly bigint[] {
  const rng = createSystemRng();
  const known = new Map<string, { key: PaillierPublicKey; source: Obfuscator }>();
  return (job) => {
    if (job.kind === 'decrypt') return job.blocks.map((block) => decryptResidue(job.key, block));
    let entry = known.get(job.key.keyId);
    if (entry === undefined) {
      entry = { key: job.key, source: createObfuscator(job.key, { expected: job.expected }, rng) };
      known.set(job.key.keyId, entry);
    }
    const { key, source } = entry;
    return job.plaintexts.map((plaintext) => encryptResidue(key, plaintext, source.next()));
  };
}

/** Creates a pool over workers; results keep the order of the blocks. */
export function createPaillierPool(workers: readonly PaillierWorker[]): PaillierPool {
  if (workers.length === 0) throw new RangeError('"workers" must hold at least one worker');
  async function spread(
    items: readonly bigint[],
    jobOf: (part: readonly bigint[]) => PaillierJob,
    onProgress?: (done: number, total: number) => void,
  ): Promise<bigint[]> {
    const out: bigint[] = Array.from({ length: items.length });
    let next = 0;
    let done = 0;
    await Promise.all(
      workers.map(async (worker) => {
        while (next < items.length) {
          const at = next;
          next += JOB_BLOCKS;
          const part = items.slice(at, at + JOB_BLOCKS);
          const results = await worker.run(jobOf(part));
          results.forEach((value, i) => (out[at + i] = value));
          done += part.length;
          onProgress?.(done, items.length);
        }
      }),
    );
    return out;
  }
  return {
    encrypt(plaintexts, key, onProgress) {
      const expected = Math.ceil(plaintexts.length / workers.length);
      return spread(plaintexts, (part) => ({ kind: 'encrypt', key, plaintexts: part, expected }), onProgress);
    },
    decrypt: (blocks, key, onProgress) =>
      spread(blocks, (part) => ({ kind: 'decrypt', key, blocks: part }), onProgress),
    close() {
      for (const worker of workers) worker.close();
    },
  };
}
