/**
 * `sotto open PACKAGE`: checks a package against whom you trust, and writes its files only when everything holds.
 *
 * @module
 */

import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { Command } from 'commander';

import { readFileOf, writeFileAtomic } from '../runtime/storage/index.ts';
import {
  followChannel,
  isSealed,
  openSeal,
  PackageError,
  type PackageFiles,
  type PackageVerdict,
  parseChannelState,
  releaseOf,
  verifyPackage,
  verifySignedFiles,
} from '../trust/package/index.ts';
import { UsageError } from './exit-codes.ts';
import { checkStory, type StoryProblem } from './package-story.ts';
import { identitiesOf, readPackage, trustOf } from './package-trust.ts';
import { folderFiles } from './run-files.ts';

interface Options {
  readonly publicKey: readonly string[];
  readonly root: readonly string[];
  readonly identity: readonly string[];
  readonly keyless?: string;
  readonly issuer?: string;
  readonly sigstoreRoot?: string;
  readonly ignore: readonly string[];
  readonly channel: readonly string[];
  readonly release?: string;
  readonly channelState?: string;
  readonly to?: string;
  readonly json?: boolean;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** Creates the command. */
export function createOpenCommand(): Command {
  return new Command('open')
    .description('Check a package, or a folder signed with OpenSSF model signing, and unpack it. Exit code 0 or 1.')
    .argument('<package>', 'package file, or folder with a model.sig')
    .option('--public-key <file>', 'key whose signature counts, PEM; repeatable', collect, [])
    .option('--root <file>', 'root whose certificates’ signatures count, PEM; repeatable', collect, [])
    .option('--identity <file>', 'age identity that opens a sealed package; repeatable', collect, [])
    .option('--keyless <identity>', 'identity whose keyless signature counts, with --issuer and --sigstore-root')
    .option('--issuer <url>', 'who vouches for that identity at sign-in')
    .option('--sigstore-root <file>', 'trusted_root.json of Sigstore')
    .option('--ignore <path>', 'path that is not signed, for formats that do not record it; repeatable', collect, [])
    .option(
      '--channel <file>',
      'update channel: the package must be its newest release; repeatable, oldest first, for versions that were missed',
      collect,
      [],
    )
    .option('--channel-state <file>', 'what is known of the channel; brought up to date as soon as the channel holds')
    .option('--release <version>', 'an older release of the channel, by its version')
    .option('--to <folder>', 'folder to make with the files')
    .option('--json', 'print { ok, epsilon, delta, problems, … } as JSON')
    .action((target: string, options: Options) => open(target, options));
}

async function filesOfFolder(folder: string): Promise<PackageFiles> {
  const files = folderFiles(folder);
  const read = async (name: string) => {
    const bytes = await files.read(name);
    if (bytes !== undefined) return [name, bytes] as const;
    throw new PackageError('package/not-a-file', `${name}: a link or a device; only plain files are read`, {
      details: { file: name },
    });
  };
  return new Map(await Promise.all(((await files.list()) ?? []).map(read)));
}

/** Checks the channel and that the package is its newest release. What was seen is remembered before anything else is. */
function checkChannel(bytes: Uint8Array, { channel, channelState, release }: Options): void {
  if (channel.length === 0) return;
  if (channelState === undefined)
    throw new UsageError('--channel needs --channel-state: whose keys count, and what was seen');
  let known: unknown;
  try {
    known = JSON.parse(new TextDecoder().decode(readFileOf(channelState, 'channel state')));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  const files = channel.map((file) => readFileOf(file, 'channel'));
  const { body, state } = followChannel(files, { state: parseChannelState(known), at: new Date() });
  writeFileAtomic(channelState, `${JSON.stringify(state, undefined, 2)}\n`);
  releaseOf(body, bytes, { version: release });
}

/** A verdict on the signature, and on the log inside. */
interface Verdict extends Omit<PackageVerdict, 'problems'> {
  readonly problems: readonly StoryProblem[];
  /** Recomputed from the log; absent where there was none to look at. */
  readonly epsilon?: number | null;
  readonly delta?: number | null;
}

async function judge(target: string, options: Options): Promise<Verdict> {
  const trust = trustOf(options);
  const at = new Date();
  try {
    if (statSync(target).isDirectory()) {
      return await verifySignedFiles(await filesOfFolder(target), { trust, at, ignoredPaths: options.ignore });
    }
    const bytes = readPackage(target);
    checkChannel(bytes, options);
    const archive =
      isSealed(bytes) && options.identity.length > 0
        ? await openSeal(bytes, { identities: identitiesOf(options.identity) })
        : bytes;
    const verdict = await verifyPackage(archive, { trust, at });
    if (!verdict.ok) return verdict;
    const { problems, epsilon, delta } = await checkStory(verdict.files, verdict);
    if (problems.length > 0) return { ...verdict, ok: false, problems, files: new Map() };
    return { ...verdict, epsilon, delta };
  } catch (error) {
    if (!(error instanceof PackageError)) throw error;
    const { file = target } = error.details;
    const named = typeof file === 'string' ? file : target;
    const problems = [{ code: error.code, file: named, detail: error.message }];
    return { ok: false, problems, signer: null, manifest: null, files: new Map() };
  }
}

/** Writes the files beside where they go, and puts them there all at once. */
function unpack(files: PackageFiles, to: string): void {
  const unfinished = `${to}.part`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  for (const [name, bytes] of files) {
    const path = join(unfinished, ...name.split('/'));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes, { flag: 'wx' });
  }
  renameSync(unfinished, to);
}

async function open(target: string, options: Options): Promise<void> {
  if (!existsSync(target)) throw new UsageError(`${target} does not exist: name a package`);
  const { to } = options;
  if (to !== undefined && existsSync(to)) throw new UsageError(`${to} exists: nothing was overwritten`);
  const { ok, problems, signer, manifest, files, epsilon = null, delta = null } = await judge(target, options);
  if (ok && to !== undefined) unpack(files, to);
  if (options.json === true) {
    const report = { ok, epsilon, delta, problems, signer, manifest, files: [...files.keys()] };
    process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  } else if (ok) {
    const privacy = manifest?.privacy;
    const guarantee =
      manifest === null
        ? ''
        : privacy
          ? `, ε = ${privacy.epsilon.toFixed(3)} at δ = ${privacy.delta}`
          : ', NOT PRIVATE';
    process.stdout.write(
      `HOLDS: ${manifest?.name ?? target}, ${files.size} files, signed by ${signer?.name ?? ''}${guarantee}\n`,
    );
    if (to !== undefined) process.stdout.write(`unpacked to ${to}\n`);
  } else {
    process.stdout.write(`REFUSED: nothing of ${target} was unpacked\n`);
    for (const { code, file, detail } of problems) process.stdout.write(`  ✗ ${file}: ${detail} (${code})\n`);
  }
  if (!ok) process.exitCode = 1;
}
