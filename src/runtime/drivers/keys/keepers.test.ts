import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { afterAll, describe, expect, it } from 'vitest';

import { equalBytes, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { createLedger, gaussian, openLedger } from '../../../privacy/accounting/index.ts';
import {
  createRunFolder,
  createSealedObjectStore,
  createVault,
  KEY_STORE_FILE,
  loadOrCreateKey,
  openKeyStore,
  openRunFolder,
  openVault,
  type RootKeeper,
} from '../../storage/index.ts';
import { createMemoryObjectStore } from '../../storage/objects/index.ts';
import { createFileKeeper, createKeyringKeeper, createKmsKeeper, createPassphraseKeeper } from './keepers.ts';

const base = mkdtempSync(join(tmpdir(), 'sotto-keys-'));
afterAll(() => rmSync(base, { recursive: true }));
let counter = 0;
const fresh = (name: string): string => join(base, `${name}-${(counter += 1)}`);

function keyring(): {
  Entry: new (service: string, account: string) => { getPassword(): string | null; setPassword(text: string): void };
} {
  const kept = new Map<string, string>();
  return {
    Entry: class {
      readonly #name: string;
      constructor(service: string, account: string) {
        this.#name = `${service}/${account}`;
      }
      getPassword(): string | null {
        return kept.get(this.#name) ?? null;
      }
      setPassword(text: string): void {
        kept.set(this.#name, text);
      }
    },
  };
}

const quick = { workFactor: 10 };
const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xa5);
const keepers: [string, () => Promise<{ good: RootKeeper; bad: RootKeeper }>][] = [
  ['file', async () => ({ good: createFileKeeper(fresh('keys')), bad: createFileKeeper(fresh('keys')) })],
  [
    'passphrase',
    async () => ({
      good: createPassphraseKeeper('correct horse battery', quick),
      bad: createPassphraseKeeper('another horse battery', quick),
    }),
  ],
  [
    'keyring',
    async () => ({
      good: await createKeyringKeeper({ account: 'a', module: keyring() }),
      bad: await createKeyringKeeper({ account: 'a', module: keyring() }),
    }),
  ],
  [
    'kms',
    async () => {
      const adapter = (works: boolean) => ({
        name: 'test',
        wrap: (bytes: Uint8Array) => Promise.resolve(flip(bytes)),
        unwrap: (bytes: Uint8Array) => (works ? Promise.resolve(flip(bytes)) : Promise.reject(new Error('denied'))),
      });
      return { good: createKmsKeeper(adapter(true)), bad: createKmsKeeper(adapter(false)) };
    },
  ],
];

describe.each(keepers)('a key store kept by %s', (_, make) => {
  it('keeps keys over restarts, for its keeper alone', async () => {
    const folder = fresh('store');
    const { good, bad } = await make();
    const first = await openKeyStore(folder, { keeper: good });
    const { id } = await first.createKey('run/a');
    const key = await first.openKey(id);
    first.close();
    const second = await openKeyStore(folder, { keeper: good, create: false });
    expect(equalBytes(await second.openKey(id), key)).toBe(true);
    second.close();
    await expect(openKeyStore(folder, { keeper: bad })).rejects.toMatchObject({ code: 'storage/key-store' });
  });

  it('rotates without touching what is sealed, and destroys for good', async () => {
    const folder = fresh('store');
    const { good } = await make();
    const keys = await openKeyStore(folder, { keeper: good });
    const [a, b] = [await keys.createKey('run/a'), await keys.createKey('run/b')];
    const vault = await openVault(keys, a.id);
    const sealed = vault.seal('model', utf8('weights'));
    const before = readFileSync(join(folder, KEY_STORE_FILE), 'utf8');
    await keys.rotate();
    expect(readFileSync(join(folder, KEY_STORE_FILE), 'utf8')).not.toContain(before.slice(80, 140));
    expect((await openVault(keys, a.id)).open('model', sealed)).toEqual(utf8('weights'));
    const info = await keys.destroy(a.id);
    expect(info.destroyedAt).not.toBeNull();
    await expect(keys.openKey(a.id)).rejects.toMatchObject({ code: 'storage/key-destroyed' });
    expect(await keys.openKey(b.id)).toHaveLength(32);
    await expect(keys.openKey('0'.repeat(32))).rejects.toMatchObject({ code: 'storage/unknown-key' });
    keys.close();
    const again = await openKeyStore(folder, { keeper: good });
    await expect(openVault(again, a.id)).rejects.toMatchObject({ code: 'storage/key-destroyed' });
    again.close();
  });
});

describe('key stores', () => {
  it('cannot be opened again from an older copy once a key was destroyed, where the keeper is a file', async () => {
    const [folder, keyFolder] = [fresh('store'), fresh('keys')];
    const keeper = createFileKeeper(keyFolder);
    const keys = await openKeyStore(folder, { keeper });
    const { id } = await keys.createKey('run/a');
    const copy = readFileSync(join(folder, KEY_STORE_FILE));
    await keys.destroy(id);
    keys.close();
    writeFileSync(join(folder, KEY_STORE_FILE), copy);
    await expect(openKeyStore(folder, { keeper })).rejects.toMatchObject({ code: 'storage/key-store' });
    expect(readdirSync(keyFolder)).toHaveLength(1);
  });

  it('share a folder of keys without touching each other’s', async () => {
    const keyFolder = fresh('keys');
    const [one, two] = [fresh('store'), fresh('store')];
    const first = await openKeyStore(one, { keeper: createFileKeeper(keyFolder) });
    const { id } = await first.createKey('run/a');
    const second = await openKeyStore(two, { keeper: createFileKeeper(keyFolder) });
    await second.createKey('run/b');
    await second.rotate();
    second.close();
    first.close();
    const again = await openKeyStore(one, { keeper: createFileKeeper(keyFolder) });
    expect(await again.openKey(id)).toHaveLength(32);
    again.close();
    expect(readdirSync(keyFolder)).toHaveLength(2);
  });

  it('lose no key when several are made at once, or one is made while the root is replaced', async () => {
    const [folder, keyFolder] = [fresh('store'), fresh('keys')];
    const open = () => openKeyStore(folder, { keeper: createFileKeeper(keyFolder) });
    (await open()).close();
    const stores = await Promise.all(Array.from({ length: 4 }, open));
    const made = await Promise.all(
      stores.map(async (keys, i) => {
        if (i === 2) await keys.rotate();
        return keys.createKey(`run/${i}`);
      }),
    );
    for (const keys of stores) keys.close();
    const last = await open();
    expect(last.list().map(({ label }) => label)).toHaveLength(4);
    for (const { id } of made) expect(await last.openKey(id)).toHaveLength(32);
    last.close();
    // Another process holds the store: it is waited for, and a lock that was left behind is taken over.
    writeFileSync(join(folder, `${KEY_STORE_FILE}.lock`), '999999999');
    const after = await open();
    await after.createKey('run/after');
    after.close();
    expect(existsSync(join(folder, `${KEY_STORE_FILE}.lock`))).toBe(false);
  });

  it('are found changed', async () => {
    const folder = fresh('store');
    const keeper = createFileKeeper(fresh('keys'));
    const keys = await openKeyStore(folder, { keeper });
    const { id } = await keys.createKey('run/a');
    keys.close();
    const path = join(folder, KEY_STORE_FILE);
    writeFileSync(path, readFileSync(path, 'utf8').replace('run/a', 'run/b'));
    const changed = await openKeyStore(folder, { keeper });
    await expect(changed.openKey(id)).rejects.toMatchObject({ code: 'storage/key-store' });
    changed.close();
    writeFileSync(path, '{}');
    await expect(openKeyStore(folder, { keeper })).rejects.toMatchObject({ code: 'storage/key-store' });
  });

  it('change hands', async () => {
    const folder = fresh('store');
    const keys = await openKeyStore(folder, { keeper: createFileKeeper(fresh('keys')) });
    const { id } = await keys.createKey('run/a');
    const key = await keys.openKey(id);
    const next = createPassphraseKeeper('correct horse battery', quick);
    await keys.rekey(next);
    keys.close();
    const opened = await openKeyStore(folder, { keeper: next });
    expect(equalBytes(await opened.openKey(id), key)).toBe(true);
    opened.close();
  });

  it('say what to install when the keyring is not there', async () => {
    await expect(createKeyringKeeper({ account: 'a' })).rejects.toThrow('npm install @napi-rs/keyring');
  });
});

describe('a key file', () => {
  it('is sealed where there is a vault, and opens with it alone', () => {
    const path = join(fresh('folder'), 'log.key');
    const vaultOf = (byte: number) => createVault('cd'.repeat(16), new Uint8Array(32).fill(byte));
    const key = loadOrCreateKey(path, { vault: vaultOf(1) });
    expect(readFileSync(path, 'latin1')).not.toContain(toHex(key));
    expect(loadOrCreateKey(path, { vault: vaultOf(1) })).toEqual(key);
    expect(() => loadOrCreateKey(path, { vault: vaultOf(2) })).toThrow(/does not authenticate/);
    expect(() => loadOrCreateKey(path)).toThrow(/--key-store/);
    // One that was made before there was a key store goes on to be the same.
    const clear = join(fresh('folder'), 'log.key');
    const old = loadOrCreateKey(clear);
    expect(loadOrCreateKey(clear, { vault: vaultOf(1) })).toEqual(old);
  });
});

describe('a sealed run folder', () => {
  const id = 'ab'.repeat(16);
  const key = Uint8Array.from({ length: 32 }, (_, i) => i + 1);
  const open = () => createVault(id, key.slice());
  const canary = 'CANARY-7f3a';

  it('holds nothing in the clear, and gives everything back', async () => {
    const path = fresh('run');
    const folder = createRunFolder(path, { vault: open() });
    folder.write('task.resolved.yaml', `task: ${canary}\n`);
    folder.appendLine('metrics.jsonl', { note: canary });
    const terms = {
      budget: { epsilon: 5, delta: 1e-5 },
      relation: 'add-or-remove-one',
      privacyUnit: 'example',
      dataset: canary,
      accountant: 'rdp',
      clock: () => new Date(0),
    } as const;
    const ledger = await createLedger({ store: folder.ledger('ledger.jsonl'), ...terms });
    await ledger.reserve({ event: gaussian({ noiseMultiplier: 10 }), purpose: 'training' });
    folder.close();
    for (const name of readdirSync(path)) expect(readFileSync(join(path, name), 'latin1')).not.toContain(canary);
    expect(() => openRunFolder(path)).toThrow(expect.objectContaining({ code: 'storage/sealed' }) as Error);
    const again = openRunFolder(path, { vault: open() });
    again.appendLine('metrics.jsonl', { note: 2 });
    expect(again.readLines('metrics.jsonl')).toEqual([{ note: canary }, { note: 2 }]);
    const reopened = await openLedger({ store: again.ledger('ledger.jsonl'), clock: () => new Date(0) });
    expect((await reopened.verify()).charges).toHaveLength(1);
    again.close();
  });

  it('keeps its ledger whatever byte a crash cut the last line at', async () => {
    const path = fresh('run');
    const folder = createRunFolder(path, { vault: open() });
    const store = folder.ledger('l');
    await store.append(utf8('one'), { expectedLength: 0 });
    const whole = readFileSync(join(path, 'l'));
    await store.append(utf8('two'), { expectedLength: 1 });
    const both = readFileSync(join(path, 'l'));
    for (let size = whole.length; size < both.length; size += 1) {
      writeFileSync(join(path, 'l'), both.subarray(0, size));
      const after = folder.ledger('l');
      expect(await after.read()).toEqual([utf8('one')]);
      await after.append(utf8('again'), { expectedLength: 1 });
      expect(await after.read()).toEqual([utf8('one'), utf8('again')]);
    }
    folder.close();
  });

  it('refuses changed, moved, swapped and foreign seals', async () => {
    const vault = open();
    const sealed = vault.seal('a', utf8('x'));
    for (let i = 0; i < sealed.length; i += 1) {
      const mutated = sealed.slice();
      mutated[i] = (mutated[i] as number) ^ 1;
      expect(() => vault.open('a', mutated)).toThrow(expect.objectContaining({ code: 'storage/seal-broken' }) as Error);
    }
    expect(() => vault.open('b', sealed)).toThrow('does not authenticate');
    expect(() => createVault(id, new Uint8Array(32)).open('a', sealed)).toThrow('does not authenticate');
    const record = vault.sealRecord('l', 0, utf8('x'));
    expect(() => vault.openRecord('l', 1, record)).toThrow('does not authenticate');
    expect(() => vault.openRecord('l', 0, utf8(''))).toThrow('is not sealed');
    vault.close();
    expect(() => vault.seal('a', utf8('x'))).toThrow('closed');
  });

  it('seals objects by their keys', async () => {
    const inner = createMemoryObjectStore();
    const store = createSealedObjectStore(inner, open());
    await store.put('tasks/a', utf8(canary));
    expect(new TextDecoder().decode(await inner.get('tasks/a'))).not.toContain(canary);
    expect(await store.get('tasks/a')).toEqual(utf8(canary));
    await inner.put('tasks/b', await inner.get('tasks/a'));
    await expect(store.get('tasks/b')).rejects.toMatchObject({ code: 'storage/seal-broken' });
    expect([await store.has('tasks/a'), await store.list('')]).toEqual([true, ['tasks/a', 'tasks/b']]);
  });
});

describe('secrets', () => {
  it('are filled with zeros when closed, and stand in no message, inspection or file in the clear', async () => {
    const passphrase = 'canary passphrase 5f1c';
    const folder = fresh('store');
    const keeper = createPassphraseKeeper(passphrase, quick);
    const keys = await openKeyStore(folder, { keeper });
    const { id } = await keys.createKey('run/a');
    const secret = await keys.openKey(id);
    const text = toHex(secret);
    const vault = createVault(id, secret);
    const shown: string[] = [inspect(keys, { depth: 9 }), inspect(vault, { depth: 9 }), inspect(keeper, { depth: 9 })];
    const attempts = [
      () => vault.open('a', utf8('x')),
      () => vault.openRecord('a', 0, utf8('x')),
      () => openKeyStore(folder, { keeper: createPassphraseKeeper(`${passphrase} wrong`, quick) }),
      () => createPassphraseKeeper('5f1c'),
    ];
    for (const attempt of attempts) {
      try {
        await attempt();
        expect.unreachable();
      } catch (error) {
        shown.push(inspect(error, { depth: 9 }));
      }
    }
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) shown.push(readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    }
    for (const each of shown) {
      expect(each).not.toContain(text);
      expect(each).not.toContain('5f1c');
    }
    vault.close();
    expect(secret.every((byte) => byte === 0)).toBe(true);
    expect(existsSync(join(folder, KEY_STORE_FILE))).toBe(true);
  });
});
