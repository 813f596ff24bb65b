/**
 * The transparency log of a run folder: opened before the first round, closed with a release and a receipt for every
 * participant. Its private half (`private/`) is for the run's holder; everything else may be handed to an auditor.
 *
 * @module
 */

import { existsSync, mkdirSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';

import { sha256, toHex } from '../../foundations/crypto/index.ts';
import { readEntropy } from '../../foundations/random/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import type { AccountTerms } from '../../privacy/accounting/index.ts';
import { encodeReceipt, formatVerifierKey, type LeafOf, RUN_FILES } from '../../trust/log/index.ts';
import { loadOrCreateKey, readFileOf, type RunFolder, StorageError } from '../storage/index.ts';
import {
  createFileSaltStore,
  createFileTileStore,
  digestParameters,
  openTaskLog,
  parseKeyText,
  type TaskLog,
} from '../storage/tiles/index.ts';
import type { ModelState } from './model-state.ts';
import type { RunPlan } from './plan-run.ts';
import { describeTask } from './task-leaves.ts';

/** The ledger's name in the log: its file. */
export const LEDGER_NAME = 'ledger.jsonl';

/** Files that a run ends with; the log has the digest of each that is there. */
const RELEASED = [
  RUN_FILES.model,
  'model.onnx',
  RUN_FILES.summary,
  RUN_FILES.salts,
  RUN_FILES.cohorts,
  'plan.json',
  'normalization.json',
] as const;

/** Opens the log of a run folder; the first time with a key of its own. */
export async function openRunLog(
  folder: RunFolder,
  { task, clock }: { readonly task: string; readonly clock: () => Date },
): Promise<TaskLog> {
  const log = await openTaskLog({
    store: createFileTileStore(folder.file('log')),
    task,
    seed: openLogKey(folder),
    salts: createFileSaltStore(folder.file(RUN_FILES.salts), { vault: folder.vault, name: RUN_FILES.salts }),
    clock,
  });
  if (!folder.has(RUN_FILES.key)) folder.write(RUN_FILES.key, `${formatVerifierKey(log.writer.verifier)}\n`);
  return log;
}

/** The log's private key: in a file of its own mode, or sealed with everything else in the folder. */
function openLogKey(folder: RunFolder): Uint8Array {
  const name = RUN_FILES.privateKey;
  if (folder.vault === undefined) return loadOrCreateKey(folder.file(name));
  if (!folder.has(name)) {
    mkdirSync(dirname(folder.file(name)), { recursive: true, mode: 0o700 });
    const fresh = readEntropy(32);
    folder.write(name, `${toHex(fresh)}\n`);
    return fresh;
  }
  const key = parseKeyText(new TextDecoder().decode(folder.read(name)));
  if (key === undefined) throw new StorageError('storage/unreadable', `${folder.file(name)} is not the key of a log`);
  return key;
}

/** Records task, plan and data of a run that begins, or where a run is taken up again. */
export async function recordStart(
  log: TaskLog,
  {
    run,
    mode,
    state,
    terms,
    folder,
    data,
    inputShape,
  }: {
    readonly run: RunPlan;
    readonly mode: LeafOf<'task'>['mode'];
    readonly state: ModelState;
    /** Of the ledger; absent without privacy. */
    readonly terms: AccountTerms | undefined;
    readonly folder: RunFolder;
    readonly data: Readonly<Record<string, Dataset>>;
    readonly inputShape: readonly number[];
  },
): Promise<void> {
  const modelDigest = digestParameters(state.parameters);
  const checkpointDigest = folder.has(RUN_FILES.checkpoint) ? digestOf(folder.read(RUN_FILES.checkpoint)) : null;
  if (log.has('plan')) {
    log.record({ kind: 'resumed', round: state.round, modelDigest, checkpointDigest });
    return;
  }
  const definition = folder.read(RUN_FILES.task);
  log.record(...describeTask(run, { mode, definition, terms, inputShape, modelDigest }));
  await recordData(log, { task: run.task.task, folder: folderOf(run.task.data), data });
}

/** The folder that a preparation would have left its lineage in. */
export function folderOf(data: RunPlan['task']['data']): string | undefined {
  if (data.kind === 'idx') return data.folder;
  return extname(data.train) === '' ? data.train : dirname(data.train);
}

/** Records the data of a run by commitment, and its preparation where its folder has the lineage. */
export async function recordData(
  log: TaskLog,
  {
    task,
    folder,
    data,
  }: {
    readonly task: string;
    readonly folder: string | undefined;
    readonly data: Readonly<Record<string, Dataset>>;
  },
): Promise<void> {
  const lineage = folder === undefined ? undefined : join(folder, 'lineage.json');
  if (lineage !== undefined && existsSync(lineage)) {
    log.record({ kind: 'preparation', job: 'prepare', lineageDigest: digestOf(readFileOf(lineage, 'lineage')) });
  }
  for (const [part, dataset] of Object.entries(data)) {
    const commitment = await log.commit(`data:${part}`, digestDataset(dataset));
    log.record({ kind: 'data', dataset: task, part, examples: dataset.size, commitment });
  }
}

/** Records attempts whose lines of metrics a crash kept from the log. */
export function recordEarlier(log: TaskLog, lines: readonly Readonly<Record<string, unknown>>[]): void {
  const logged = log.leaves.filter(({ kind }) => kind === 'evaluation').length;
  for (const line of lines.slice(logged)) {
    const { attempt, round, accuracy, loss } = line as {
      attempt: number;
      round: number;
      accuracy?: number;
      loss?: number;
    };
    log.report(JSON.stringify(line), {
      attempt,
      round,
      ...(accuracy === undefined ? {} : { accuracy }),
      ...(loss === undefined ? {} : { loss }),
    });
  }
}

/** Records the release of the files a run ends with, and hands out the participants' receipts. */
export async function recordRelease(
  log: TaskLog,
  {
    folder,
    state,
    ids,
    cohortOf = () => ids,
  }: {
    readonly folder: RunFolder;
    readonly state: Pick<ModelState, 'round' | 'parameters'>;
    readonly ids: readonly string[];
    /** The cohort of an attempt, in the order it was recorded; everybody when left out. */
    readonly cohortOf?: (attempt: number) => readonly string[];
  },
): Promise<void> {
  // Whoever was never called has a receipt too, and a salt, which must be there before the salts are logged.
  for (const id of ids) await log.commit(id);
  const names = RELEASED.filter((name) => folder.has(name));
  log.record({
    kind: 'release',
    round: state.round,
    modelDigest: digestParameters(state.parameters),
    files: Object.fromEntries(names.map((name) => [name, digestOf(folder.read(name))])),
  });
  if (ids.length === 0) {
    await log.flush();
    return;
  }
  const receipts = await log.receipts(ids, cohortOf);
  mkdirSync(dirname(folder.file(`${RUN_FILES.receipts}x`)), { recursive: true });
  for (const receipt of receipts) {
    folder.write(`${RUN_FILES.receipts}${receipt.participant}.json`, encodeReceipt(receipt), { durable: false });
  }
}

/** Hex SHA-256. */
export function digestOf(bytes: Uint8Array): string {
  return toHex(sha256(bytes));
}

/** Digest of a data set's examples: inputs, then labels, as they lie in memory. */
function digestDataset({ inputs, labels }: Dataset): string {
  const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
    new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  return toHex(sha256(bytes(inputs), bytes(labels)));
}
