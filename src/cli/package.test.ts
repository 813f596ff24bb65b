/**
 * The way of a model from a sealed run folder to its receiver, through the commands; and the canary: no secret that went
 * in stands in anything that came out.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it, vi } from 'vitest';

import { createPassphraseKeeper } from '../runtime/drivers/index.ts';
import { openKeyStore, openVault } from '../runtime/storage/index.ts';
import { createPackage, type PackageManifest } from '../trust/package/index.ts';
import { type Ended, runCommand } from '../../test/harness/command.ts';
import { makeSmallRun } from '../../test/trust/small-run.ts';
import { createCardCommand } from './card.ts';
import { createLineageCommand } from './lineage.ts';
import { createLogCommand } from './log.ts';
import { createKeystoreCommand } from './keystore.ts';
import { createOpenCommand } from './open.ts';
import { createPackageCommand, readSigner } from './package.ts';
import { folderFiles } from './run-files.ts';
import { createVerifyCommand } from './verify.ts';

const base = mkdtempSync(join(tmpdir(), 'sotto-package-'));
afterAll(() => rmSync(base, { recursive: true }));
const at = (name: string): string => join(base, name);
const PASSPHRASE = 'canary-passphrase-91c4e7';
const shown: string[] = [];

const commands = {
  package: createPackageCommand,
  open: createOpenCommand,
  keystore: createKeystoreCommand,
  verify: createVerifyCommand,
  card: createCardCommand,
  lineage: createLineageCommand,
  log: createLogCommand,
};

/** Runs a command in this process, with what it prints and how it would end. */
async function sotto(name: keyof typeof commands, ...args: readonly string[]): Promise<Ended> {
  const ended = await runCommand(commands[name](), args);
  shown.push(ended.out);
  return ended;
}

/** A finished run, as `sotto run --key-store` leaves it. */
async function makeRun(): Promise<string> {
  const keeper = createPassphraseKeeper(PASSPHRASE, { workFactor: 12 });
  const keys = await openKeyStore(join(base, 'keys'), { keeper });
  const { id } = await keys.createKey('run/bars');
  const vault = await openVault(keys, id);
  await makeSmallRun(base, { vault });
  vault.close();
  keys.close();
  return id;
}

/** Signs the files of an unpacked package anew: what a signer who lies can make. */
async function signAgain(change: (files: Map<string, Uint8Array>) => void): Promise<string> {
  const source = folderFiles(at('out'));
  const files = new Map<string, Uint8Array>();
  for (const name of (await source.list()) ?? []) {
    if (name !== 'model.sig') files.set(name, (await source.read(name)) as Uint8Array);
  }
  const { privacy, name, taskDigest } = JSON.parse(
    new TextDecoder().decode(files.get('manifest.json')),
  ) as PackageManifest;
  files.delete('manifest.json');
  change(files);
  const lower = privacy === null ? null : { ...privacy, epsilon: files.has('lie') ? 0.1 : privacy.epsilon };
  files.delete('lie');
  const facts = { name, createdAt: new Date(0), privacy: lower, taskDigest };
  const made = await createPackage(files, { facts, signer: await readSigner(at('sign.pem'), []) });
  rmSync(at('lie.sotto'), { force: true });
  writeFileSync(at('lie.sotto'), made);
  return at('lie.sotto');
}

describe('sotto package and sotto open', () => {
  it('carry a sealed run to its receiver, refuse everybody else, and show no secret', async () => {
    const keyId = await makeRun();
    vi.stubEnv('SOTTO_PASSPHRASE', PASSPHRASE);
    expect(await sotto('keystore', 'signing-key', at('sign.pem'))).toMatchObject({ code: 0 });
    const { out: printed } = await sotto('keystore', 'identity', at('me.txt'), '--hybrid');
    const plain = [at('run'), '--sign-key', at('sign.pem'), '--out'];
    expect(await sotto('package', ...plain, at('a.sotto'))).toMatchObject({ code: 2 });
    const sealed = ['--key-store', at('keys'), '--recipient', printed.trim(), '--json'];
    expect(await sotto('package', ...plain, at('a.sotto'), ...sealed)).toMatchObject({ code: 0 });
    const trust = ['--public-key', at('sign.pem.pub'), '--json'];
    expect(await sotto('open', at('a.sotto'), ...trust)).toMatchObject({ code: 1 });
    const opened = await sotto('open', at('a.sotto'), ...trust, '--identity', at('me.txt'), '--to', at('out'));
    const { epsilon } = JSON.parse(opened.out) as { epsilon: number };
    expect(JSON.parse(opened.out)).toMatchObject({ ok: true, delta: 1e-5, problems: [] });
    const key = ['--key-store', at('keys')];
    expect(await sotto('verify', at('run'))).toMatchObject({ code: 2 });
    const verified = await sotto('verify', at('run'), ...key, '--json');
    expect(JSON.parse(verified.out)).toMatchObject({ ok: true, epsilon, receipts: 4, notCovered: [] });
    for (const file of ['summary.json', 'metrics.jsonl', 'private/log.key']) {
      const bytes = readFileSync(join(at('run'), file));
      const bad = Uint8Array.from(bytes, (byte, i) => (i === 100 ? byte ^ 1 : byte));
      writeFileSync(join(at('run'), file), bad);
      const { code, out } = await sotto('verify', at('run'), ...key, '--json');
      const { problems } = JSON.parse(out) as { problems: { file: string }[] };
      expect([code, problems.map((each) => each.file)]).toEqual([1, [file]]);
      writeFileSync(join(at('run'), file), bytes);
    }
    expect(await sotto('card', at('run'), ...key, '--format', 'nist')).toMatchObject({ code: 0 });
    expect(await sotto('lineage', at('run'), ...key)).toMatchObject({ code: 0 });
    expect(await sotto('log', at('run'))).toMatchObject({ code: 0 });
    const inside = await sotto('verify', at('a.sotto'), ...trust, '--identity', at('me.txt'));
    expect(JSON.parse(inside.out)).toEqual({ ok: true, epsilon, delta: 1e-5, seeded: false, problems: [] });
    const card = JSON.parse(readFileSync(at('out/privacy-card.json'), 'utf8')) as { guarantee: { epsilon: number } };
    expect(card.guarantee.epsilon).toBe(epsilon);
    const problemsOf = async (path: string): Promise<readonly { code: string; file: string }[]> =>
      (JSON.parse((await sotto('verify', path, ...trust)).out) as { problems: { code: string; file: string }[] })
        .problems;
    expect(await problemsOf(await signAgain((files) => files.set('lie', new Uint8Array())))).toMatchObject([
      { code: 'verify/summary-mismatch', file: 'manifest.json' },
    ]);
    const other = { ...card, guarantee: { ...card.guarantee, epsilon: 0.1 } };
    const lied = await signAgain((files) => files.set('privacy-card.json', Buffer.from(JSON.stringify(other))));
    expect(await problemsOf(lied)).toMatchObject([{ code: 'verify/card-mismatch', file: 'privacy-card.json' }]);
    expect(await sotto('open', lied, ...trust, '--to', at('lied'))).toMatchObject({ code: 1 });
    expect(existsSync(at('lied'))).toBe(false);
    const unlogged = await signAgain((files) => files.delete('log/checkpoint'));
    expect(await problemsOf(unlogged)).toMatchObject([{ code: 'verify/missing', file: 'log/checkpoint' }]);
    writeFileSync(at('out/model.safetensors'), 'weights');
    const changed = await sotto('open', at('out'), ...trust);
    expect([changed.code, JSON.parse(changed.out)]).toMatchObject([
      1,
      { ok: false, problems: [{ code: 'package/file-changed', file: 'model.safetensors' }] },
    ]);
    const clear = ['--key-store', at('keys'), '--out', at('clear')];
    expect(await sotto('keystore', 'unseal', at('run'), ...clear)).toMatchObject({ code: 0 });
    expect(readFileSync(at('clear/task.resolved.yaml'), 'utf8')).toMatch(/^task: bars\n/);
    expect(await sotto('keystore', 'rotate', at('keys'))).toMatchObject({ code: 0 });
    expect(await sotto('package', ...plain, at('b.sotto'), ...sealed)).toMatchObject({ code: 0 });
    vi.stubEnv('SOTTO_KEY_FOLDER', at('kept'));
    const rekeyed = await sotto('keystore', 'rekey', at('keys'), '--keeper', 'file', '--json');
    expect(JSON.parse(rekeyed.out)).toEqual({ keeper: 'file', before: 'passphrase', keys: 1 });
    vi.stubEnv('SOTTO_PASSPHRASE', 'of nobody any more');
    expect(await sotto('verify', at('run'), ...key)).toMatchObject({ code: 0 });
    expect(await sotto('keystore', 'destroy', at('keys'), keyId)).toMatchObject({ code: 0 });
    expect(await sotto('package', ...plain, at('c.sotto'), ...sealed)).toMatchObject({ code: 2 });

    expect(await sotto('verify', at('run'), ...key, '--json')).toMatchObject({ code: 1 });

    const secrets = [
      PASSPHRASE,
      readFileSync(at('clear/private/log.key'), 'utf8').trim(),
      ...readFileSync(join(base, 'me.txt'), 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('AGE-SECRET')),
      readFileSync(join(base, 'sign.pem'), 'utf8').split('\n')[1] as string,
    ];
    expect(secrets).toHaveLength(4);
    rmSync(at('clear'), { recursive: true });
    for (const file of readdirSync(base, { recursive: true, encoding: 'utf8' })) {
      const path = join(base, file);
      if (statSync(path).isFile() && !['me.txt', 'sign.pem'].includes(file)) shown.push(readFileSync(path, 'latin1'));
    }
    for (const secret of secrets) for (const text of shown) expect(text.includes(secret)).toBe(false);
    for (const file of ['me.txt', 'sign.pem']) expect(statSync(join(base, file)).mode & 0o077).toBe(0);
  }, 60_000);
});
