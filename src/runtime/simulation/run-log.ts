/**
 * The transparency log of a run folder: opened before the first round, closed with a release and a receipt for every
 * participant. Its private half (`private/`) is for the run's holder; everything else may be handed to an auditor.
 *
 * @module
 */

import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { sha256, toHex } from '../../foundations/crypto/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import type { AccountTerms } from '../../privacy/accounting/index.ts';
import { encodeReceipt, formatVerifierKey, RUN_FILES } from '../../trust/log/index.ts';
import { loadOrCreateKey, readFileOf, type RunFolder } from '../storage/index.ts';
import {
  createFileSaltStore,
  createFileTileStore,
  digestParameters,
  openTaskLog,
  type TaskLog,
} from '../storage/tiles/index.ts';
import { describeTask, type ModelState, type RunPlan } from '../training/index.ts';
import type { RunMode } from './run-task.ts';

/** The ledger's name in the log: its file. */
export const LEDGER_NAME = 'ledger.jsonl';

/** Opens the log of a run folder; the first time with a key of its own. */
export async function openRunLog(
  folder: RunFolder,
  { task, clock }: { readonly task: string; readonly clock: () => Date },
): Promise<TaskLog> {
  const log = await openTaskLog({
    store: createFileTileStore(folder.file('log')),
    task,
    seed: loadOrCreateKey(folder.file(RUN_FILES.privateKey)),
    salts: createFileSaltStore(folder.file(RUN_FILES.salts)),
    clock,
  });
  if (!folder.has(RUN_FILES.key)) folder.write(RUN_FILES.key, `${formatVerifierKey(log.writer.verifier)}\n`);
  return log;
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
    readonly mode: RunMode;
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
  const { folder: source } = run.task.data;
  const lineage = source === undefined ? undefined : join(source, 'lineage.json');
  if (lineage !== undefined && existsSync(lineage)) {
    log.record({ kind: 'preparation', job: 'prepare', lineageDigest: digestOf(readFileOf(lineage, 'lineage')) });
  }
  for (const [part, dataset] of Object.entries(data)) {
    const subject = `data:${part}`;
    const commitment = await log.commit(subject, digestDataset(dataset));
    log.record({ kind: 'data', dataset: run.task.task, part, examples: dataset.size, commitment });
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
  { folder, state, ids }: { readonly folder: RunFolder; readonly state: ModelState; readonly ids: readonly string[] },
): Promise<void> {
  const names = [RUN_FILES.model, RUN_FILES.summary, RUN_FILES.salts, 'plan.json'].filter((name) => folder.has(name));
  log.record({
    kind: 'release',
    round: state.round,
    modelDigest: digestParameters(state.parameters),
    files: Object.fromEntries(names.map((name) => [name, digestOf(folder.read(name))])),
  });
  const receipts = await log.receipts(ids, () => ids);
  mkdirSync(dirname(folder.file(`${RUN_FILES.receipts}x`)), { recursive: true });
  for (const receipt of receipts) {
    folder.write(`${RUN_FILES.receipts}${receipt.participant}.json`, encodeReceipt(receipt), { durable: false });
  }
}

function digestOf(bytes: Uint8Array): string {
  return toHex(sha256(bytes));
}

/** Digest of a data set's examples: inputs, then labels, as they lie in memory. */
function digestDataset({ inputs, labels }: Dataset): string {
  const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
    new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  return toHex(sha256(bytes(inputs), bytes(labels)));
}
