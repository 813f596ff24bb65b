/**
 * `sotto package RUN`: a run's model with its cards, ledger and log, signed, and sealed for whom it is meant.
 *
 * @module
 */

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { Command } from 'commander';
import { parse } from 'yaml';

import { sha256, toHex, utf8 } from '../foundations/crypto/index.ts';
import { readFileOf, type Vault, writeFileAtomic } from '../runtime/storage/index.ts';
import { createPrivacyCard, parseControllerFacts } from '../trust/card/index.ts';
import { readRun, type RunStory } from '../trust/log/index.ts';
import {
  createModelSigner,
  createPackage,
  decodePem,
  formatModelCard,
  type ModelSigner,
  MODEL_FILE,
  type PackageFacts,
  type PackageFiles,
  sealFor,
} from '../trust/package/index.ts';
import { derivePlan } from './derive-plan.ts';
import { UsageError } from './exit-codes.ts';
import { vaultOfRun } from './key-store-options.ts';
import { memoryFiles, writeCards } from './package-story.ts';
import { folderFiles } from './run-files.ts';

interface Options {
  readonly signKey: string;
  readonly chain: readonly string[];
  readonly recipient: readonly string[];
  readonly card: readonly string[];
  readonly facts?: string;
  readonly name?: string;
  readonly keyStore?: string;
  readonly out?: string;
  readonly json?: boolean;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** Creates the command. */
export function createPackageCommand(): Command {
  return new Command('package')
    .description('Make a signed package of a finished run: model, cards, ledger and log in one file.')
    .argument('<run>', 'run folder')
    .requiredOption('--sign-key <file>', 'private key, PEM (sotto keystore signing-key)')
    .option('--chain <file>', 'certificates of that key, PEM, leaf first, root left out; repeatable', collect, [])
    .option('--recipient <age1…>', 'seal it for this age recipient; repeatable', collect, [])
    .option('--facts <file>', 'YAML with what no log knows, for the privacy card: controller, purpose, legalBasis…')
    .option('--card <file>', 'further file to put in; repeatable', collect, [])
    .option('--name <name>', 'name of the model (default: the task’s)')
    .option('--key-store <folder>', 'key store of a sealed run folder')
    .option('--out <file>', 'file to make (default: NAME.sotto)')
    .option('--json', 'print what was made as JSON')
    .action((run: string, options: Options) => makePackage(run, options));
}

/** Files of a run that are its holder's alone, or nobody's once it has ended. */
const KEPT_BACK = /^(private\/|receipts\/|run\.lock$|.*\.part$)/;

/** Reads everything of a run that goes into a package, opening what is sealed. */
async function readFiles(run: string, vault: Vault | undefined): Promise<Map<string, Uint8Array>> {
  const source = folderFiles(run, vault);
  const files = new Map<string, Uint8Array>();
  for (const name of (await source.list()) ?? []) {
    const bytes = KEPT_BACK.test(name) ? undefined : await source.read(name);
    if (bytes !== undefined) files.set(name, bytes);
  }
  return files;
}

/** Imports a signing key from PEM: PKCS #8 or SEC 1. */
export async function readSigner(path: string, chain: readonly string[]): Promise<ModelSigner> {
  const text = new TextDecoder().decode(readFileOf(path, 'signing key'));
  let pkcs8: Uint8Array;
  let spki: Uint8Array;
  try {
    const key = createPrivateKey(text);
    pkcs8 = new Uint8Array(key.export({ type: 'pkcs8', format: 'der' }));
    spki = new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
  } catch {
    throw new UsageError(`${path} is not a private key in PEM without a passphrase`);
  }
  const certificates = chain.flatMap((file) => decodePem(readFileSync(file, 'utf8'), 'CERTIFICATE', file));
  const signer = await createModelSigner(pkcs8, { spki, ...(certificates.length === 0 ? {} : { certificates }) });
  pkcs8.fill(0);
  return signer;
}

interface Summary {
  readonly task: string;
  readonly accuracy: number | null;
  readonly epsilon: number | null;
  readonly delta: number | null;
  readonly privacyUnit: string | null;
  readonly relation: string | null;
  readonly accountant: string | null;
  readonly trust: string;
  readonly aggregation: string;
  readonly rounds: number;
  readonly participants: number;
  readonly seeded: boolean;
  readonly model: { readonly parameters: number };
}

/** What the log amounts to, as the manifest says it. */
function privacyOf({ report, story }: RunStory): PackageFacts['privacy'] {
  const account = story?.report?.accounts[0];
  if (report.epsilon === null || report.delta === null || account === undefined) return null;
  return {
    epsilon: report.epsilon,
    delta: report.delta,
    privacyUnit: account.privacyUnit,
    relation: account.relation,
    ledgerHead: story?.report?.head.hash ?? null,
  };
}

/** Audits what is about to be packed: nothing is signed that a receiver could not verify. */
async function auditFiles(files: PackageFiles, run: string): Promise<RunStory> {
  const story = await readRun(memoryFiles(files), { derivePlan });
  const [first] = story.report.problems;
  if (first === undefined) return story;
  throw new UsageError(
    `${run} does not verify: ${first.file}: ${first.detail} (${first.code}). Nothing was packed; see sotto verify ${run}`,
  );
}

async function makePackage(run: string, options: Options): Promise<void> {
  if (!existsSync(join(run, MODEL_FILE))) throw new UsageError(`${run} has no ${MODEL_FILE}: the run has not ended`);
  const vault = await vaultOfRun(run, options.keyStore);
  const files = await readFiles(run, vault);
  vault?.close();
  const summary = JSON.parse(new TextDecoder().decode(files.get('summary.json'))) as Summary;
  const story = await auditFiles(files, run);
  const privacy = privacyOf(story);
  const name = options.name ?? summary.task;
  const model = files.get(MODEL_FILE) as Uint8Array;
  const task = files.get('task.resolved.yaml');
  const card = formatModelCard({
    ...summary,
    name,
    parameters: summary.model.parameters,
    privacy: privacy === null ? null : { ...privacy, accountant: summary.accountant ?? '' },
    modelDigest: toHex(sha256(model)),
  });
  files.set('README.md', utf8(card));
  const facts = options.facts === undefined ? {} : parseControllerFacts(parse(readFileSync(options.facts, 'utf8')));
  for (const [file, bytes] of writeCards(createPrivacyCard(story, facts))) files.set(file, bytes);
  for (const file of options.card) files.set(basename(file), readFileOf(file, 'card'));
  const signer = await readSigner(options.signKey, options.chain);
  const stated = {
    name,
    createdAt: new Date(),
    privacy: summary.seeded ? null : privacy,
    taskDigest: task === undefined ? null : toHex(sha256(task)),
  };
  const archive = await createPackage(files, { facts: stated, signer });
  const sealed = options.recipient.length > 0;
  let bytes = archive;
  if (sealed) {
    try {
      bytes = await sealFor(archive, { kind: 'recipients', recipients: options.recipient });
    } catch (error) {
      if (error instanceof RangeError) throw new UsageError(error.message);
      throw error;
    }
  }
  const out = options.out ?? `${name.replaceAll(/[^A-Za-z0-9._-]+/g, '-')}.sotto`;
  if (existsSync(out)) throw new UsageError(`${out} exists: nothing was overwritten. Choose another file with --out`);
  writeFileAtomic(out, bytes);
  const made = {
    file: out,
    sha256: toHex(sha256(bytes)),
    sizeBytes: bytes.length,
    files: files.size + 2,
    sealed,
    privacy: stated.privacy,
  };
  const guarantee =
    stated.privacy === null ? 'NOT PRIVATE' : `ε = ${stated.privacy.epsilon.toFixed(3)} at δ = ${stated.privacy.delta}`;
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(made, undefined, 2)}\n`
      : `made ${out}: ${made.files} files, ${bytes.length} bytes, ${guarantee}${sealed ? `, sealed for ${options.recipient.length}` : ''}\n` +
          `  sha256 ${made.sha256}\n`,
  );
}
