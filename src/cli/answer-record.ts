/**
 * The records of answers that commands leave in the log of a run.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { openRunFolder } from '../runtime/storage/index.ts';
import { type AnswerRecorder, openAnswerRecorder } from '../runtime/training/index.ts';
import { RUN_FILES } from '../trust/log/index.ts';
import type { AnsweringModel } from './answering.ts';

/** A recorder that holds its run's folder until it is closed. */
export interface RunRecorder extends AnswerRecorder {
  close(): void;
}

/** Opens the recorder of a run; undefined for a run without a log. @throws `StorageError` when another process holds it. */
export async function openRunRecorder(
  run: string,
  { name: task, digest: modelDigest }: Pick<AnsweringModel, 'name' | 'digest'>,
): Promise<RunRecorder | undefined> {
  if (!existsSync(join(run, RUN_FILES.key)) || !existsSync(join(run, RUN_FILES.privateKey))) return undefined;
  const folder = openRunFolder(run);
  try {
    const recorder = await openAnswerRecorder(folder, { task, modelDigest, clock: () => new Date() });
    return { ...recorder, close: () => folder.close() };
  } catch (error) {
    folder.close();
    throw error;
  }
}
