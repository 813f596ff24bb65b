import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';

import { runCommand } from '../../test/harness/command.ts';
import { COMMANDS, createProgram } from './commands.ts';
import { exitCodeOf, explainSystemError } from './exit-codes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Addresses of the modules that a command line loads. */
function modulesOf(...words: readonly string[]): string[] {
  const spy = `
    import { registerHooks } from 'node:module';
    const seen = [];
    registerHooks({ load(url, context, next) { seen.push(url); return next(url, context); } });
    process.on('exit', () => process.stdout.write('\\n' + JSON.stringify(seen)));`;
  const args = ['--import', `data:text/javascript,${encodeURIComponent(spy)}`, 'bin/sotto.mjs', ...words];
  const said = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  return JSON.parse(said.split('\n').at(-1) ?? '') as string[];
}

/** What can be run: each with the words that lead to it. */
function leaves(command: Command, before: readonly string[] = []): { words: string[]; command: Command }[] {
  const words = [...before, command.name()];
  const below = command.commands.flatMap((each) => leaves(each, words));
  return below.length > 0 ? below : [{ words, command }];
}

describe('the commands', () => {
  it('take --json wherever they print anything', async () => {
    const all = (await createProgram([])).commands.flatMap((command) => leaves(command));
    expect(all.length).toBeGreaterThan(50);
    const without = all.filter(({ command }) => !command.options.some(({ long }) => long === '--json'));
    expect(without.map(({ words }) => words.join(' '))).toEqual([]);
  });

  it('explain themselves within eighty columns', async () => {
    const program = await createProgram([]);
    for (const command of [program, ...program.commands.flatMap((each) => leaves(each).map((leaf) => leaf.command))]) {
      const long = command
        .helpInformation()
        .split('\n')
        .filter((line) => line.length > 80);
      expect(long, command.name()).toEqual([]);
    }
  });

  it('print with --json what a program reads', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-'));
    try {
      const text = join(folder, 'note.txt');
      writeFileSync(text, 'Write to ann@example.org today.\n');
      const printed = async (...words: string[]): Promise<unknown> => {
        const [command] = (await createProgram(words)).commands;
        const { code, out } = await runCommand(command as Command, [...words.slice(1), '--json']);
        expect(code, out).toBe(0);
        return JSON.parse(out);
      };
      expect(await printed('pii', 'redact', text)).toEqual({
        text: 'Write to <EMAIL_ADDRESS> today.\n',
        findings: [expect.objectContaining({ type: 'EMAIL_ADDRESS', start: 9, end: 24 })],
      });
      const { publicKey } = (await printed('party', 'key', join(folder, 'party.key'))) as { publicKey: string };
      expect(publicKey).toMatch(/^[0-9a-f]{64}$/);
      const authority = join(folder, 'authority.key');
      const certify = ['keys', 'certify', '--authority', authority, '--scope', 'hospitals', '--key', publicKey];
      const certified = (await printed(...certify)) as Record<string, string>;
      expect(certified).toMatchObject({ scope: 'hospitals', authorityKey: expect.stringMatching(/^[0-9a-f]{64}$/) });
      expect(certified.certificate).toMatch(/^[0-9a-f]+$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('are under the names of their files', async () => {
    for (const { names, load } of COMMANDS) {
      const commands = await load();
      expect(commands.flatMap((command) => [command.name(), ...command.aliases()])).toEqual(names);
    }
  });

  it('are loaded one at a time, and all together for the help', async () => {
    expect((await createProgram(['run', 'task.yaml'])).commands.map((each) => each.name())).toEqual(['run']);
    expect((await createProgram(['--version'])).commands).toEqual([]);
    const all = COMMANDS.flatMap(({ names }) => names).filter((name) => name !== 'simulate');
    for (const words of [[], ['--help'], ['help', 'run'], ['runs']]) {
      expect((await createProgram(words)).commands.map((each) => each.name())).toEqual(all);
    }
  });

  it('wait for nothing that a run does not need: databases, certificates, tables', () => {
    const modules = modulesOf('run', '--help');
    expect(modules.length).toBeGreaterThan(100);
    expect(modules.filter((url) => /kysely|pglite|@peculiar|jose|hyparquet|\/coordinator\//.test(url))).toEqual([]);
  });

  it('call what the system refuses by its name and end with code 2: it is no defect', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-'));
    try {
      writeFileSync(join(folder, 'file'), '');
      const args = ['bin/sotto.mjs', 'init', join(folder, 'file', 'inside'), '--template', 'tabular', '--yes'];
      const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
      expect(stderr).toMatch(/inside leads through a file as though it were a folder \(ENOTDIR\)\n$/);
      expect(status).toBe(2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('name the address that another process has taken', async () => {
    const listen = (port: number): Promise<number> =>
      new Promise((resolve, reject) => {
        const server = createServer();
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
        server.unref();
      });
    const port = await listen(0);
    const error: unknown = await listen(port).catch((refused: unknown) => refused);
    expect(exitCodeOf(error)).toBe(2);
    expect(explainSystemError(error)).toBe(
      `127.0.0.1:${port} is taken by another process: choose another port, or stop that process (EADDRINUSE)`,
    );
    expect(exitCodeOf(new Error('anything else'))).toBe(70);
  });
});
