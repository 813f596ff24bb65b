/**
 * `sotto open PACKAGE`: checks a package against whom you trust, and writes its files only when everything holds.
 *
 * @module
 */

import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { Command } from 'commander';

import { createSigstoreAnchor } from '../runtime/drivers/index.ts';
import { readFileOf, writeFileAtomic } from '../runtime/storage/index.ts';
import {
  type ChannelState,
  decodePem,
  isSealed,
  openChannel,
  openSeal,
  PackageError,
  type PackageFiles,
  type PackageVerdict,
  releaseOf,
  type SignatureTrust,
  verifyPackage,
  verifySignedFiles,
} from '../trust/package/index.ts';
import { UsageError } from './exit-codes.ts';
import { checkStory, type StoryProblem } from './package-story.ts';
import { folderFiles } from './run-files.ts';

interface Options {
  readonly publicKey: readonly string[];
  readonly root: readonly string[];
  readonly identity: readonly string[];
  readonly keyless?: string;
  readonly issuer?: string;
  readonly sigstoreRoot?: string;
  readonly ignore: readonly string[];
  readonly channel?: string;
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
    .option('--channel <file>', 'update channel: the package must be one of its releases')
    .option('--channel-state <file>', 'what is known of the channel; brought up to date when the package holds')
    .option('--to <folder>', 'folder to make with the files')
    .option('--json', 'print { ok, epsilon, delta, problems, … } as JSON')
    .action((target: string, options: Options) => open(target, options));
}

function keylessOf({ keyless, issuer, sigstoreRoot }: Options): readonly SignatureTrust[] {
  if (keyless === undefined) return [];
  if (issuer === undefined || sigstoreRoot === undefined) {
    throw new UsageError('--keyless needs --issuer and --sigstore-root');
  }
  const root = new TextDecoder().decode(readFileOf(sigstoreRoot, 'trusted root'));
  return [{ kind: 'keyless', identity: keyless, issuer, anchor: createSigstoreAnchor(root) }];
}

function trustOf(options: Options): readonly SignatureTrust[] {
  const { publicKey, root } = options;
  const read = (path: string, label: string): readonly Uint8Array[] =>
    decodePem(new TextDecoder().decode(readFileOf(path, 'trusted key')), label, path);
  const keys = publicKey.flatMap((path) => read(path, 'PUBLIC KEY').map((spki) => ({ kind: 'key', spki }) as const));
  const roots = root.flatMap((path) => read(path, 'CERTIFICATE'));
  const keyless = keylessOf(options);
  if (keys.length + roots.length + keyless.length === 0) {
    throw new UsageError('say whose signature counts: --public-key, --root or --keyless');
  }
  return [...keys, ...keyless, ...(roots.length === 0 ? [] : [{ kind: 'x509', roots } as const])];
}

function identitiesOf(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) =>
    new TextDecoder()
      .decode(readFileOf(path, 'identity'))
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
}

async function filesOfFolder(folder: string): Promise<PackageFiles> {
  const files = folderFiles(folder);
  const read = async (name: string) => [name, (await files.read(name)) as Uint8Array] as const;
  return new Map(await Promise.all(((await files.list()) ?? []).map(read)));
}

/** Checks the channel, and returns what is to be remembered of it. */
function checkChannel(bytes: Uint8Array, { channel, channelState }: Options): ChannelState | undefined {
  if (channel === undefined) return undefined;
  if (channelState === undefined)
    throw new UsageError('--channel needs --channel-state: whose keys count, and what was seen');
  const state = JSON.parse(new TextDecoder().decode(readFileOf(channelState, 'channel state'))) as ChannelState;
  const opened = openChannel(readFileOf(channel, 'channel'), { state, at: new Date() });
  releaseOf(opened.body, bytes);
  return opened.state;
}

/** A verdict on the signature, and on the log inside. */
interface Verdict extends Omit<PackageVerdict, 'problems'> {
  readonly problems: readonly StoryProblem[];
  readonly state?: ChannelState | undefined;
  /** Recomputed from the log; absent where there was none to look at. */
  readonly epsilon?: number | null;
  readonly delta?: number | null;
}

async function judge(target: string, options: Options): Promise<Verdict> {
  const trust = trustOf(options);
  const at = new Date();
  if (statSync(target).isDirectory()) {
    return verifySignedFiles(await filesOfFolder(target), { trust, at, ignoredPaths: options.ignore });
  }
  try {
    const bytes = readFileOf(target, 'package');
    const state = checkChannel(bytes, options);
    const archive =
      isSealed(bytes) && options.identity.length > 0
        ? await openSeal(bytes, { identities: identitiesOf(options.identity) })
        : bytes;
    const verdict = await verifyPackage(archive, { trust, at });
    if (!verdict.ok) return { ...verdict, state };
    const { problems, epsilon, delta } = await checkStory(verdict.files, verdict);
    if (problems.length > 0) return { ...verdict, ok: false, problems, files: new Map(), state };
    return { ...verdict, state, epsilon, delta };
  } catch (error) {
    if (!(error instanceof PackageError)) throw error;
    const { file = target } = error.details;
    const named = typeof file === 'string' ? file : target;
    const problems = [{ code: error.code, file: named, detail: error.message }];
    return { ok: false, problems, signer: null, manifest: null, files: new Map() };
  }
}

async function open(target: string, options: Options): Promise<void> {
  if (!existsSync(target)) throw new UsageError(`${target} does not exist: name a package`);
  const { to } = options;
  if (to !== undefined && existsSync(to)) throw new UsageError(`${to} exists: nothing was overwritten`);
  const { ok, problems, signer, manifest, files, state, epsilon = null, delta = null } = await judge(target, options);
  if (ok && to !== undefined) {
    for (const [name, bytes] of files) {
      const path = join(to, ...name.split('/'));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
    }
  }
  if (ok && state !== undefined && options.channelState !== undefined) {
    writeFileAtomic(options.channelState, `${JSON.stringify(state, undefined, 2)}\n`);
  }
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
