/**
 * `sotto verify RUN|PACKAGE|URL`: checks, offline and without trusting whoever ran it, that a run is the one its log
 * tells of: every entry, charge, model and file; and recomputes its budget.
 *
 * @module
 */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';

import { Command } from 'commander';

import { utf8 } from '../foundations/crypto/index.ts';
import { StorageError } from '../runtime/storage/index.ts';
import { type AuditReport, auditRun, RUN_FILES, type RunFiles } from '../trust/log/index.ts';
import { derivePlan } from './derive-plan.ts';
import { UsageError } from './exit-codes.ts';
import { vaultOfRun } from './key-store-options.ts';
import { folderFiles, urlFiles } from './run-files.ts';
import { checkPackage, type PackageTrust } from './verify-package.ts';
import { readVerifierKey } from './witness-options.ts';

interface VerifyOptions extends PackageTrust {
  readonly key: readonly string[];
  readonly witnesses?: string;
  readonly seen: readonly string[];
  readonly receipt: readonly string[];
  readonly token?: string;
  readonly fingerprint?: string;
  readonly keyStore?: string;
  readonly json?: boolean;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** Creates the command. */
export function createVerifyCommand(): Command {
  return new Command('verify')
    .description('Check a run, a model package or a published log, and recompute its privacy budget. Exit code 0 or 1.')
    .argument('<target>', 'run folder, package, or address of a log or a run')
    .option(
      '--key <key>',
      'key of the log or of a witness that you know: NAME+ID+KEY, or a file with it; repeatable',
      collect,
      [],
    )
    .option('--witnesses <count>', 'how many of the witnesses given by --key must have signed')
    .option('--seen <file>', 'a checkpoint you saw before: the log must continue it; repeatable', collect, [])
    .option(
      '--receipt <file>',
      'a receipt that a participant took home: the log must agree with it; repeatable',
      collect,
      [],
    )
    .option('--public-key <file>', 'for a package: key whose signature counts, PEM; repeatable', collect, [])
    .option('--root <file>', 'for a package: root whose certificates’ signatures count, PEM; repeatable', collect, [])
    .option('--keyless <identity>', 'for a package: identity whose keyless signature counts')
    .option('--issuer <url>', 'who vouches for that identity at sign-in')
    .option('--sigstore-root <file>', 'trusted_root.json of Sigstore')
    .option('--identity <file>', 'for a sealed package: age identity that opens it; repeatable', collect, [])
    .option('--key-store <folder>', 'for a sealed run folder: its key store')
    .option('--token <token>', 'for a coordinator’s log (default: SOTTO_TOKEN)')
    .option('--fingerprint <sha256>', 'pin the coordinator’s certificate')
    .option('--json', 'print { ok, epsilon, delta, problems, … } as JSON')
    .action((target: string, options: VerifyOptions) => verify(target, options));
}

async function verify(target: string, options: VerifyOptions): Promise<void> {
  const isUrl = /^https?:\/\//.test(target);
  if (!isUrl && !existsSync(target))
    throw new UsageError(`${target} does not exist: name a run folder, a package or an address`);
  if (!isUrl && statSync(target).isFile()) {
    await verifyPackageFile(target, options);
    return;
  }
  const token = options.token ?? process.env.SOTTO_TOKEN;
  const files = isUrl
    ? await urlFiles(target, { token, fingerprint: options.fingerprint })
    : await filesOfRun(target, options);
  if (files === undefined) return;
  const report = await auditRun(files, {
    ...(options.key.length === 0 ? {} : { verifiers: options.key.map(readVerifierKey) }),
    ...(options.witnesses === undefined ? {} : { witnesses: countOf(options.witnesses) }),
    seen: options.seen.map((path) => readText(path, 'checkpoint')),
    receipts: options.receipt.map((file) => ({ file, bytes: utf8(readText(file, 'receipt')) })),
    derivePlan,
  });
  if (options.json === true) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  else process.stdout.write(`${formatVerdict(report, isUrl ? target : basename(target))}\n`);
  if (!report.ok) process.exitCode = 1;
}

/** The files of a run folder, sealed or not; what keeps a sealed one from being opened is a problem like any other. */
async function filesOfRun(run: string, { keyStore, json }: VerifyOptions): Promise<RunFiles | undefined> {
  try {
    return folderFiles(run, await vaultOfRun(run, keyStore));
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    const problems = [{ code: error.code, file: RUN_FILES.task, detail: error.message }];
    process.stdout.write(
      json === true
        ? `${JSON.stringify({ ok: false, epsilon: null, delta: null, problems }, undefined, 2)}\n`
        : `${basename(run)}: 1 PROBLEM\n  ✗ ${RUN_FILES.task}: ${error.message} (${error.code})\n`,
    );
    process.exitCode = 1;
    return undefined;
  }
}

async function verifyPackageFile(path: string, options: VerifyOptions): Promise<void> {
  const report = await checkPackage(path, { ...options, verifiers: options.key.map(readVerifierKey) }, new Date());
  if (options.json === true) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  else {
    const amount = `ε = ${report.epsilon?.toFixed(3)} at δ = ${report.delta}`;
    const claim =
      report.epsilon === null
        ? 'NONE: NOT PRIVATE'
        : report.seeded
          ? `VOID (seeded); would be ${amount}`
          : `${amount}, recomputed from the log inside`;
    const lines = report.problems.map(({ code, file, detail }) => `  ✗ ${file}: ${detail} (${code})`);
    const verdict = report.ok ? 'VERIFIED' : `${lines.length} PROBLEM${lines.length === 1 ? '' : 'S'}`;
    process.stdout.write(
      [`${basename(path)}: ${verdict}`, ...lines, ...(report.ok ? [`  privacy  ${claim}`] : []), ''].join('\n'),
    );
  }
  if (!report.ok) process.exitCode = 1;
}

function readText(path: string, what: string): string {
  if (!existsSync(path)) throw new UsageError(`the ${what} ${path} does not exist`);
  return readFileSync(path, 'utf8');
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 0)
    throw new UsageError(`--witnesses must be an integer ≥ 0, got "${text}"`);
  return count;
}

/** Files of one folder that are told apart up to here; more are counted. */
const FEW = 3;

/** What is not covered, for people: a folder of many files in one line. */
function linesOfNotCovered(files: AuditReport['notCovered']): readonly string[] {
  const folderOf = (file: string): string => `${file.split('/')[0]}/`;
  const places = Map.groupBy(files, ({ file, reason }) => (file.includes('/') ? `${folderOf(file)}\n${reason}` : file));
  return [...places.values()].flatMap((each) => {
    const [{ file, reason } = { file: '', reason: '' }] = each;
    return each.length > FEW
      ? [`${folderOf(file)} (${each.length} files): ${reason}`]
      : each.map((one) => `${one.file}: ${one.reason}`);
  });
}

/** The verdict for people. */
function formatVerdict(report: AuditReport, name: string): string {
  const budget = report.seeded
    ? `VOID (seeded); would be ε = ${report.epsilon?.toFixed(3)} at δ = ${report.delta}`
    : report.epsilon === null
      ? report.task !== null && !report.isPrivate
        ? 'NONE: NOT PRIVATE'
        : report.ok && report.task === null
          ? 'nothing to recompute: this log is of no task'
          : 'cannot be recomputed'
      : `ε = ${report.epsilon.toFixed(3)} at δ = ${report.delta}, recomputed from the log alone`;
  const rows: [string, string][] = [
    ['privacy', budget],
    [
      'story',
      `${report.rounds} rounds in ${report.attempts} attempts, ${report.ledgerRecords} ledger records, ${report.leaves} leaves`,
    ],
    [
      'proofs',
      `${report.proofs.inclusion} of inclusion, ${report.proofs.consistency} of consistency; ${report.receipts} receipts`,
    ],
    ['key', `${report.key ?? 'none'}${report.keyPinned ? ', known to you' : ', taken from the run itself'}`],
    ...(report.witnesses.length === 0 ? [] : [['witnesses', report.witnesses.join(', ')] as [string, string]]),
    ['covered', `${report.covered.length} files`],
    ...linesOfNotCovered(report.notCovered).map((line, i): [string, string] => [i === 0 ? 'not covered' : '', line]),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return [
    `${name}: ${report.ok ? 'VERIFIED' : `${report.problems.length} PROBLEM${report.problems.length === 1 ? '' : 'S'}`}`,
    ...report.problems.map(({ code, file, detail }) => `  ✗ ${file}: ${detail} (${code})`),
    ...rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}`),
    ...report.notes.map((note) => `  note: ${note}`),
  ].join('\n');
}
