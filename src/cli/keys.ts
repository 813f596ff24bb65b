/**
 * `sotto keys`: identity keys of participants, and the certificates by which an enrolment authority that is not the
 * coordinator makes them real to each other. Keys are shown by their fingerprints, never themselves.
 *
 * @module
 */

import { copyFileSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { Command } from 'commander';

import { participantIdOf } from '../federation/wire/index.ts';
import { createSigningKey, fromHex, type SigningKey, sha256, toHex } from '../foundations/crypto/index.ts';
import { loadOrCreateKey, readFileOf, saveKey, writeFileAtomic } from '../runtime/storage/index.ts';
import { readEntropy } from '../foundations/random/index.ts';
import { issueCertificate } from '../secure/secagg/index.ts';
import { UsageError } from './exit-codes.ts';
import { fingerprintOf, KEY_LOG, loadOrMakeKey, withKeyLog } from './logged-keys.ts';

interface KeyOptions {
  readonly home: string;
  readonly json?: boolean;
}

interface CertifyOptions {
  readonly authority: string;
  readonly scope: string;
  readonly key: string;
  readonly out?: string;
  readonly json?: boolean;
}

const KEY_SUFFIX = '.key';
const HEX_KEY = /^[0-9a-f]{64}$/;

/** Creates the command with its subcommands. */
export function createKeysCommand(): Command {
  const home = (command: Command): Command =>
    command.option('--home <folder>', 'folder with the keys', 'sotto-participant').option('--json', 'as JSON');
  const named = (command: Command): Command => home(command).argument('[name]', 'name of the key', 'identity');
  return new Command('keys')
    .description('Identity keys, and certificates of an enrolment authority.')
    .addCommand(named(new Command('create').description('Make a key.')).action(create))
    .addCommand(home(new Command('list').description('List the keys of a folder.')).action(list))
    .addCommand(named(new Command('show').description('Show a key’s fingerprint and public part.')).action(show))
    .addCommand(
      named(
        new Command('rotate').description(
          'Put a new key in the place of one; the old one stays beside it, out of use.',
        ),
      ).action(rotate),
    )
    .addCommand(
      new Command('certify')
        .description('As an enrolment authority: certify that a key is a participant’s.')
        .requiredOption('--authority <file>', 'the authority’s key file; made when it is not there')
        .requiredOption('--scope <name>', 'name of the federation, as in the participants’ policies')
        .requiredOption('--key <hex>', 'public key of the participant, from sotto keys show')
        .option('--out <file>', 'where the certificate goes; printed when left out')
        .option('--json', 'print { certificate, participant, authorityKey, scope } as JSON')
        .action(certify),
    );
}

function pathOf(home: string, name: string): string {
  if (!/^[a-z0-9][a-z0-9._-]{0,60}$/i.test(name)) throw new UsageError(`"${name}" is not a name of a key`);
  return join(home, `${name}${KEY_SUFFIX}`);
}

function load(path: string): SigningKey {
  if (!existsSync(path)) throw new UsageError(`${path} does not exist: sotto keys create`);
  return createSigningKey(loadOrCreateKey(path));
}

function describe(name: string, { publicKey }: SigningKey): Record<string, string> {
  return {
    name,
    participant: participantIdOf(publicKey),
    fingerprint: fingerprintOf({ publicKey }),
    publicKey: toHex(publicKey),
  };
}

function print(keys: readonly Record<string, string>[], { json }: KeyOptions, whole: boolean): void {
  if (json === true) {
    process.stdout.write(`${JSON.stringify(whole ? keys[0] : { keys })}\n`);
    return;
  }
  for (const { name, participant, fingerprint, publicKey } of keys) {
    process.stdout.write(`${name}  ${participant}\n  fingerprint ${fingerprint}\n  public key  ${publicKey}\n`);
  }
}

async function create(name: string, options: KeyOptions): Promise<void> {
  const path = pathOf(options.home, name);
  const seed = readEntropy(32);
  const key = createSigningKey(seed);
  await withKeyLog(options.home, async (log) => {
    if (existsSync(path)) throw new UsageError(`${path} exists: sotto keys rotate ${name} puts a new one in its place`);
    await log.perform({ act: 'made', key: fingerprintOf(key) }, () => saveKey(path, seed));
  });
  print([describe(name, key)], options, true);
}

function list(options: KeyOptions): void {
  if (!existsSync(options.home)) throw new UsageError(`${options.home} does not exist: sotto keys create`);
  const names = readdirSync(options.home)
    .filter((file) => file.endsWith(KEY_SUFFIX))
    .map((file) => file.slice(0, -KEY_SUFFIX.length))
    .toSorted();
  print(
    names.map((name) => describe(name, load(pathOf(options.home, name)))),
    options,
    false,
  );
}

function show(name: string, options: KeyOptions): void {
  print([describe(name, load(pathOf(options.home, name)))], options, true);
}

async function rotate(name: string, options: KeyOptions): Promise<void> {
  const path = pathOf(options.home, name);
  load(path);
  const seed = readEntropy(32);
  const key = createSigningKey(seed);
  const kept = await withKeyLog(options.home, async (log) => {
    const old = load(path);
    const retired = join(options.home, `${name}.${toHex(sha256(old.publicKey)).slice(0, 8)}.retired`);
    const next = `${path}.next`;
    const act = { act: 'replaced', key: fingerprintOf(old), detail: `by ${fingerprintOf(key)}` } as const;
    await log.perform(act, () => {
      rmSync(next, { force: true });
      saveKey(next, seed);
      // There is a key under the name at any time: whoever finds none makes one.
      copyFileSync(path, retired);
      renameSync(next, path);
    });
    return retired;
  });
  print([describe(name, key)], options, true);
  process.stderr.write(
    `the old key is in ${kept}, out of use; the new one is another participant: ask for an invitation, have it certified; sotto verify ${join(options.home, KEY_LOG)} shows the change\n`,
  );
}

async function certify({ authority, scope, key, out, json }: CertifyOptions): Promise<void> {
  const text = key.endsWith(KEY_SUFFIX) ? new TextDecoder().decode(readFileOf(key, 'public key')).trim() : key;
  if (!HEX_KEY.test(text)) throw new UsageError('--key must be the 64 digits of a public key, from sotto keys show');
  const isNew = !existsSync(authority);
  const signer = await loadOrMakeKey(authority);
  // A name that was mistyped would otherwise look like the authority that everybody knows.
  if (isNew) process.stderr.write(`made ${authority}, a new authority: no policy names it yet\n`);
  const identityKey = fromHex(text);
  const participant = participantIdOf(identityKey);
  const certificate = toHex(issueCertificate(signer, { scope, id: participant, identityKey }));
  const authorityKey = toHex(signer.publicKey);
  if (out !== undefined) writeFileAtomic(out, `${certificate}\n`);
  if (json === true) {
    process.stdout.write(`${JSON.stringify({ certificate, participant, authorityKey, scope })}\n`);
    return;
  }
  if (out === undefined) process.stdout.write(`${certificate}\n`);
  process.stderr.write(
    `in the participants’ policies: admission: { kind: authority, authorityKey: ${authorityKey}, scope: ${scope} }\n`,
  );
}
