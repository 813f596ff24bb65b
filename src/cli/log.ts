/**
 * `sotto log RUN`: looks into a run's transparency log: its leaves, proofs of single leaves, checks of proofs and receipts,
 * and the signature of a witness.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Command } from 'commander';

import { createSigningKey, utf8 } from '../foundations/crypto/index.ts';
import { loadOrCreateKey, openRunFolder, writeFileAtomic } from '../runtime/storage/index.ts';
import { createFileTileStore, parseKeyText } from '../runtime/storage/tiles/index.ts';
import {
  assertConsistent,
  collectCosignatures,
  cosignNote,
  createLogReader,
  createNoteVerifier,
  decodeLeaf,
  findMiscounts,
  formatLogProof,
  formatNote,
  formatSignature,
  formatVerifierKey,
  LogError,
  openCheckpoint,
  openLog,
  parseLogProof,
  parseNote,
  parseReceipt,
  RUN_FILES,
  type SignedCheckpoint,
  verifyLogProof,
  verifyReceipt,
} from '../trust/log/index.ts';
import { UsageError } from './exit-codes.ts';
import { vaultOfRun } from './key-store-options.ts';
import { readVerifierKey, witnessesOf } from './witness-options.ts';

interface LogOptions {
  readonly key: readonly string[];
  readonly prove?: string;
  readonly check?: string;
  readonly witness?: string;
  readonly witnessKey?: string;
  readonly witnessState?: string;
  readonly ask: readonly string[];
  readonly keyStore?: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function createLogCommand(): Command {
  return new Command('log')
    .description('Look into the transparency log of a run: leaves, proofs, receipts, and a witness’s signature.')
    .argument('[run]', 'run folder')
    .option(
      '--key <key>',
      'key of the log or a witness that you know: NAME+ID+KEY, or a file; repeatable',
      (value: string, before: readonly string[]) => [...before, value],
      [] as readonly string[],
    )
    .option('--prove <index>', 'print the proof of a leaf, in the form of c2sp.org/tlog-proof')
    .option('--check <file>', 'check a proof or a receipt against --key; exit code 0 or 1')
    .option('--witness <name>', 'cosign the checkpoint as this witness, if it continues what the witness saw before')
    .option('--witness-key <file>', 'private key of the witness; made when it is missing')
    .option('--witness-state <file>', 'the last checkpoint that the witness signed')
    .option(
      '--ask <url,key>',
      'ask a witness over HTTP (c2sp.org/tlog-witness) to cosign the checkpoint; KEY as NAME+ID+KEY or a file; repeatable',
      (value: string, before: readonly string[]) => [...before, value],
      [] as readonly string[],
    )
    .option('--key-store <folder>', 'for --ask on a sealed run folder: its key store')
    .option('--json', 'leaves as JSON lines; verdicts as { ok, problems }')
    .action((run: string | undefined, options: LogOptions) => log(run, options));
}

async function log(run: string | undefined, options: LogOptions): Promise<void> {
  if (options.check !== undefined) {
    check(options.check, options);
    return;
  }
  if (run === undefined) throw new UsageError('name a run folder: sotto log RUN');
  if (!existsSync(join(run, RUN_FILES.key))) throw new UsageError(`${run} has no log: it has no ${RUN_FILES.key}`);
  const store = createFileTileStore(join(run, RUN_FILES.log));
  const note = await store.read('checkpoint');
  if (note === undefined) throw new UsageError(`${run} has no checkpoint of its log`);
  const own = options.key.length === 0 ? [readVerifierKey(join(run, RUN_FILES.key))] : options.key.map(readVerifierKey);
  const checkpoint = openCheckpoint(note, { verifiers: own });
  if (options.ask.length > 0) {
    await askWitnesses(run, options);
    return;
  }
  const reader = createLogReader(store, checkpoint.size);
  if (options.witness !== undefined) {
    await witness(run, checkpoint, options);
    return;
  }
  if (options.prove !== undefined) {
    const index = Number(options.prove);
    if (!Number.isSafeInteger(index) || index < 0 || index >= checkpoint.size) {
      throw new UsageError(`--prove must be the index of a leaf, 0 to ${checkpoint.size - 1}, got "${options.prove}"`);
    }
    const [hashes, extra] = [await reader.inclusionProof(index), await reader.entry(index)];
    process.stdout.write(formatLogProof({ index, hashes, extra, checkpoint: checkpoint.note }));
    return;
  }
  let index = 0;
  for await (const entry of reader.entries(0, checkpoint.size)) {
    const leaf = decodeLeaf(entry);
    if (options.json === true) process.stdout.write(`${JSON.stringify({ index, ...leaf })}\n`);
    else {
      const { kind, time, ...rest } = leaf;
      const detail = JSON.stringify(rest);
      process.stdout.write(
        `${String(index).padStart(6)}  ${time}  ${kind.padEnd(14)}  ${detail.length > 110 ? `${detail.slice(0, 109)}…` : detail}\n`,
      );
    }
    index += 1;
  }
}

/** Checks a proof or a receipt. */
function check(path: string, options: LogOptions): void {
  if (!existsSync(path)) throw new UsageError(`${path} does not exist`);
  if (options.key.length === 0) throw new UsageError('say which log you know: --key NAME+ID+KEY, or a file with it');
  const verifiers = options.key.map(readVerifierKey);
  const text = readFileSync(path, 'utf8');
  let said: string;
  try {
    if (text.startsWith('{')) {
      const { rounds, checkpoint } = verifyReceipt(parseReceipt(utf8(text)), { verifiers });
      const [miscount] = findMiscounts(rounds);
      if (miscount !== undefined) throw new LogError('log/inconsistent', miscount);
      said = `proves ${rounds.length} rounds in ${checkpoint.origin} at ${checkpoint.size} leaves`;
    } else {
      const proof = parseLogProof(text);
      if (proof.extra === undefined) throw new LogError('log/malformed', 'the proof comes without its leaf');
      const { origin, size } = verifyLogProof(proof, proof.extra, { verifiers });
      said = `proves leaf ${proof.index} of ${origin} at ${size} leaves: ${new TextDecoder().decode(proof.extra)}`;
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    const problems = [{ code: error.code, file: path, detail: error.message }];
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify({ ok: false, problems })}\n`
        : `✗ ${path}: ${error.message} (${error.code})\n`,
    );
    process.exitCode = 1;
    return;
  }
  process.stdout.write(
    options.json === true ? `${JSON.stringify({ ok: true, problems: [] })}\n` : `${path}: ${said}\n`,
  );
}

/** Asks witnesses for their signatures and puts them below the checkpoint. Exit code 1 when one of them gave none. */
async function askWitnesses(run: string, options: LogOptions): Promise<void> {
  const witnesses = witnessesOf(options.ask);
  const vault = await vaultOfRun(run, options.keyStore);
  const folder = openRunFolder(run, { vault });
  try {
    const name = RUN_FILES.privateKey;
    const seed = folder.has(name) ? parseKeyText(new TextDecoder().decode(folder.read(name))) : undefined;
    if (seed === undefined) throw new UsageError(`only the holder of the log asks witnesses: ${name} is not there`);
    const log = await openLog({
      store: createFileTileStore(folder.file('log')),
      origin: readVerifierKey(join(run, RUN_FILES.key)).name,
      key: createSigningKey(seed),
      partials: 'latest',
    });
    const { signed, failed } = await collectCosignatures(log, witnesses);
    const problems = failed.map(({ name: file, error }) => ({ code: error.code, file, detail: error.message }));
    const lines = [
      `cosigned ${log.size()} leaves: ${signed.join(', ') || 'by nobody'}`,
      ...problems.map(({ code, detail }) => `  ✗ ${detail} (${code})`),
    ];
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify({ ok: problems.length === 0, signed, problems })}\n`
        : `${lines.join('\n')}\n`,
    );
    if (problems.length > 0) process.exitCode = 1;
  } finally {
    folder.close();
    vault?.close();
  }
}

/** Cosigns a checkpoint that continues what the witness saw, and remembers it before the signature leaves. */
async function witness(run: string, checkpoint: SignedCheckpoint, options: LogOptions): Promise<void> {
  const { witness: name = '', witnessKey, witnessState } = options;
  if (witnessKey === undefined || witnessState === undefined)
    throw new UsageError('--witness needs --witness-key and --witness-state');
  if (options.key.length === 0) throw new UsageError('a witness signs only for a log it knows: --key NAME+ID+KEY');
  const key = createSigningKey(loadOrCreateKey(witnessKey));
  const store = createFileTileStore(join(run, RUN_FILES.log));
  if (existsSync(witnessState)) {
    const seen = openCheckpoint(readFileSync(witnessState, 'utf8'), { verifiers: options.key.map(readVerifierKey) });
    const proof =
      seen.size <= checkpoint.size ? await createLogReader(store, checkpoint.size).consistencyProof(seen.size) : [];
    assertConsistent(seen, checkpoint, proof);
  }
  writeFileAtomic(witnessState, checkpoint.note);
  const { text } = parseNote(checkpoint.note);
  const line = cosignNote(text, { name, key, time: Math.floor(Date.now() / 1000) });
  const kept = parseNote(checkpoint.note).signatures.filter((each) => each.name !== name);
  writeFileAtomic(join(run, 'log', 'checkpoint'), `${formatNote(text, kept.map(formatSignature))}${line}`);
  process.stdout.write(
    `cosigned ${checkpoint.size} leaves; verify with --key ${formatVerifierKey(createNoteVerifier('cosignature', name, key.publicKey))}\n`,
  );
}
