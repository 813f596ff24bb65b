/**
 * What is kept of answers: a leaf each in the run's transparency log, which commits to the question under a salt that only
 * the asker gets. Lineage then reaches from raw data to answers.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { sha256, toHex } from '../foundations/crypto/index.ts';
import { readEntropy } from '../foundations/random/index.ts';
import { openRunFolder } from '../runtime/storage/index.ts';
import { openRunLog } from '../runtime/training/index.ts';
import { commitTo, RUN_FILES, SALT_BYTES } from '../trust/log/index.ts';
import type { AnsweringModel } from './answering.ts';

/** What the asker takes home: with it, it can show that the log means its question. */
export interface AnswerReceipt {
  /** As the leaf says it. */
  readonly request: string;
  readonly salt: string;
  /** Leaves in the log once this one was in it. */
  readonly logSize: number;
}

/** Records answers. */
export interface AnswerRecorder {
  /** @param question - its bytes; only a salted commitment to their SHA-256 is written. */
  record(
    question: Uint8Array,
    about: { readonly purpose: string; readonly reservation: string | null },
  ): Promise<AnswerReceipt>;
  close(): void;
}

/** Opens the recorder of a run; undefined for a run without a log. @throws `StorageError` when another process holds it. */
export async function openAnswerRecorder(
  run: string,
  model: Pick<AnsweringModel, 'name' | 'digest'>,
): Promise<AnswerRecorder | undefined> {
  if (!existsSync(join(run, RUN_FILES.key)) || !existsSync(join(run, RUN_FILES.privateKey))) return undefined;
  const folder = openRunFolder(run);
  try {
    const log = await openRunLog(folder, { task: model.name, clock: () => new Date() });
    return {
      async record(question, { purpose, reservation }) {
        const salt = readEntropy(SALT_BYTES);
        const request = commitTo(toHex(sha256(question)), salt);
        log.record({ kind: 'answer', modelDigest: model.digest, request, purpose, reservation });
        await log.flush();
        return { request, salt: toHex(salt), logSize: log.writer.size() };
      },
      close: () => folder.close(),
    };
  } catch (error) {
    folder.close();
    throw error;
  }
}
