/**
 * Answers in the transparency log of the run that gave them: a leaf each, which commits to the question under a salt that
 * only the asker gets. Lineage then reaches from raw data to answers.
 *
 * @module
 */

import { sha256, toHex } from '../../foundations/crypto/index.ts';
import { readEntropy } from '../../foundations/random/index.ts';
import { commitTo, type LeafOf, type LogLeaf, SALT_BYTES } from '../../trust/log/index.ts';
import { type RunFolder, StorageError } from '../storage/index.ts';
import { openRunLog } from './run-log.ts';

/** What the asker takes home: with it, it can show that the log means its question. */
export interface AnswerReceipt {
  /** As the leaf says it. */
  readonly request: string;
  readonly salt: string;
  /** Leaves in the log once this one was in it. */
  readonly logSize: number;
}

/** Records answers of one run's model. */
export interface AnswerRecorder {
  /**
   * Records one answer.
   * @param question - its bytes; only a salted commitment to their SHA-256 is written, since what is asked can be somebody's
   * data, and the salt is kept nowhere.
   * @param about - `reservation`: the charge it was given under; null where a private model answers for nothing more.
   */
  record(
    question: Uint8Array,
    about: { readonly purpose: string; readonly reservation: string | null },
  ): Promise<AnswerReceipt>;
}

/**
 * Opens the recorder of a finished run.
 * @param folder - of the run, held by the caller.
 * @param options - `modelDigest`: of the model that answers, which must be the one released last; that one by default.
 * @throws {StorageError} `storage/not-found` when the run has released no such model.
 * @throws {LogError} when the log cannot be continued.
 */
export async function openAnswerRecorder(
  folder: RunFolder,
  { task, clock, modelDigest }: { readonly task: string; readonly clock: () => Date; readonly modelDigest?: string },
): Promise<AnswerRecorder> {
  const log = await openRunLog(folder, { task, clock });
  const released = log.leaves.findLast((leaf): leaf is LogLeaf & LeafOf<'release'> => leaf.kind === 'release');
  if (released === undefined) throw new StorageError('storage/not-found', `${folder.path} has released no model`);
  if (modelDigest !== undefined && modelDigest !== released.modelDigest) {
    throw new StorageError(
      'storage/not-found',
      `${folder.path}: the model that is there is not the one that its log released; sotto verify says more`,
    );
  }
  return {
    async record(question, { purpose, reservation }) {
      const salt = readEntropy(SALT_BYTES);
      const request = commitTo(toHex(sha256(question)), salt);
      log.record({ kind: 'answer', modelDigest: released.modelDigest, request, purpose, reservation });
      await log.flush();
      return { request, salt: toHex(salt), logSize: log.writer.size() };
    },
  };
}
