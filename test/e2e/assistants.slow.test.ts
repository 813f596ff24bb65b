/**
 * The whole as commands: `sotto serve`, three `sotto join`, and the parties that help to form the sums as `sotto party
 * assist`, one of which is killed in the middle and started again.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { assistedText } from '../harness/assistants.ts';
import { freePort } from '../harness/start-coordinator.ts';
import { type RunningCommand, startCommand } from '../harness/cli-process.ts';
import { runSotto } from './sotto.ts';

let base: string;
const running: RunningCommand[] = [];
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-assist-'));
});
afterAll(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  rmSync(base, { recursive: true, force: true });
});

function start(...args: string[]): RunningCommand {
  const command = startCommand(args);
  running.push(command);
  return command;
}

/** Rows of two classes in six columns. */
function writeRows(path: string, seed: number): void {
  const rows = Array.from({ length: 60 }, (_, i) =>
    [...[0, 1, 2, 3, 4, 5].map((j) => ((i * 7 + j * 13 + seed) % 10) / 10 + (j < 3 ? i % 2 : 0)), i % 2].join(','),
  );
  writeFileSync(path, ['a,b,c,d,e,f,label', ...rows].join('\n'));
}

const ROUNDS = 4;
/** Half a minute on a machine that has nothing else to do; a dozen processes start. */
const LIMIT_MS = 240_000;

/** Serves a task with its assistants, kills the first of them once, and returns the last lines of the participants. */
async function federate(
  kind: 'shares' | 'homomorphic',
  names: readonly string[],
): Promise<{ codes: readonly number[]; ends: readonly string[]; home: (name: string) => string }> {
  const path = join(base, `${kind}.yaml`);
  const home = (name: string): string => join(base, `${kind}-${name}`);
  const write = (entries: readonly string[]): void => {
    const list = kind === 'shares' ? `servers: [${entries.join(', ')}]` : `holder: ${entries[0]}`;
    writeFileSync(
      path,
      assistedText({ name: `by-${kind}`, rounds: ROUNDS, stageTimeoutMs: 20_000 }, `kind: ${kind}, ${list}`),
    );
  };
  write(names.map((name) => `{ name: ${name} }`));
  const addresses = new Map<string, string>();
  for (const name of names) addresses.set(name, `127.0.0.1:${await freePort()}`);
  const entries = await Promise.all(
    names.map(async (name) => {
      const listen = addresses.get(name) as string;
      const made = await runSotto(
        'party',
        'assist',
        path,
        '--name',
        name,
        '--home',
        home(name),
        '--listen',
        listen,
        '--print-key',
      );
      expect(made.code, made.stderr).toBe(0);
      return made.stdout.trim().replace(/^(?:- |holder: )/, '');
    }),
  );
  write(entries);
  const assist = async (name: string): Promise<RunningCommand> => {
    const listen = addresses.get(name) as string;
    const command = start(
      'party',
      'assist',
      path,
      '--name',
      name,
      '--home',
      home(name),
      '--listen',
      listen,
      '--trust-coordinator-roster',
      '--json',
    );
    expect(JSON.parse(await command.firstLine)).toMatchObject({ event: 'listening', name });
    return command;
  };
  const starting = Promise.all(names.map(assist));
  // A key holder must be there when the task is created; servers need not.
  if (kind === 'homomorphic') await starting;
  const folder = join(base, `${kind}-coordinator`);
  const serve = start('serve', path, '--folder', folder, '--port', '0', '--invitations', '3', '--no-page', '--json');
  const [[first], line] = await Promise.all([starting, serve.firstLine]);
  const { url, task, tokens } = JSON.parse(line) as { url: string; task: string; tokens: string[] };
  const policy = join(base, 'policy.yaml');
  writeFileSync(policy, 'trust: [nobody]\nmaxEpsilon: 10\n');
  const joins = tokens.map((token, i) => {
    const data = join(base, `${kind}-${i}.csv`);
    writeRows(data, i);
    const own = join(base, `${kind}-participant-${i}`);
    const means = ['--data', data, '--target', 'label', '--home', own, '--policy', policy];
    return start('join', url, '--task', task, '--token', token, ...means);
  });
  await expect.poll(() => first?.printed().includes('"answered"'), { timeout: 60_000 }).toBe(true);
  first?.child.kill('SIGKILL');
  await first?.ended;
  await assist(names[0] as string);
  const codes = await Promise.all(joins.map(({ ended }) => ended));
  serve.child.kill('SIGTERM');
  await serve.ended;
  return { codes, ends: joins.map(({ printed }) => printed()), home };
}

describe('a federation by its commands', () => {
  it(
    'trains by two aggregation servers, one of which is killed and started again',
    async () => {
      const { codes, ends, home } = await federate('shares', ['north', 'south']);
      expect(codes, ends.join('\n')).toEqual([0, 0, 0]);
      for (const end of ends) expect(end).toMatch(/round 4 committed[^]*the task is finished/);
      const answered = readFileSync(join(home('south'), 'south.answered'), 'utf8')
        .trim()
        .split('\n');
      expect(answered.length).toBeGreaterThanOrEqual(ROUNDS);
      expect(new Set(answered.map((line) => (JSON.parse(line) as [string])[0])).size).toBe(answered.length);
    },
    LIMIT_MS,
  );

  it(
    'trains under BFV with a key holder that is killed and started again',
    async () => {
      const { codes, ends } = await federate('homomorphic', ['holder']);
      expect(codes, ends.join('\n')).toEqual([0, 0, 0]);
      for (const end of ends) expect(end).toMatch(/round 4 committed[^]*the task is finished/);
    },
    LIMIT_MS,
  );

  it('tells an assistant without a roster what to do', async () => {
    const path = join(base, 'homomorphic.yaml');
    const refused = await runSotto('party', 'assist', path, '--home', join(base, 'homomorphic-holder'));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/--roster FILE.*--trust-coordinator-roster/);
  });
});
