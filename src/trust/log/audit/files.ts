/**
 * The audit of the files that a log vouches for: task and plan, models, ledgers, metrics, and what only the holder has.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import { createSigningKey, equalBytes, fromHex, sha256, toHex } from '../../../foundations/crypto/index.ts';
import type { SignedCheckpoint } from '../checkpoint.ts';
import type { Findings } from './report.ts';
import { type AuditOptions, type DerivedPlan, RUN_FILES, type RunFiles } from './run-files.ts';
import type { Story } from './story.ts';

const hexOf = (bytes: Uint8Array): string => toHex(sha256(bytes));

/** Compares every file that the log has a digest of, and derives the plan anew. */
export async function auditFiles(
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

  if (story.keyStoreDigest !== null) await compare(RUN_FILES.keyStore, story.keyStoreDigest, 'the key store');
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
        derived.concurrency !== plan.concurrency ||
        canonicalize(derived.event) !== canonicalize(plan.event))
    ) {
      findings.add(
        'verify/plan-mismatch',
        RUN_FILES.task,
        'this version derives another plan from the task than the one that was logged',
      );
    }
  }
  if (derived?.version === task?.version && derived?.countsMemberships === false) {
    const counted = [...story.opened.values()].find(({ memberships }) => memberships !== undefined);
    if (counted !== undefined) {
      findings.add(
        'verify/attempt-uncharged',
        RUN_FILES.task,
        `attempt ${counted.attempt} counts memberships, and every attempt of the task is charged`,
      );
    }
  }
  await compare(RUN_FILES.checkpoint, story.checkpointDigest ?? undefined, 'the checkpoint');
  for (const [file, digest] of Object.entries(release?.files ?? {})) {
    // An auditor is not given what is private; an erasure changes the salts; answers have salts of their own.
    if (file === RUN_FILES.salts && story.saltsChanged) continue;
    if ((file === RUN_FILES.salts || file === RUN_FILES.cohorts) && listed?.includes(file) !== true) continue;
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
export async function auditPrivate(
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
