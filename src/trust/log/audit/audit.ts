/**
 * The audit of a run: from the signed checkpoint down to every file that the log vouches for. It trusts nothing but the
 * log's key, and says what it did not look at.
 *
 * @module
 */

import { LogError } from '../errors.ts';
import { decodeLeaf, type LogLeaf } from '../leaf.ts';
import type { SignedCheckpoint } from '../checkpoint.ts';
import { CHECKPOINT_PATH, type TileSource } from '../tiles.ts';
import { describeKey } from '../writer.ts';
import { auditFiles, auditPrivate } from './files.ts';
import { type AuditReport, createFindings, type Findings } from './report.ts';
import { type AuditOptions, RUN_FILES, type RunFiles } from './run-files.ts';
import { auditOlder, auditReceipts, findCheckpoint, findVerifiers } from './signatures.ts';
import { auditStory, type Story } from './story.ts';
import { auditTree } from './tree.ts';

/** Audits a run. Never throws for what the files hold: everything wrong is a problem of the report. */
export async function auditRun(files: RunFiles, options: AuditOptions = {}): Promise<AuditReport> {
  return (await readRun(files, options)).report;
}

/** A run as its log tells it, with the verdict on it. */
export interface RunStory {
  readonly report: AuditReport;
  /** The leaves, when the whole tree holds. */
  readonly leaves: readonly LogLeaf[];
  /** What the leaves amount to; undefined when the tree does not hold. */
  readonly story?: Story;
}

/** Audits a run and returns what its log tells. */
export async function readRun(files: RunFiles, options: AuditOptions = {}): Promise<RunStory> {
  const findings = createFindings();
  const listed = await files.list();
  const verifiers = await findVerifiers(files, options, findings);
  const checkpoint = verifiers.length === 0 ? undefined : await findCheckpoint(files, { verifiers, options, findings });
  const empty = { inclusion: 0, consistency: 0 };
  if (checkpoint === undefined) return { report: finish({ findings, listed, options }), leaves: [] };

  const source: TileSource = { read: (path) => files.read(`${RUN_FILES.log}${path}`) };
  const tree = await auditTree(source, checkpoint, { findings, prefix: RUN_FILES.log, listed });
  const proofs = { ...empty, inclusion: tree.sound ? tree.entries.length : 0 };
  const leaves: LogLeaf[] = [];
  for (const [i, entry] of tree.entries.entries()) {
    try {
      leaves.push(decodeLeaf(entry));
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      // A leaf of an unsound tree is named already, by its file.
      if (tree.sound) findings.add('verify/malformed', `${RUN_FILES.log}tile/entries`, `leaf ${i}: ${error.message}`);
    }
  }
  const whole = tree.sound && leaves.length === tree.entries.length;
  if (!whole) return { report: finish({ findings, listed, options, checkpoint, leaves }), leaves: [] };
  const story = auditStory(leaves, { findings, file: `${RUN_FILES.log}tile/entries` });

  noteAnswers(leaves, story, findings);
  const receipts = await auditReceipts(files, { listed, options, verifiers, findings, leaves });
  const seen = (options.seen ?? []).map((note) => ({ note, file: 'the checkpoint seen before' }));
  const older = [...receipts.map(({ note, file }) => ({ note, file })), ...seen];
  proofs.consistency = await auditOlder(older, { entries: tree.entries, checkpoint, verifiers, findings });
  proofs.inclusion += receipts.reduce((sum, { rounds }) => sum + 2 * rounds, 0);

  await auditFiles(files, { story, findings, options, listed });
  await auditPrivate(files, { checkpoint, findings });
  const report = finish({ findings, listed, options, checkpoint, leaves, story, proofs, receipts: receipts.length });
  return { report, leaves, story };
}

/** Answers under another ledger than the run's are the business of that ledger: said, not counted. */
function noteAnswers(leaves: readonly LogLeaf[], { report }: Story, { notes }: Findings): void {
  const own = new Set(report?.charges.map(({ id }) => id));
  const elsewhere = leaves.filter(
    (leaf) => leaf.kind === 'answer' && leaf.reservation !== null && !own.has(leaf.reservation),
  );
  if (elsewhere.length === 0) return;
  notes.push(
    `${elsewhere.length} answers were charged to a ledger that is not in this log: they are not part of its epsilon`,
  );
}

function finish({
  findings,
  listed,
  options,
  checkpoint,
  leaves = [],
  story,
  proofs = { inclusion: 0, consistency: 0 },
  receipts = 0,
}: {
  findings: Findings;
  listed: readonly string[] | undefined;
  options: AuditOptions;
  checkpoint?: SignedCheckpoint;
  leaves?: readonly LogLeaf[];
  story?: Story;
  proofs?: { inclusion: number; consistency: number };
  receipts?: number;
}): AuditReport {
  const { problems, covered, notes } = findings;
  const blamed = new Set(problems.map(({ file }) => file));
  const spent = story?.report?.accounts[0]?.spent;
  const log = checkpoint?.signatures.find(({ verifier }) => verifier.kind === 'ed25519')?.verifier;
  return {
    ok: problems.length === 0,
    epsilon: spent?.epsilon ?? null,
    delta: spent?.delta ?? null,
    problems,
    task: story?.task?.task ?? null,
    isPrivate: story?.task?.privacy != null,
    seeded: story?.task?.seeded ?? false,
    rounds: story?.rounds ?? 0,
    attempts: story?.attempts ?? 0,
    leaves: leaves.length,
    ledgerRecords: [...(story?.ledgers.values() ?? [])].reduce((sum, { length }) => sum + length, 0),
    receipts,
    proofs,
    key: log === undefined ? null : describeKey(log),
    keyPinned: options.verifiers !== undefined,
    witnesses:
      checkpoint?.signatures.flatMap(({ verifier }) => (verifier.kind === 'cosignature' ? [verifier.name] : [])) ?? [],
    covered: [...covered].filter((file) => !blamed.has(file)).toSorted(),
    notCovered: (listed ?? [])
      .filter((file) => !covered.has(file) && !blamed.has(file))
      .map((file) => ({ file, reason: reasonOf(file, { checked: story !== undefined }) })),
    notes,
  };
}

/** Why a file is not covered. */
function reasonOf(file: string, { checked }: { checked: boolean }): string {
  if (!checked) return 'not reached: the log itself does not verify';
  if (file === RUN_FILES.salts) return 'salts were destroyed since it was logged';
  if (file === `${RUN_FILES.log}${CHECKPOINT_PATH}` || file === RUN_FILES.key)
    return 'holds signatures of keys that are not known here';
  return 'the log has no digest of it';
}
