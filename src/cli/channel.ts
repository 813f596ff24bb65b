/**
 * `sotto channel`: the update channel of a model, for those who publish: keys, versions with their releases and expiry,
 * signatures by as many keys as the channel asks for, and the state that receivers begin with.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { basename } from 'node:path';

import { Command } from 'commander';

import { createSigningKey, sha256, type SigningKey, toHex } from '../foundations/crypto/index.ts';
import { loadOrCreateKey, readFileOf, writeFileAtomic } from '../runtime/storage/index.ts';
import {
  type ChannelBody,
  followChannel,
  PackageError,
  parseChannelState,
  readChannel,
  signChannel,
} from '../trust/package/index.ts';
import { UsageError } from './exit-codes.ts';
import { loadOrMakeKey } from './logged-keys.ts';

interface Options {
  readonly channel?: string;
  readonly key: readonly string[];
  readonly publicKey: readonly string[];
  readonly threshold?: string;
  readonly package?: string;
  readonly as?: string;
  readonly withdraw: readonly string[];
  readonly days: string;
  readonly state?: string;
  readonly json?: boolean;
}

const DAY_MS = 24 * 3600 * 1000;
const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** Creates the command with its subcommands. */
export function createChannelCommand(): Command {
  const command = new Command('channel').description(
    'Publish a model’s releases in a signed channel that receivers follow: no rollback, no freeze.',
  );
  const add = (name: string, text: string): Command =>
    command.command(name).description(text).option('--json', 'as JSON').exitOverride();
  add('key <file>', 'Make a key of the channel, or show the public part of one that is there.').action(
    async (file: string, options: Options) => {
      const { publicKey } = await loadOrMakeKey(file);
      print(options, { value: { file, publicKey: toHex(publicKey) }, text: toHex(publicKey) });
    },
  );
  add('init <state>', 'Write the state that a receiver begins with: whose keys count. Hand it over by another way.')
    .requiredOption('--channel <name>', 'name of the channel, such as digits/stable')
    .option('--public-key <hex>', 'key of the channel; repeatable', collect, [])
    .option('--threshold <count>', 'keys that must sign', '1')
    .action((state: string, options: Options) => init(state, options));
  add('publish <file>', 'Make the next version of a channel, and sign it with the keys at hand.')
    .option('--channel <name>', 'name, for the first version')
    .option('--key <file>', 'key that signs; repeatable', collect, [])
    .option('--package <file>', 'package to release')
    .option('--as <version>', 'version of that release')
    .option('--withdraw <version>', 'release to take out; repeatable', collect, [])
    .option('--public-key <hex>', 'new keys of the channel, all of them; repeatable', collect, [])
    .option('--threshold <count>', 'keys that must sign from this version on')
    .option('--days <count>', 'days until it expires; publish again before that, changed or not', '30')
    .action((file: string, options: Options) => publish(file, options));
  add('sign <file>', 'Add signatures of further keys to a version.')
    .option('--key <file>', 'key that signs; repeatable', collect, [])
    .action((file: string, options: Options) => sign(file, options));
  add('show <files...>', 'Check a channel as a receiver does. Exit code 0 or 1.')
    .requiredOption('--state <file>', 'what is known of the channel')
    .action((files: readonly string[], options: Options) => show(files, options));
  return command;
}

function print({ json }: Options, { value, text }: { value: unknown; text: string }): void {
  process.stdout.write(json === true ? `${JSON.stringify(value, undefined, 2)}\n` : `${text}\n`);
}

function countOf(text: string, option: string, most: number): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1 || count > most) {
    throw new UsageError(`${option} must be an integer in [1, ${most}], got "${text}"`);
  }
  return count;
}

/** Reads keys; each must be there, since a mistyped name must not make a new one. */
function keysOf(files: readonly string[]): SigningKey[] {
  if (files.length === 0) throw new UsageError('name a key that signs: --key FILE');
  return files.map((file) => {
    if (!existsSync(file)) throw new UsageError(`the key ${file} does not exist: sotto channel key ${file}`);
    return createSigningKey(loadOrCreateKey(file));
  });
}

function keySetOf({ publicKey, threshold = '1' }: Options): ChannelBody['keys'] {
  if (publicKey.length === 0) throw new UsageError('name the keys of the channel: --public-key HEX');
  const wrong = publicKey.find((key) => !/^[0-9a-f]{64}$/.test(key));
  if (wrong !== undefined) throw new UsageError(`--public-key takes 64 hexadecimal digits, got "${wrong}"`);
  const publicKeys = [...new Set(publicKey)];
  return { threshold: countOf(threshold, '--threshold', publicKeys.length), publicKeys };
}

function init(path: string, options: Options): void {
  if (existsSync(path)) throw new UsageError(`${path} exists: nothing was overwritten`);
  const state = parseChannelState({ channel: options.channel, version: 0, digest: null, keys: keySetOf(options) });
  writeFileAtomic(path, `${JSON.stringify(state, undefined, 2)}\n`);
  print(options, {
    value: state,
    text: `wrote ${path}: ${state.keys.threshold} of ${state.keys.publicKeys.length} keys`,
  });
}

/** What the next version has of the one before. */
function earlierBody(file: string, { channel, publicKey, threshold }: Options): Omit<ChannelBody, 'expiresAt'> {
  if (!existsSync(file)) {
    if (channel === undefined) throw new UsageError(`${file} does not exist: name the channel with --channel`);
    return { channel, version: 0, keys: keySetOf({ publicKey, threshold } as Options), releases: [] };
  }
  const { body } = readChannel(readFileOf(file, 'channel'));
  if (channel !== undefined && channel !== body.channel) {
    throw new UsageError(`${file} is the channel ${body.channel}, not ${channel}`);
  }
  const keys =
    publicKey.length === 0
      ? threshold === undefined
        ? body.keys
        : { ...body.keys, threshold: countOf(threshold, '--threshold', body.keys.publicKeys.length) }
      : keySetOf({ publicKey, threshold: threshold ?? String(body.keys.threshold) } as Options);
  return { ...body, keys };
}

function publish(file: string, options: Options): void {
  const keys = keysOf(options.key);
  const before = earlierBody(file, options);
  const days = countOf(options.days, '--days', 366);
  const unknown = options.withdraw.find((version) => !before.releases.some((each) => each.version === version));
  if (unknown !== undefined) throw new UsageError(`the channel has no release ${unknown}`);
  const releases = before.releases.filter(({ version }) => !options.withdraw.includes(version));
  if ((options.package === undefined) !== (options.as === undefined)) {
    throw new UsageError('--package and --as go together');
  }
  if (options.package !== undefined && options.as !== undefined) {
    if (releases.some(({ version }) => version === options.as)) {
      throw new UsageError(`the channel has a release ${options.as} already: a release is never changed`);
    }
    const bytes = readFileOf(options.package, 'package');
    releases.push({
      version: options.as,
      sha256: toHex(sha256(bytes)),
      sizeBytes: bytes.length,
      path: basename(options.package),
    });
  }
  const body: ChannelBody = {
    ...before,
    version: before.version + 1,
    expiresAt: new Date(Date.now() + days * DAY_MS).toISOString(),
    releases,
  };
  writeFileAtomic(file, signChannel(body, keys));
  say(file, options);
}

function sign(file: string, options: Options): void {
  const earlier = readFileOf(file, 'channel');
  writeFileAtomic(file, signChannel(readChannel(earlier).body, keysOf(options.key), earlier));
  say(file, options);
}

function say(file: string, options: Options): void {
  const { body, signedBy } = readChannel(readFileOf(file, 'channel'));
  const own = signedBy.filter((key) => body.keys.publicKeys.includes(key)).length;
  const missing = Math.max(0, body.keys.threshold - own);
  print(options, {
    value: { ...body, signatures: signedBy.length, missing },
    text:
      `${file}: ${body.channel} version ${body.version}, ${body.releases.length} releases, until ${body.expiresAt}` +
      (missing > 0 ? `; ${missing} more signatures are needed: sotto channel sign` : ''),
  });
}

function show(files: readonly string[], options: Options): void {
  try {
    const state = parseChannelState(
      JSON.parse(new TextDecoder().decode(readFileOf(options.state ?? '', 'channel state'))),
    );
    const chain = files.map((file) => readFileOf(file, 'channel'));
    const { body } = followChannel(chain, { state, at: new Date() });
    const newest = body.releases.at(-1);
    print(options, {
      value: { ok: true, problems: [], ...body },
      text: `HOLDS: ${body.channel} version ${body.version} until ${body.expiresAt}; newest release ${newest?.version ?? 'none'}`,
    });
  } catch (error) {
    if (!(error instanceof PackageError)) throw error;
    const problems = [{ code: error.code, file: files.at(-1) ?? '', detail: error.message }];
    print(options, { value: { ok: false, problems }, text: `REFUSED: ${error.message} (${error.code})` });
    process.exitCode = 1;
  }
}
