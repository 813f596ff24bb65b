/**
 * What happens to keys stands in a signed log: of a key store, and of identity keys.
 * It is written before it happens, or it does not happen.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { createChannelCommand } from '../../src/cli/channel.ts';
import { createKeysCommand } from '../../src/cli/keys.ts';
import { createPartyCommand } from '../../src/cli/party.ts';
import { folderFiles } from '../../src/cli/run-files.ts';
import { createVerifyCommand } from '../../src/cli/verify.ts';
import { fromHex, sha256, toHex } from '../../src/foundations/crypto/index.ts';
import { createFileKeeper, createPassphraseKeeper } from '../../src/runtime/drivers/index.ts';
import {
  createKeyLog,
  KEY_STORE_FILE,
  type KeyStore,
  openKeyStore,
  readKeyLog,
} from '../../src/runtime/storage/index.ts';
import { createFileSaltStore, createFileTileStore, openTaskLog } from '../../src/runtime/storage/tiles/index.ts';
import { type AuditReport, auditRun, type LeafContent, type LeafOf } from '../../src/trust/log/index.ts';
import { runCommand } from '../harness/command.ts';

let base: string;
let folder: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-key-log-'));
  folder = join(base, 'store');
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(base, { recursive: true, force: true });
});

const keeper = createPassphraseKeeper('correct horse battery', { workFactor: 10 });
const audit = (of = folder): Promise<AuditReport> => auditRun(folderFiles(of));
const told = (report: AuditReport): string[] =>
  report.notes.flatMap((note) => /^\d{4}\S+ key (.*)$/.exec(note)?.[1] ?? []);
const storeFile = (): string => readFileSync(join(folder, KEY_STORE_FILE), 'utf8');
async function withKeys<T>(act: (keys: KeyStore) => Promise<T>): Promise<T> {
  const keys = await openKeyStore(folder, { keeper });
  try {
    return await act(keys);
  } finally {
    keys.close();
  }
}

describe('the log of a key store', () => {
  it('has every change of its keys before it and after it, and verifies with the store as it is', async () => {
    const id = await withKeys(async (keys) => {
      const made = await keys.createKey('run/a');
      await keys.rotate();
      await keys.rekey(createFileKeeper(join(base, 'keys')));
      await keys.destroy(made.id);
      return made.id;
    });
    const entries = await readKeyLog(folder);
    expect(entries.map(({ act, key, phase }) => [act, key, phase])).toEqual(
      [
        ['made', 'root'],
        ['made', id],
        ['replaced', 'root'],
        ['handed-over', 'root'],
        ['destroyed', id],
      ].flatMap(([act, key]) => [
        [act, key, 'intended'],
        [act, key, 'done'],
      ]),
    );
    const report = await audit();
    expect([report.ok, report.problems]).toEqual([true, []]);
    expect(report.covered).toContain(KEY_STORE_FILE);
    expect(told(report)).toEqual([
      'root was replaced',
      'root was handed over (from passphrase to file)',
      `${id} was destroyed`,
    ]);
    const { code, out } = await runCommand(createVerifyCommand(), [folder]);
    expect([code, out]).toEqual([0, expect.stringContaining(`key ${id} was destroyed`)]);
    expect(out).toContain('VERIFIED');
  });

  it('is needed: what cannot be written down is not done', async () => {
    const id = await withKeys(async (keys) => (await keys.createKey('run/a')).id);
    const before = storeFile();
    const log = join(folder, 'log');
    rmSync(log, { recursive: true });
    writeFileSync(log, 'no folder');
    await withKeys(async (keys) => {
      const unlogged = { code: 'storage/key-log', message: expect.stringContaining('nothing was done') as string };
      await expect(keys.destroy(id)).rejects.toMatchObject(unlogged);
      await expect(keys.rotate()).rejects.toMatchObject(unlogged);
      await expect(keys.rekey(keeper)).rejects.toMatchObject(unlogged);
      await expect(keys.createKey('run/b')).rejects.toMatchObject(unlogged);
      expect(await keys.openKey(id)).toHaveLength(32);
    });
    expect(storeFile()).toBe(before);
    folder = join(base, 'second');
    cpSync(join(base, 'store', 'log'), join(base, 'second', 'log'), { recursive: true });
    await expect(openKeyStore(folder, { keeper })).rejects.toMatchObject({ code: 'storage/key-log' });
    expect(existsSync(join(folder, KEY_STORE_FILE))).toBe(false);
  });

  it('shows an older copy of the store in its place, and says so from the next act on', async () => {
    const id = await withKeys(async (keys) => (await keys.createKey('run/a')).id);
    const older = storeFile();
    await withKeys((keys) => keys.destroy(id));
    writeFileSync(join(folder, KEY_STORE_FILE), older);
    expect((await audit()).problems).toMatchObject([{ code: 'verify/digest-mismatch', file: KEY_STORE_FILE }]);
    rmSync(join(folder, KEY_STORE_FILE));
    expect((await audit()).problems).toMatchObject([{ code: 'verify/missing', file: KEY_STORE_FILE }]);
    writeFileSync(join(folder, KEY_STORE_FILE), older);
    await withKeys((keys) => keys.rotate());
    const report = await audit();
    expect(report.ok).toBe(true);
    expect(told(report)).toContainEqual(expect.stringContaining('no act that does so was written down'));
  });

  it('begins with a store that is older than logs, and says that it does', async () => {
    await withKeys((keys) => keys.createKey('run/a'));
    for (const part of ['log', 'log.vkey', 'private']) rmSync(join(folder, part), { recursive: true });
    await withKeys((keys) => keys.rotate());
    const report = await audit();
    expect([report.ok, told(report)]).toEqual([
      true,
      [expect.stringContaining('the log begins after the keys'), 'root was replaced'],
    ]);
  });

  it('tells an act that was cut or refused from one that happened, by the store itself', async () => {
    let state = 'a'.repeat(64);
    const log = (): ReturnType<typeof createKeyLog> => createKeyLog(folder, { stateOf: () => state });
    const act = (key: string) => ({ act: 'replaced', key }) as const;
    const fails = new Error('no room');
    const failing = (): never => {
      throw fails;
    };
    await expect(log().perform(act('refused'), failing)).rejects.toBe(fails);
    /** A process that is killed in the middle. */
    const cut = (key: string, change: () => void): Promise<void> =>
      new Promise((resolve) => {
        void log().perform(act(key), () => {
          change();
          resolve();
          return new Promise<void>(() => {});
        });
      });
    await cut('cut-before', () => {});
    await cut('cut-after', () => {
      state = 'b'.repeat(64);
    });
    await log().perform(act('whole'), () => {
      state = 'c'.repeat(64);
    });
    const ends = (await readKeyLog(folder)).filter(({ phase }) => phase !== 'intended');
    expect(ends.map(({ key, phase }) => `${key} ${phase}`)).toEqual([
      'root done',
      'refused undone',
      'cut-before undone',
      'cut-after done',
      'whole done',
    ]);
  });

  it('is read without a change, also while somebody writes it', async () => {
    await withKeys((keys) => keys.createKey('run/a'));
    const tile = join(folder, 'log', 'tile', 'entries', '000.p', '9');
    const before = await readKeyLog(folder);
    // As they are between the writing of the tiles and that of their checkpoint.
    writeFileSync(tile, 'the next');
    const all = readdirSync(folder, { recursive: true }).map(String).toSorted();
    expect(await readKeyLog(folder)).toEqual(before);
    expect(readdirSync(folder, { recursive: true }).map(String).toSorted()).toEqual(all);
    expect(readFileSync(tile, 'utf8')).toBe('the next');
    rmSync(tile);
    const entries = join(folder, 'log', 'tile', 'entries', '000.p');
    const last = join(entries, readdirSync(entries)[0] as string);
    writeFileSync(last, readFileSync(last, 'latin1').replace('made', 'maid'), 'latin1');
    await expect(readKeyLog(folder)).rejects.toMatchObject({ code: 'log/inconsistent' });
  });

  it('does not verify when its story cannot have happened', async () => {
    const state = 'a'.repeat(64);
    const of = (act: LeafOf<'key'>['act'], phase: LeafOf<'key'>['phase'], more: object = {}): LeafContent =>
      ({ kind: 'key', act, phase, key: 'k', detail: '', state, ...more }) as LeafContent;
    const begin = of('found-changed', 'done');
    const stories: readonly (readonly [string, readonly LeafContent[]])[] = [
      ['was not intended before', [begin, of('destroyed', 'done')]],
      ['has no end', [begin, of('destroyed', 'intended'), of('replaced', 'intended'), of('replaced', 'done')]],
      ['is said to have ended', [begin, of('destroyed', 'intended'), of('replaced', 'done')]],
      ['without an entry', [begin, of('replaced', 'intended', { state: 'b'.repeat(64) })]],
      ['is said not to have happened', [begin, of('replaced', 'intended'), of('replaced', 'undone', { state: null })]],
      [
        'which was destroyed before',
        [
          begin,
          of('destroyed', 'intended'),
          of('destroyed', 'done'),
          of('replaced', 'intended'),
          of('replaced', 'done'),
        ],
      ],
    ];
    for (const [i, [why, leaves]] of stories.entries()) {
      const at = join(base, `story-${i}`);
      const log = await openTaskLog({
        store: createFileTileStore(join(at, 'log')),
        task: 'keys',
        seed: new Uint8Array(32).fill(i + 1),
        salts: createFileSaltStore(join(at, 'private', 'salts.json')),
        clock: () => new Date(),
      });
      log.record({ kind: 'installation', version: 'keys/1' }, ...leaves);
      await log.flush();
      const report = await auditRun(folderFiles(at), { verifiers: [log.writer.verifier] });
      expect(report.problems).toContainEqual(
        expect.objectContaining({ code: 'verify/story-broken', detail: expect.stringContaining(why) as string }),
      );
    }
  });
});

describe('the log of identity keys', () => {
  it('has the making and the replacement of each, which are not done without it', async () => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const home = join(base, 'home');
    const sotto = (...args: string[]): ReturnType<typeof runCommand> =>
      runCommand(createKeysCommand(), [...args, '--home', home, '--json']);
    const print = async (...args: string[]): Promise<string> =>
      (JSON.parse((await sotto(...args)).out) as { fingerprint: string }).fingerprint;
    const old = await print('create');
    const next = await print('rotate');
    const report = await audit(join(home, 'key-log'));
    expect([report.ok, told(report)]).toEqual([true, [`${old} was replaced (by ${next})`]]);
    const entries = await readKeyLog(join(home, 'key-log'));
    expect(entries.map(({ act, key }) => `${act} ${key}`)).toEqual([
      ...[0, 1].map(() => `made ${old}`),
      ...[0, 1].map(() => `replaced ${old}`),
    ]);
    rmSync(join(home, 'key-log', 'log'), { recursive: true });
    writeFileSync(join(home, 'key-log', 'log'), 'no folder');
    expect(await sotto('rotate')).toMatchObject({ code: 2 });
    expect(await sotto('create', 'second')).toMatchObject({ code: 2 });
    expect(await print('show')).toBe(next);
    expect(readdirSync(home).filter((name) => name.endsWith('.key'))).toEqual(['identity.key']);
  });

  it('has every replacement of many that are made at once, and keeps each key that was replaced', async () => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const home = join(base, 'home');
    await runCommand(createKeysCommand(), ['create', '--home', home, '--json']);
    const rotate = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const all = Array.from({ length: 3 }, () => spawn(process.execPath, [rotate, 'keys', 'rotate', '--home', home]));
    const codes = await Promise.all(all.map(async (each) => ((await once(each, 'exit')) as unknown[])[0]));
    expect(codes).toEqual([0, 0, 0]);
    const report = await audit(join(home, 'key-log'));
    expect([report.ok, report.problems]).toEqual([true, []]);
    const entries = (await readKeyLog(join(home, 'key-log'))).filter(({ phase }) => phase === 'done');
    expect(entries.map(({ act }) => act)).toEqual(['made', 'replaced', 'replaced', 'replaced']);
    expect(entries.slice(1).map(({ key }) => key)).toEqual([
      entries[0]?.key,
      ...entries.slice(1, -1).map(({ detail }) => detail.replace('by ', '')),
    ]);
    const retired = entries.slice(1).map(({ key }) => `identity.${key.slice(7, 15)}.retired`);
    expect(readdirSync(home).filter((name) => name.endsWith('.retired'))).toEqual(retired.toSorted());
  });

  it('leaves a key in its place where a replacement is cut', async () => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const home = join(base, 'home');
    const sotto = (...args: string[]): ReturnType<typeof runCommand> =>
      runCommand(createKeysCommand(), [...args, '--home', home, '--json']);
    const { fingerprint } = JSON.parse((await sotto('create')).out) as { fingerprint: string };
    // Where the retired key would go, nothing can be put.
    mkdirSync(join(home, `identity.${fingerprint.slice(7, 15)}.retired`));
    expect((await sotto('rotate')).code).not.toBe(0);
    expect(JSON.parse((await sotto('show')).out)).toMatchObject({ fingerprint });
    rmSync(join(home, `identity.${fingerprint.slice(7, 15)}.retired`), { recursive: true });
    expect((await sotto('rotate')).code).toBe(0);
  });

  it('has the keys of channels, parties and authorities that are made, too', async () => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const made = async (): Promise<readonly string[]> =>
      (await readKeyLog(join(base, 'key-log'))).flatMap(({ act, phase, key }) =>
        act === 'made' && phase === 'done' ? [key] : [],
      );
    const channel = await runCommand(createChannelCommand(), ['key', join(base, 'channel.key')]);
    const party = await runCommand(createPartyCommand(), ['key', join(base, 'party.key')]);
    const fingerprint = (hex: string): string => `sha256:${toHex(sha256(fromHex(hex.trim())))}`;
    expect(await made()).toEqual([channel, party].map(({ out }) => fingerprint(out)));
    // Shown and not made.
    expect((await runCommand(createChannelCommand(), ['key', join(base, 'channel.key')])).out).toBe(channel.out);
    const key = 'ab'.repeat(32);
    const authority = join(base, 'authority.key');
    expect(
      (await runCommand(createKeysCommand(), ['certify', '--authority', authority, '--scope', 's', '--key', key])).code,
    ).toBe(0);
    expect(await made()).toHaveLength(3);
    expect((await audit(join(base, 'key-log'))).ok).toBe(true);
  });
});
