/**
 * The way of a model from a sealed run folder to its receiver, through the commands; and the canary: no secret that went
 * in stands in anything that came out.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { afterAll, describe, expect, it, vi } from 'vitest';

import { createLedger, gaussian } from '../privacy/accounting/index.ts';
import { createPassphraseKeeper } from '../runtime/drivers/index.ts';
import { createRunFolder, openKeyStore, openVault } from '../runtime/storage/index.ts';
import { exitCodeOf } from './exit-codes.ts';
import { createKeystoreCommand } from './keystore.ts';
import { createOpenCommand } from './open.ts';
import { createPackageCommand } from './package.ts';

const base = mkdtempSync(join(tmpdir(), 'sotto-package-'));
afterAll(() => rmSync(base, { recursive: true }));
const at = (name: string): string => join(base, name);
const PASSPHRASE = 'canary-passphrase-91c4e7';
const shown: string[] = [];

const commands = { package: createPackageCommand, open: createOpenCommand, keystore: createKeystoreCommand };

/** Runs a command in this process, with what it prints and how it would end. */
async function sotto(name: keyof typeof commands, ...args: readonly string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  process.exitCode = 0;
  let code = 0;
  try {
    await commands[name]().exitOverride().parseAsync(args, { from: 'user' });
    code = Number(process.exitCode);
  } catch (error) {
    code = exitCodeOf(error);
    out += inspect(error);
  } finally {
    write.mockRestore();
    process.exitCode = 0;
  }
  shown.push(out);
  return { code, out };
}

/** A finished run, as `sotto run --key-store` leaves it. */
async function makeRun(): Promise<string> {
  const keeper = createPassphraseKeeper(PASSPHRASE, { workFactor: 12 });
  const keys = await openKeyStore(join(base, 'keys'), { keeper });
  const { id } = await keys.createKey('run/digits');
  const vault = await openVault(keys, id);
  const folder = createRunFolder(join(base, 'run'), { vault });
  folder.write('task.resolved.yaml', 'task: digits\n');
  const privacy = { privacyUnit: 'example', relation: 'add-or-remove-one' } as const;
  const ledger = await createLedger({
    store: folder.ledger('ledger.jsonl'),
    budget: { epsilon: 2, delta: 1e-5 },
    ...privacy,
    dataset: 'digits',
    accountant: 'rdp',
    clock: () => new Date(0),
  });
  await ledger.commit(await ledger.reserve({ event: gaussian({ noiseMultiplier: 5 }), purpose: 'training' }));
  folder.write('model.safetensors', 'weights');
  const summary = {
    task: 'digits',
    accuracy: 0.9,
    epsilon: ledger.spent().epsilon,
    delta: 1e-5,
    ...privacy,
    accountant: 'rdp',
    trust: 'nobody',
    aggregation: 'secagg',
    rounds: 1,
    participants: 3,
    seeded: false,
    model: { parameters: 1 },
  };
  folder.write('summary.json', JSON.stringify(summary));
  folder.close();
  vault.close();
  keys.close();
  return id;
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
    expect(JSON.parse(opened.out)).toMatchObject({ ok: true, delta: 1e-5, problems: [] });
    expect(readFileSync(at('out/model.safetensors'), 'utf8')).toBe('weights');
    writeFileSync(at('out/model.safetensors'), 'wrights');
    const changed = await sotto('open', at('out'), ...trust);
    expect([changed.code, JSON.parse(changed.out)]).toMatchObject([
      1,
      { ok: false, problems: [{ code: 'package/file-changed', file: 'model.safetensors' }] },
    ]);
    const clear = ['--key-store', at('keys'), '--out', at('clear')];
    expect(await sotto('keystore', 'unseal', at('run'), ...clear)).toMatchObject({ code: 0 });
    expect(readFileSync(at('clear/task.resolved.yaml'), 'utf8')).toBe('task: digits\n');
    expect(await sotto('keystore', 'rotate', at('keys'))).toMatchObject({ code: 0 });
    expect(await sotto('package', ...plain, at('b.sotto'), ...sealed)).toMatchObject({ code: 0 });
    expect(await sotto('keystore', 'destroy', at('keys'), keyId)).toMatchObject({ code: 0 });
    expect(await sotto('package', ...plain, at('c.sotto'), ...sealed)).toMatchObject({ code: 2 });

    const secrets = [
      PASSPHRASE,
      ...readFileSync(join(base, 'me.txt'), 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('AGE-SECRET')),
      readFileSync(join(base, 'sign.pem'), 'utf8').split('\n')[1] as string,
    ];
    expect(secrets).toHaveLength(3);
    for (const file of readdirSync(base, { recursive: true, encoding: 'utf8' })) {
      const path = join(base, file);
      if (statSync(path).isFile() && !['me.txt', 'sign.pem'].includes(file)) shown.push(readFileSync(path, 'latin1'));
    }
    for (const secret of secrets) for (const text of shown) expect(text.includes(secret)).toBe(false);
    for (const file of ['me.txt', 'sign.pem']) expect(statSync(join(base, file)).mode & 0o077).toBe(0);
  }, 60_000);
});
