/**
 * `sotto keystore`: data keys under which run folders and a coordinator's state are sealed, their rotation and their
 * destruction; keys for signing packages and for receiving sealed ones.
 *
 * @module
 */

import { generateKeyPairSync } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

import { Command } from 'commander';

import {
  createVaultReader,
  isSealedFile,
  openKeyStore,
  type KeyStore,
  openVault,
  runFolderKey,
} from '../runtime/storage/index.ts';
import { createSealIdentity } from '../trust/package/index.ts';
import { UsageError } from './exit-codes.ts';
import { KEEPERS, keeperOf, newKeeperOf, openNamedKeyStore } from './key-store-options.ts';

interface Options {
  readonly keeper?: string;
  readonly out?: string;
  readonly json?: boolean;
  readonly hybrid?: boolean;
  readonly keyStore?: string;
}

/** Creates the command with its subcommands. */
export function createKeystoreCommand(): Command {
  const command = new Command('keystore').description(
    'Keys for data at rest, for signing packages and for opening them.',
  );
  const add = (name: string, text: string): Command =>
    command.command(name).description(text).option('--json', 'as JSON').exitOverride();
  add('init <folder>', 'Make a key store.')
    .option('--keeper <kind>', `who keeps its root key: ${KEEPERS.join(', ')}`, 'file')
    .action((folder: string, options: Options) => init(folder, options));
  add('list <folder>', 'List its data keys.').action((folder: string, options: Options) =>
    withStore(folder, options, (keys) => {
      const list = keys.list();
      const lines = list.map(
        ({ id, label, createdAt, destroyedAt }) =>
          `${id}  ${label}  ${destroyedAt === null ? `since ${createdAt}` : `DESTROYED ${destroyedAt}`}`,
      );
      return { value: { keeper: keys.keeper, keys: list }, text: lines.join('\n') || 'no keys' };
    }),
  );
  add('rotate <folder>', 'Replace the root key and wrap every data key anew.').action(
    (folder: string, options: Options) =>
      withStore(folder, options, async (keys) => {
        await keys.rotate();
        return {
          value: { rotated: keys.list().length },
          text: `rotated; ${keys.list().length} data keys wrapped anew`,
        };
      }),
  );
  add('rekey <folder>', 'Hand the store to another keeper, under a new root key.')
    .requiredOption('--keeper <kind>', `who keeps the root key from now on: ${KEEPERS.join(', ')}`)
    .action((folder: string, options: Options) =>
      withStore(folder, options, async (keys) => {
        const before = keys.keeper;
        const keeper = await newKeeperOf(folder, options.keeper ?? '', before);
        await keys.rekey(keeper);
        return {
          value: { keeper: keys.keeper, before, keys: keys.list().length },
          text: `handed from ${before} to ${keys.keeper}; ${keys.list().length} data keys wrapped anew`,
        };
      }),
    );
  add('destroy <folder> <key>', 'Destroy a data key: whatever is sealed under it cannot be read again, ever.').action(
    (folder: string, key: string, options: Options) =>
      withStore(folder, options, async (keys) => {
        const info = await keys.destroy(key);
        return { value: info, text: `destroyed ${info.id} (${info.label}) at ${info.destroyedAt ?? ''}` };
      }),
  );
  add('unseal <run>', 'Write a sealed run folder out in the clear.')
    .requiredOption('--key-store <folder>', 'key store')
    .requiredOption('--out <folder>', 'folder to make')
    .action((run: string, options: Options) => unseal(run, options));
  add('signing-key <file>', 'Make a key that signs packages (P-384); writes FILE and FILE.pub.').action(
    (file: string, options: Options) => signingKey(file, options),
  );
  add('identity <file>', 'Make an age identity that opens sealed packages; prints its recipient.')
    .option('--hybrid', 'withstand quantum computers too (ML-KEM-768 with X25519)')
    .action((file: string, options: Options) => identity(file, options));
  return command;
}

function print({ json }: Options, { value, text }: { value: unknown; text: string }): void {
  process.stdout.write(json === true ? `${JSON.stringify(value, undefined, 2)}\n` : `${text}\n`);
}

async function init(folder: string, options: Options): Promise<void> {
  const keeper = await keeperOf(folder, options.keeper ?? 'file');
  if (existsSync(join(folder, 'keystore.json'))) throw new UsageError(`${folder} has a key store already`);
  const keys = await openKeyStore(folder, { keeper });
  keys.close();
  print(options, {
    value: { folder, keeper: keeper.kind },
    text: `made a key store in ${folder}, kept by ${keeper.kind}`,
  });
}

async function withStore(
  folder: string,
  options: Options,
  act: (keys: KeyStore) => { value: unknown; text: string } | Promise<{ value: unknown; text: string }>,
): Promise<void> {
  const keys = await openNamedKeyStore(folder);
  try {
    print(options, await act(keys));
  } finally {
    keys.close();
  }
}

/** Writes a secret into a new file that only its owner reads. */
function writeSecret(path: string, text: string): void {
  if (existsSync(path)) throw new UsageError(`${path} exists: nothing was overwritten`);
  const file = openSync(path, 'wx', 0o600);
  writeSync(file, text);
  closeSync(file);
}

function signingKey(file: string, options: Options): void {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  writeSecret(file, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  writeFileSync(`${file}.pub`, publicKey.export({ type: 'spki', format: 'pem' }));
  print(options, { value: { key: file, publicKey: `${file}.pub` }, text: `wrote ${file} and ${file}.pub` });
}

async function identity(file: string, options: Options): Promise<void> {
  const { identity: secret, recipient } = await createSealIdentity({ hybrid: options.hybrid === true });
  writeSecret(file, `# recipient: ${recipient}\n${secret}\n`);
  print(options, { value: { identity: file, recipient }, text: recipient });
}

async function unseal(run: string, options: Options): Promise<void> {
  const { keyStore = '', out = '' } = options;
  const id = runFolderKey(run);
  if (id === undefined) throw new UsageError(`${run} is not sealed`);
  if (existsSync(out)) throw new UsageError(`${out} exists: nothing was overwritten`);
  const keys = await openNamedKeyStore(keyStore);
  const vault = await openVault(keys, id);
  keys.close();
  try {
    const read = createVaultReader(vault);
    const files = readdirSync(run, { recursive: true, encoding: 'utf8' }).filter((name) =>
      statSync(join(run, name)).isFile(),
    );
    for (const name of files) {
      const bytes = new Uint8Array(readFileSync(join(run, name)));
      const clear = isSealedFile(bytes) ? vault.open(name, bytes) : name.endsWith('.jsonl') ? read(name, bytes) : bytes;
      mkdirSync(join(out, name, '..'), { recursive: true });
      writeFileSync(join(out, name), clear);
    }
    print(options, { value: { out, files: files.length }, text: `wrote ${files.length} files to ${out}` });
  } finally {
    vault.close();
  }
}
