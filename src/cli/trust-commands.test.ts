/**
 * What an operator and a receiver do with the evidence of a run, through the commands: erase, ask witnesses, publish and
 * follow a channel; and everything that is refused with nothing changed.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runCommand } from '../../test/harness/command.ts';
import { makeSmallRun } from '../../test/trust/small-run.ts';
import { createSigningKey } from '../foundations/crypto/index.ts';
import {
  createMemoryWitnessStore,
  createWitness,
  decodeLeaf,
  formatVerifierKey,
  parseLogProof,
  parseVerifierKey,
} from '../trust/log/index.ts';
import { createChannelCommand } from './channel.ts';
import { createKeystoreCommand } from './keystore.ts';
import { createLineageCommand } from './lineage.ts';
import { createLogCommand } from './log.ts';
import { createOpenCommand } from './open.ts';
import { createPackageCommand } from './package.ts';
import { createVerifyCommand } from './verify.ts';

const commands = {
  channel: createChannelCommand,
  keystore: createKeystoreCommand,
  lineage: createLineageCommand,
  log: createLogCommand,
  open: createOpenCommand,
  package: createPackageCommand,
  verify: createVerifyCommand,
};
const base = mkdtempSync(join(tmpdir(), 'sotto-trust-'));
const at = (name: string): string => join(base, name);
let run: string;
beforeAll(async () => {
  run = await makeSmallRun(base);
}, 60_000);
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** Runs a command in this process, with what it prints and how it would end. */
const sotto = (name: keyof typeof commands, ...args: readonly string[]) => runCommand(commands[name](), args);

/** Codes of the problems that a command with `--json` finds. */
async function codesOf(name: keyof typeof commands, ...args: readonly string[]): Promise<readonly string[]> {
  const { code, out } = await sotto(name, ...args, '--json');
  const { ok, problems } = JSON.parse(out) as { ok: boolean; problems: readonly { code: string }[] };
  expect([ok, code]).toEqual(problems.length === 0 ? [true, 0] : [false, 1]);
  return problems.map((each) => each.code);
}

describe('sotto log --ask', () => {
  it('has the checkpoint cosigned, so that verify can ask for a witness', async () => {
    const log = parseVerifierKey(readFileSync(join(run, 'log.vkey'), 'utf8').trim());
    const witness = createWitness({
      name: 'w.example',
      key: createSigningKey(new Uint8Array(32).fill(4)),
      logs: [log],
      store: createMemoryWitnessStore(),
      now: () => Math.floor(Date.now() / 1000),
    });
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        void witness.addCheckpoint(body).then((answer) => response.writeHead(answer.status).end(answer.body));
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const key = formatVerifierKey(witness.verifier);
    const pinned = ['--key', join(run, 'log.vkey'), '--key', key, '--witnesses', '1'];
    expect(await codesOf('verify', run, ...pinned)).toEqual(['verify/witnesses-missing']);
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const asked = await sotto('log', run, '--ask', `${address},${key}`, '--json');
    expect(JSON.parse(asked.out)).toEqual({ ok: true, signed: ['w.example'], problems: [] });
    expect(await codesOf('verify', run, ...pinned)).toEqual([]);
    const stranger = createWitness({
      name: 'w.example',
      key: createSigningKey(new Uint8Array(32).fill(5)),
      logs: [],
      store: createMemoryWitnessStore(),
      now: () => 0,
    });
    const other = await sotto('log', run, '--ask', `${address},${formatVerifierKey(stranger.verifier)}`, '--json');
    expect([other.code, JSON.parse(other.out)]).toMatchObject([1, { ok: false, signed: [] }]);
    expect((await sotto('log', run, '--ask', 'nonsense')).code).toBe(2);
    expect((await sotto('log', run, '--ask', `http://example.org/,${key}`)).code).toBe(2);
    server.closeAllConnections();
    server.close();
  });
});

describe('sotto lineage --erase', () => {
  it('gives a receipt that verifies, leaves no salt behind, and nothing for whom the log does not know', async () => {
    const salts = join(run, 'private', 'salts.json');
    const before = readFileSync(salts, 'utf8');
    const unknown = await sotto('lineage', run, '--erase', 'participant-77');
    expect([unknown.code, unknown.out]).toEqual([2, expect.stringContaining('lineage/unknown-subject')]);
    expect((await sotto('lineage', run, '--erase', '../salts')).code).toBe(2);
    expect(readFileSync(salts, 'utf8')).toBe(before);
    const salt = (JSON.parse(before) as Record<string, string>)['participant-2'] ?? '';
    expect(readFileSync(join(run, 'receipts', 'participant-2.json'), 'utf8')).toContain(salt);

    const proof = at('erasure.tlog-proof');
    expect((await sotto('lineage', run, '--erase', 'participant-2', '--out', proof)).code).toBe(0);
    expect(await codesOf('log', '--check', proof, '--key', join(run, 'log.vkey'))).toEqual([]);
    const { extra } = parseLogProof(readFileSync(proof, 'utf8'));
    expect(decodeLeaf(extra ?? new Uint8Array())).toMatchObject({ kind: 'erasure', destroyed: ['salt', 'receipt'] });
    for (const name of readdirSync(run, { recursive: true, encoding: 'utf8' })) {
      if (!statSync(join(run, name)).isFile()) continue;
      expect([name, readFileSync(join(run, name), 'latin1').includes(salt)]).toEqual([name, false]);
    }
    expect((await sotto('lineage', run, '--erase', 'participant-2')).code).toBe(2);
    // The story still holds, without the witness's line, which is of the checkpoint before.
    expect(await codesOf('verify', run, '--key', join(run, 'log.vkey'))).toEqual([]);
    const told = await sotto('lineage', run, '--json');
    expect(told.out).toContain('"kind": "erasure"');
  });
});

describe('sotto channel', () => {
  it('is published by several keys, followed by receivers, and never turned back', async () => {
    expect((await sotto('keystore', 'signing-key', at('sign.pem'))).code).toBe(0);
    const made = async (name: string): Promise<void> => {
      const { code, out } = await sotto(
        'package',
        run,
        '--sign-key',
        at('sign.pem'),
        '--name',
        name,
        '--out',
        at(name),
      );
      expect([code, out.startsWith('made')]).toEqual([0, true]);
    };
    await made('v1.sotto');
    await made('v2.sotto');
    const publicKeys: string[] = [];
    for (const name of ['k1', 'k2', 'k3', 'k4']) {
      publicKeys.push((await sotto('channel', 'key', at(name))).out.trim());
    }
    const keys = publicKeys.slice(0, 3).flatMap((key) => ['--public-key', key]);
    const threshold = ['--threshold', '2'];
    const channel = at('channel.json');
    const state = at('state.json');
    expect((await sotto('channel', 'init', state, '--channel', 'bars/stable', ...keys, ...threshold)).code).toBe(0);
    const by = (...names: string[]) => names.flatMap((name) => ['--key', at(name)]);
    const named = ['--channel', 'bars/stable', ...keys, ...threshold];
    const publish = (...args: string[]) => sotto('channel', 'publish', channel, ...args);
    expect((await publish(...named, ...by('k1'), '--package', at('v1.sotto'), '--as', '1.0')).code).toBe(0);
    const open = (file: string, ...more: string[]) =>
      codesOf(
        'open',
        at(file),
        '--public-key',
        at('sign.pem.pub'),
        '--channel',
        channel,
        '--channel-state',
        state,
        ...more,
      );
    expect(await open('v1.sotto')).toEqual(['package/threshold']);
    expect(await codesOf('channel', 'show', channel, '--state', state)).toEqual(['package/threshold']);
    expect((await sotto('channel', 'sign', channel, ...by('k2'))).code).toBe(0);
    expect(await open('v1.sotto')).toEqual([]);
    expect(JSON.parse(readFileSync(state, 'utf8'))).toMatchObject({ version: 1, digest: expect.any(String) as string });
    const first = readFileSync(channel);
    expect((await publish(...by('k1', 'k3'), '--package', at('v2.sotto'), '--as', '2.0')).code).toBe(0);
    // The newest version is remembered though the package shown beside it is not its newest release.
    expect(await open('v1.sotto')).toEqual(['package/rollback']);
    expect(await open('v1.sotto', '--release', '1.0')).toEqual([]);
    expect(await open('v2.sotto')).toEqual([]);
    const second = readFileSync(channel);
    writeFileSync(channel, first);
    expect(await open('v1.sotto')).toEqual(['package/rollback']);
    writeFileSync(channel, second);
    // Keys change twice while a receiver is away: she follows over the version between.
    const newKeys = [publicKeys[1], publicKeys[3]].flatMap((key) => ['--public-key', key as string]);
    expect((await publish(...by('k1', 'k2', 'k4'), ...newKeys)).code).toBe(0);
    writeFileSync(at('v3.json'), readFileSync(channel));
    const lastKeys = ['--public-key', publicKeys[3] as string, '--threshold', '1'];
    expect((await publish(...by('k2', 'k4'), ...lastKeys)).code).toBe(0);
    writeFileSync(at('v4.json'), readFileSync(channel));
    expect((await publish(...by('k4'))).code).toBe(0);
    expect(await open('v2.sotto')).toEqual(['package/threshold']);
    const chain = [at('v3.json'), at('v4.json'), channel].flatMap((file) => ['--channel', file]);
    const known = ['--channel-state', state];
    expect(await codesOf('open', at('v2.sotto'), '--public-key', at('sign.pem.pub'), ...chain, ...known)).toEqual([]);
    expect(JSON.parse(readFileSync(state, 'utf8'))).toMatchObject({ version: 5 });
    expect(await codesOf('channel', 'show', at('v3.json'), '--state', state)).toEqual(['package/rollback']);
    for (const bad of [
      '{}',
      'nonsense',
      JSON.stringify({ channel: 'bars/stable', version: 0, keys: { threshold: 0, publicKeys: [] } }),
    ]) {
      writeFileSync(at('bad-state.json'), bad);
      expect(
        await codesOf(
          'open',
          at('v2.sotto'),
          '--public-key',
          at('sign.pem.pub'),
          '--channel',
          channel,
          '--channel-state',
          at('bad-state.json'),
        ),
      ).toEqual(['package/channel-malformed']);
    }
    expect((await publish(...by('k9'))).code).toBe(2);
    expect(existsSync(at('k9'))).toBe(false);
    expect((await publish(...by('k4'), '--package', at('v1.sotto'), '--as', '2.0')).code).toBe(2);
    expect((await publish(...by('k4'), '--days', '0')).code).toBe(2);
  }, 60_000);
});

describe('links', () => {
  it('are no files of a run or of a signed folder, wherever they lead', async () => {
    const key = ['--key', join(run, 'log.vkey')];
    const model = join(run, 'model.safetensors');
    const bytes = readFileSync(model);
    renameSync(model, at('elsewhere'));
    symlinkSync(at('elsewhere'), model);
    symlinkSync(at('nowhere'), join(run, 'dangling'));
    expect(await codesOf('verify', run, ...key)).toEqual(['verify/missing']);
    rmSync(model);
    rmSync(join(run, 'dangling'));
    writeFileSync(model, bytes);
    expect(await codesOf('verify', run, ...key)).toEqual([]);
    expect((await sotto('open', at('v2.sotto'), '--public-key', at('sign.pem.pub'), '--to', at('out'))).code).toBe(0);
    rmSync(join(at('out'), 'metrics.jsonl'));
    symlinkSync(join(run, 'metrics.jsonl'), join(at('out'), 'metrics.jsonl'));
    expect(await codesOf('open', at('out'), '--public-key', at('sign.pem.pub'))).toEqual(['package/not-a-file']);
  });
});

describe('sotto verify', () => {
  it('tells a folder of files that no log knows in one line', async () => {
    mkdirSync(join(run, 'mlruns', 'metrics'), { recursive: true });
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(run, 'mlruns', 'metrics', name), name);
    writeFileSync(join(run, 'notes.txt'), '');
    try {
      const { out } = await sotto('verify', run);
      expect(out).toMatch(/mlruns\/ \(4 files\): the log has no digest of it\n/);
      expect(out).toMatch(/notes\.txt: the log has no digest of it\n/);
      expect(out).not.toContain('metrics/a');
      const { notCovered } = JSON.parse((await sotto('verify', run, '--json')).out) as {
        notCovered: { file: string }[];
      };
      expect(notCovered.map(({ file }) => file)).toContain('mlruns/metrics/a');
    } finally {
      rmSync(join(run, 'mlruns'), { recursive: true });
      rmSync(join(run, 'notes.txt'));
    }
  });
});
