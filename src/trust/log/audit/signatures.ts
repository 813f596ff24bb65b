/**
 * The audit of signatures: the key of the log, its checkpoint, the participants' receipts, and every checkpoint signed
 * before, which the log must continue.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import { equalBytes } from '../../../foundations/crypto/index.ts';
import { countWitnesses, openCheckpoint, type SignedCheckpoint } from '../checkpoint.ts';
import { LogError } from '../errors.ts';
import type { LogLeaf } from '../leaf.ts';
import { type NoteVerifier, parseNote, parseVerifierKey } from '../note.ts';
import { computeRoots } from '../reader.ts';
import { findMiscounts, parseReceipt, verifyReceipt } from '../receipt.ts';
import { CHECKPOINT_PATH } from '../tiles.ts';
import { describeKey } from '../writer.ts';
import type { Findings } from './report.ts';
import { type AuditOptions, RUN_FILES, type RunFiles } from './run-files.ts';

/** Finds the keys to verify with: those that are known, or else the one that came with the run. */
export async function findVerifiers(
  files: RunFiles,
  options: AuditOptions,
  findings: Findings,
): Promise<readonly NoteVerifier[]> {
  const bytes = await files.read(RUN_FILES.key);
  const pinned = options.verifiers ?? [];
  if (bytes === undefined) {
    if (pinned.length === 0) {
      findings.add(
        'verify/missing',
        RUN_FILES.key,
        'no key to verify the log with: give one with --key, or keep the run’s own',
      );
    }
    return pinned;
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.endsWith('\n')) throw new LogError('log/malformed', 'a key file is one line');
    const own = parseVerifierKey(text.slice(0, -1));
    if (pinned.length === 0) {
      findings.notes.push(
        'the key came with the run: this shows that nothing was changed since it was signed, not by whom it was signed',
      );
      return [own];
    }
    const known = pinned.some((each) => each.name === own.name && equalBytes(each.publicKey, own.publicKey));
    if (!known)
      findings.add(
        'verify/key-mismatch',
        RUN_FILES.key,
        `the run is signed by ${describeKey(own)}, a key that is not yours`,
      );
    else findings.covered.add(RUN_FILES.key);
    return pinned;
  } catch (error) {
    if (!(error instanceof LogError || error instanceof TypeError)) throw error;
    findings.add('verify/malformed', RUN_FILES.key, error.message);
    return pinned;
  }
}

/** Reads the checkpoint and checks who signed it; undefined when it cannot be believed. */
export async function findCheckpoint(
  files: RunFiles,
  { verifiers, options, findings }: { verifiers: readonly NoteVerifier[]; options: AuditOptions; findings: Findings },
): Promise<SignedCheckpoint | undefined> {
  const path = `${RUN_FILES.log}${CHECKPOINT_PATH}`;
  const bytes = await files.read(path);
  if (bytes === undefined) {
    findings.add('verify/missing', path, 'there is no log here');
    return undefined;
  }
  try {
    const checkpoint = openCheckpoint(bytes, { verifiers });
    const cosigners = countWitnesses(checkpoint.signatures);
    if (cosigners < (options.witnesses ?? 0)) {
      findings.add('verify/witnesses-missing', path, `${cosigners} of ${options.witnesses} witnesses signed`);
    }
    const unknown = parseNote(bytes).signatures.length - checkpoint.signatures.length;
    if (options.verifiers === undefined) findings.covered.add(RUN_FILES.key);
    if (unknown === 0) findings.covered.add(path);
    else {
      findings.notes.push(`${path} has ${unknown} signature lines of keys that are not known here`);
    }
    return checkpoint;
  } catch (error) {
    if (!(error instanceof LogError || error instanceof TypeError)) throw error;
    const code =
      error instanceof LogError && error.code === 'log/signature-invalid' ? 'signature-invalid' : 'malformed';
    findings.add(`verify/${code}`, path, error.message);
    return undefined;
  }
}

interface CheckedReceipt {
  readonly file: string;
  readonly note: string;
  readonly rounds: number;
}

/** Checks every receipt in the folder, and those that came from elsewhere, against the log. */
export async function auditReceipts(
  files: RunFiles,
  {
    listed,
    options,
    verifiers,
    findings,
    leaves,
  }: {
    listed: readonly string[] | undefined;
    options: AuditOptions;
    verifiers: readonly NoteVerifier[];
    findings: Findings;
    leaves: readonly LogLeaf[];
  },
): Promise<readonly CheckedReceipt[]> {
  const out: CheckedReceipt[] = [];
  const own = listed?.filter((name) => name.startsWith(RUN_FILES.receipts)) ?? [];
  const inFolder = await Promise.all(own.map(async (file) => ({ file, bytes: await files.read(file), isOwn: true })));
  const brought = (options.receipts ?? []).map((each) => ({ ...each, isOwn: false }));
  for (const { file, bytes, isOwn } of [...inFolder, ...brought]) {
    if (bytes === undefined) continue;
    try {
      const receipt = parseReceipt(bytes);
      const { rounds, checkpoint } = verifyReceipt(receipt, { verifiers });
      for (const [i, { index }] of rounds.entries()) {
        const leaf = leaves[index];
        if (leaf === undefined || canonicalize(leaf) !== receipt.rounds[i]?.leaf) {
          findings.add('verify/inclusion-invalid', file, `the log has another leaf ${index} than the receipt`);
        }
      }
      for (const why of findMiscounts(rounds)) {
        findings.add('verify/attempt-uncharged', file, `of ${receipt.participant} ${why}`);
      }
      if (isOwn && `${RUN_FILES.receipts}${receipt.participant}.json` !== file) {
        findings.add('verify/receipt-invalid', file, `it is the receipt of ${receipt.participant}`);
      }
      // Lines of keys that are not known are not verified, so that their bytes are not covered.
      const isWhole = parseNote(receipt.checkpoint).signatures.length === checkpoint.signatures.length;
      if (isOwn && isWhole) findings.covered.add(file);
      out.push({ file, note: receipt.checkpoint, rounds: rounds.length });
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      findings.add('verify/receipt-invalid', file, error.message);
    }
  }
  return out;
}

/** Checks that the log continues every checkpoint signed earlier. Returns how many it continues. */
export async function auditOlder(
  older: readonly { readonly note: string; readonly file: string }[],
  {
    entries,
    checkpoint,
    verifiers,
    findings,
  }: {
    entries: readonly Uint8Array[];
    checkpoint: SignedCheckpoint;
    verifiers: readonly NoteVerifier[];
    findings: Findings;
  },
): Promise<number> {
  const heads = older.flatMap(({ note, file }) => {
    try {
      return [{ head: openCheckpoint(note, { verifiers }), file }];
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      findings.add('verify/signature-invalid', file, error.message);
      return [];
    }
  });
  const { roots } = await computeRoots(
    entries,
    heads.map(({ head }) => head.size),
  );
  let consistent = 0;
  for (const { head, file } of heads) {
    const root = roots.get(head.size);
    if (head.origin !== checkpoint.origin)
      findings.add('verify/key-mismatch', file, `it is of another log, ${head.origin}`);
    else if (head.size > checkpoint.size) {
      findings.add(
        'log/rolled-back',
        file,
        `it was signed for ${head.size} leaves, the log now has ${checkpoint.size}`,
      );
    } else if (root === undefined || !equalBytes(root, head.root)) {
      findings.add('log/forked', file, `the log does not begin with the ${head.size} leaves that were signed before`);
    } else consistent += 1;
  }
  return consistent;
}
