/**
 * The audit of a run: from the signed checkpoint down to every file that the log vouches for. It trusts nothing but the
 * log's key, and says what it did not look at.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import { createSigningKey, equalBytes, fromHex, sha256, toHex } from '../../../foundations/crypto/index.ts';
import { openCheckpoint, type SignedCheckpoint } from '../checkpoint.ts';
import { LogError } from '../errors.ts';
import { decodeLeaf, type LogLeaf } from '../leaf.ts';
import { type NoteVerifier, parseNote, parseVerifierKey } from '../note.ts';
import { computeRoots } from '../reader.ts';
import { parseReceipt, verifyReceipt } from '../receipt.ts';
import { CHECKPOINT_PATH, type TileSource } from '../tiles.ts';
import { describeKey } from '../writer.ts';
import { type AuditReport, createFindings, type Findings } from './report.ts';
import { auditStory, type Story } from './story.ts';
import { auditTree } from './tree.ts';

/** The files of a run, wherever they are. */
export interface RunFiles {
  /** Every file, or undefined where nobody can list them (a web server). */
  list(): Promise<readonly string[] | undefined>;
  read(name: string): Promise<Uint8Array | undefined>;
}

/** What an audit is told beside the files. */
export interface AuditOptions {
  /** Keys of the log and its witnesses that the verifier knows; without them the run's own key file is used, and said so. */
  readonly verifiers?: readonly NoteVerifier[];
  /** Witnesses that must have signed. */
  readonly witnesses?: number;
  /** Signed checkpoints seen before; the log must continue every one. */
  readonly seen?: readonly string[];
  /** Derives a task's plan anew. */
  readonly derivePlan?: (task: string, inputShape: readonly number[], version: string) => DerivedPlan;
}

/** What follows from a task's file. */
export interface DerivedPlan {
  /** Of what derives plans; one of another version is not compared. */
  readonly version: string;
  readonly planDigest: string;
  /** The event an attempt is charged, as JSON; null without privacy. */
  readonly event: unknown;
  /** What the event pays for where one party trains. */
  readonly charged?: 'step' | 'run';
  /** Digest of the parameters in a model file, in the order that rounds offer them. */
  digestModel(file: Uint8Array): string;
}

/** Names of files in a run folder. */
export const RUN_FILES = {
  log: 'log/',
  key: 'log.vkey',
  privateKey: 'private/log.key',
  salts: 'private/salts.json',
  receipts: 'receipts/',
  task: 'task.resolved.yaml',
  metrics: 'metrics.jsonl',
  checkpoint: 'checkpoint.safetensors',
  model: 'model.safetensors',
  summary: 'summary.json',
} as const;

const hexOf = (bytes: Uint8Array): string => toHex(sha256(bytes));

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

  const receipts = await auditReceipts(files, { listed, verifiers, findings, leaves });
  const seen = (options.seen ?? []).map((note) => ({ note, file: 'the checkpoint seen before' }));
  const older = [...receipts.map(({ note, file }) => ({ note, file })), ...seen];
  proofs.consistency = await auditOlder(older, { entries: tree.entries, checkpoint, verifiers, findings });
  proofs.inclusion += receipts.reduce((sum, { rounds }) => sum + 2 * rounds, 0);

  await auditFiles(files, { story, findings, options, listed });
  await auditPrivate(files, { checkpoint, findings });
  const report = finish({ findings, listed, options, checkpoint, leaves, story, proofs, receipts: receipts.length });
  return { report, leaves, story };
}

async function findVerifiers(
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

async function findCheckpoint(
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
    const cosigners = checkpoint.signatures.filter(({ verifier }) => verifier.kind === 'cosignature').length;
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

async function auditReceipts(
  files: RunFiles,
  {
    listed,
    verifiers,
    findings,
    leaves,
  }: {
    listed: readonly string[] | undefined;
    verifiers: readonly NoteVerifier[];
    findings: Findings;
    leaves: readonly LogLeaf[];
  },
): Promise<readonly CheckedReceipt[]> {
  const out: CheckedReceipt[] = [];
  for (const file of listed?.filter((name) => name.startsWith(RUN_FILES.receipts)) ?? []) {
    const bytes = await files.read(file);
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
      if (`${RUN_FILES.receipts}${receipt.participant}.json` !== file) {
        findings.add('verify/receipt-invalid', file, `it is the receipt of ${receipt.participant}`);
      }
      // Lines of keys that are not known are not verified, so that their bytes are not covered.
      if (parseNote(receipt.checkpoint).signatures.length === checkpoint.signatures.length) findings.covered.add(file);
      out.push({ file, note: receipt.checkpoint, rounds: rounds.length });
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      findings.add('verify/receipt-invalid', file, error.message);
    }
  }
  return out;
}

/** Checks that the log continues every checkpoint signed earlier. Returns how many it continues. */
async function auditOlder(
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

async function auditFiles(
  files: RunFiles,
  {
    story,
    findings,
    options,
    listed,
  }: { story: Story; findings: Findings; options: AuditOptions; listed: readonly string[] | undefined },
): Promise<void> {
  const { task, plan, release } = story;
  const compare = async (file: string, digest: string | undefined, what: string): Promise<Uint8Array | undefined> => {
    const bytes = await files.read(file);
    if (digest === undefined) return undefined;
    if (bytes === undefined) {
      if (listed !== undefined) findings.add('verify/missing', file, `the log has a digest of ${what}`);
      return undefined;
    }
    if (hexOf(bytes) !== digest) {
      findings.add('verify/digest-mismatch', file, `it is not ${what} that was logged`);
      return undefined;
    }
    findings.covered.add(file);
    return bytes;
  };

  const taskBytes = await compare(RUN_FILES.task, task?.taskDigest, 'the task');
  let derived: DerivedPlan | undefined;
  if (taskBytes !== undefined && plan !== undefined) {
    try {
      derived = options.derivePlan?.(new TextDecoder().decode(taskBytes), plan.inputShape, task?.version ?? '');
    } catch (error) {
      findings.add(
        'verify/plan-mismatch',
        RUN_FILES.task,
        `no plan follows from the task: ${(error as Error).message}`,
      );
    }
    if (derived !== undefined && derived.version !== task?.version) {
      findings.notes.push(
        `the plan was derived by ${task?.version ?? 'an unknown version'} and is not derived anew by ${derived.version}: its digest, event and charges are compared with each other`,
      );
    } else if (
      derived !== undefined &&
      (derived.planDigest !== plan.planDigest ||
        derived.charged !== plan.charged ||
        canonicalize(derived.event) !== canonicalize(plan.event))
    ) {
      findings.add(
        'verify/plan-mismatch',
        RUN_FILES.task,
        'this version derives another plan from the task than the one that was logged',
      );
    }
  }
  await compare(RUN_FILES.checkpoint, story.checkpointDigest ?? undefined, 'the checkpoint');
  for (const [file, digest] of Object.entries(release?.files ?? {})) {
    // An auditor is not given what is private; an erasure or an answer changes the salts.
    if (file === RUN_FILES.salts && (story.saltsChanged || listed?.includes(file) !== true)) continue;
    const bytes = await compare(file, digest, `the ${file}`);
    if (bytes === undefined) continue;
    if (file === RUN_FILES.model && derived !== undefined && derived.digestModel(bytes) !== story.modelDigest) {
      findings.add('verify/model-chain-broken', file, 'its parameters are not those the last round left');
    }
    if (file === RUN_FILES.summary) auditSummary(bytes, { story, findings });
  }
  await auditLedgers(files, { story, findings, listed });
  await auditMetrics(files, { story, findings, listed });
}

async function auditLedgers(
  files: RunFiles,
  { story, findings, listed }: { story: Story; findings: Findings; listed: readonly string[] | undefined },
): Promise<void> {
  for (const [file, records] of story.ledgers) {
    const bytes = await files.read(file);
    if (bytes === undefined) {
      if (listed !== undefined)
        findings.add('verify/ledger-behind-log', file, `the log has ${records.length} records, the ledger is gone`);
      continue;
    }
    const lines = linesOf(bytes);
    const wrong = records.findIndex((record, i) => lines[i] === undefined || !equalBytes(lines[i], record));
    if (wrong >= 0) {
      const cut = lines.length <= wrong;
      findings.add(
        'verify/ledger-behind-log',
        file,
        cut ? `it has ${lines.length} records, the log ${records.length}` : `record ${wrong} is not the one in the log`,
      );
    } else if (lines.length > records.length) {
      findings.add(
        'verify/ledger-ahead-of-log',
        file,
        `${lines.length - records.length} records are in no log; go on with the run to log them`,
      );
    } else if (bytes.length !== records.reduce((sum, { length }) => sum + length + 1, 0)) {
      findings.add('verify/malformed', file, 'it ends in the middle of a record');
    } else {
      findings.covered.add(file);
    }
  }
}

async function auditMetrics(
  files: RunFiles,
  { story, findings, listed }: { story: Story; findings: Findings; listed: readonly string[] | undefined },
): Promise<void> {
  const bytes = await files.read(RUN_FILES.metrics);
  if (bytes === undefined) {
    if (listed !== undefined && story.evaluations.length > 0) {
      findings.add('verify/missing', RUN_FILES.metrics, 'the log has digests of its lines');
    }
    return;
  }
  const lines = linesOf(bytes);
  const wrong = story.evaluations.findIndex(
    ({ reportDigest }, i) => lines[i] === undefined || hexOf(lines[i]) !== reportDigest,
  );
  if (wrong >= 0)
    findings.add('verify/digest-mismatch', RUN_FILES.metrics, `line ${wrong + 1} is not the one that was logged`);
  else if (lines.length > story.evaluations.length || bytes.at(-1) !== 10) {
    findings.add('verify/digest-mismatch', RUN_FILES.metrics, 'it ends in lines that were never logged');
  } else {
    findings.covered.add(RUN_FILES.metrics);
  }
}

function auditSummary(bytes: Uint8Array, { story, findings }: { story: Story; findings: Findings }): void {
  const { epsilon } = JSON.parse(new TextDecoder().decode(bytes)) as { epsilon?: unknown };
  const spent = story.report?.accounts[0]?.spent.epsilon ?? null;
  if (typeof epsilon === 'number' ? spent === null || Math.abs(epsilon - spent) > 1e-9 * spent : spent !== null) {
    findings.add(
      'verify/summary-mismatch',
      RUN_FILES.summary,
      `it says epsilon ${String(epsilon)}, the log amounts to ${spent}`,
    );
  }
}

/** Checks what only the run's holder has: the private key is that of the log. */
async function auditPrivate(
  files: RunFiles,
  { checkpoint, findings }: { checkpoint: SignedCheckpoint; findings: Findings },
): Promise<void> {
  const decoder = new TextDecoder();
  const key = await files.read(RUN_FILES.privateKey);
  if (key !== undefined) {
    const match = /^([0-9a-f]{64})\n$/.exec(decoder.decode(key));
    const own = checkpoint.signatures.find(({ verifier }) => verifier.name === checkpoint.origin)?.verifier.publicKey;
    if (
      match === null ||
      own === undefined ||
      !equalBytes(createSigningKey(fromHex(match[1] as string)).publicKey, own)
    ) {
      findings.add('verify/key-mismatch', RUN_FILES.privateKey, 'it is not the key that the log is signed with');
    } else findings.covered.add(RUN_FILES.privateKey);
  }
}

function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
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
  if (file === RUN_FILES.salts) return 'salts were made or destroyed since it was logged';
  if (file === `${RUN_FILES.log}${CHECKPOINT_PATH}` || file === RUN_FILES.key)
    return 'holds signatures of keys that are not known here';
  return 'the log has no digest of it';
}
