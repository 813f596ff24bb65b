/**
 * `sotto package RUN`: a run's model with its cards, ledger and log, signed, and sealed for whom it is meant.
 *
 * @module
 */

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

import { Command } from 'commander';

import { sha256, toHex, utf8 } from '../foundations/crypto/index.ts';
import { verifyLedger } from '../privacy/accounting/index.ts';
import { createVaultReader, isSealedFile, readFileOf, type Vault, writeFileAtomic } from '../runtime/storage/index.ts';
import {
  createModelSigner,
  createPackage,
  decodePem,
  formatModelCard,
  type ModelSigner,
  MODEL_FILE,
  type PackageFacts,
  sealFor,
} from '../trust/package/index.ts';
import { UsageError } from './exit-codes.ts';
import { vaultOfRun } from './key-store-options.ts';

interface Options {
  readonly signKey: string;
  readonly chain: readonly string[];
  readonly recipient: readonly string[];
  readonly card: readonly string[];
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
    .option('--card <file>', 'further file to put in, such as a privacy card; repeatable', collect, [])
    .option('--name <name>', 'name of the model (default: the task’s)')
    .option('--key-store <folder>', 'key store of a sealed run folder')
    .option('--out <file>', 'file to make (default: NAME.sotto)')
    .option('--json', 'print what was made as JSON')
    .action((run: string, options: Options) => makePackage(run, options));
}

/** Files of a run that are its holder's alone, or nobody's once it has ended. */
const KEPT_BACK = /^(private\/|receipts\/|run\.lock$|.*\.part$)/;

/** Reads everything of a run that goes into a package, opening what is sealed. */
function readRun(run: string, vault: Vault | undefined): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const readLines = vault === undefined ? undefined : createVaultReader(vault);
  for (const path of readdirSync(run, { recursive: true, encoding: 'utf8' })) {
    const name = path.replaceAll('\\', '/');
    if (KEPT_BACK.test(name) || !statSync(join(run, path)).isFile()) continue;
    const bytes = readFileOf(join(run, path), 'run folder');
    if (vault !== undefined && isSealedFile(bytes)) files.set(name, vault.open(name, bytes));
    else if (readLines !== undefined && name.endsWith('.jsonl')) files.set(name, readLines(name, bytes));
    else files.set(name, bytes);
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

/** What the ledger says was spent, recomputed from its records. */
function privacyOf(files: ReadonlyMap<string, Uint8Array>, summary: Summary): PackageFacts['privacy'] {
  const ledger = files.get('ledger.jsonl');
  if (ledger === undefined) {
    if (summary.epsilon !== null) throw new UsageError('the run claims a guarantee and has no ledger');
    return null;
  }
  const lines = new TextDecoder().decode(ledger).split('\n').slice(0, -1);
  const report = verifyLedger(lines.map(utf8));
  const [account] = report.accounts;
  if (account === undefined) throw new UsageError('the ledger has no account');
  return {
    epsilon: account.spent.epsilon,
    delta: account.spent.delta,
    privacyUnit: account.privacyUnit,
    relation: account.relation,
    ledgerHead: report.head.hash,
  };
}

async function makePackage(run: string, options: Options): Promise<void> {
  if (!existsSync(join(run, MODEL_FILE))) throw new UsageError(`${run} has no ${MODEL_FILE}: the run has not ended`);
  const vault = await vaultOfRun(run, options.keyStore);
  const files = readRun(run, vault);
  vault?.close();
  const summary = JSON.parse(new TextDecoder().decode(files.get('summary.json'))) as Summary;
  const privacy = privacyOf(files, summary);
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
  for (const file of options.card) files.set(basename(file), readFileOf(file, 'card'));
  const signer = await readSigner(options.signKey, options.chain);
  const facts = {
    name,
    createdAt: new Date(),
    privacy: summary.seeded ? null : privacy,
    taskDigest: task === undefined ? null : toHex(sha256(task)),
  };
  const archive = await createPackage(files, { facts, signer });
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
    privacy: facts.privacy,
  };
  const guarantee =
    facts.privacy === null ? 'NOT PRIVATE' : `ε = ${facts.privacy.epsilon.toFixed(3)} at δ = ${facts.privacy.delta}`;
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(made, undefined, 2)}\n`
      : `made ${out}: ${made.files} files, ${bytes.length} bytes, ${guarantee}${sealed ? `, sealed for ${options.recipient.length}` : ''}\n` +
          `  sha256 ${made.sha256}\n`,
  );
}
