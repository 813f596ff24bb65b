/**
 * Stores that really fail: a disk that is full (a small file system of its own), and a PostgreSQL server that is killed and
 * comes back. The coordinator says 503, nothing is half written, and the rounds go on as if nothing had been. Needs root,
 * or skips and says so.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { verifyLedger } from '../../src/privacy/accounting/index.ts';
import { smallDataset, smallTask, startParticipant } from '../harness/service.ts';

const ROUNDS = 3;
const FEATURES = 8000;
const isRoot = process.getuid?.() === 0;
const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : [];
const binaries = join('/usr/lib/postgresql', versions.at(-1) ?? '', 'bin');
const hasPostgres = isRoot && existsSync(join(binaries, 'pg_ctl'));

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
  readonly task: string;
  readonly tokens: readonly string[];
}

/** Runs a coordinator of its own process, with a task whose vectors are objects. */
function startCoordinator(folder: string, env: Record<string, string>): Promise<Started> {
  const program = fileURLToPath(new URL('../harness/coordinator-process.ts', import.meta.url));
  const child = spawn(process.execPath, [program, folder, '0'], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(smallTask({ name: 'faults', rounds: ROUNDS, features: FEATURES, stageTimeoutMs: 20_000 }));
  let out = '';
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (out.includes('\n'))
        resolve({ child, ...(JSON.parse(out.slice(0, out.indexOf('\n'))) as Omit<Started, 'child'>) });
    });
    child.on('exit', () => reject(new Error('the coordinator ended before it was ready')));
  });
}

/** Trains to the end while `fail` begins at some messages, and `mend` comes a second and a half later. */
async function trainsThrough(
  { url, task: taskId, tokens }: Started,
  { at, fail, mend }: { at: readonly number[]; fail: () => void; mend: () => void },
): Promise<{ codes: Set<string>; committed: number[][] }> {
  const codes: string[] = [];
  let messages = 0;
  const participants = tokens.map((token, i) =>
    startParticipant(`p${i}`, {
      url,
      taskId,
      token,
      dataset: smallDataset(`p${i}`, 40, FEATURES),
      async fetch(input, init) {
        if ((input as URL).pathname.endsWith('/messages') && at.includes((messages += 1))) {
          fail();
          setTimeout(mend, 1500);
        }
        const response = await fetch(input, init);
        if (response.status === 503) {
          expect(response.headers.get('content-type')).toBe('application/problem+json');
          codes.push(((await response.clone().json()) as { type: string }).type);
        }
        return response;
      },
    }),
  );
  await Promise.all(participants.map(({ finished }) => finished));
  const committed: number[][] = [];
  for (const { events, ledgerStore } of participants) {
    committed.push(
      events.flatMap((event) => (event.kind === 'round' && event.outcome === 'committed' ? [event.round] : [])),
    );
    expect(events.at(-1)).toEqual({ kind: 'ended', state: 'finished' });
    const { charges } = verifyLedger(await ledgerStore.read());
    expect(new Set(charges.map(({ attempt }) => attempt)).size).toBe(charges.length);
  }
  return { codes: new Set(codes), committed };
}

/** Every refusal could be tried again, and every round is there once, for everybody. */
const UNHARMED = {
  codes: new Set(['coordinator/unavailable']),
  committed: Array.from({ length: 4 }, () => [1, 2, 3]),
};

async function end({ child }: Started): Promise<void> {
  const over = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await over;
}

describe(`a disk that is full${isRoot ? '' : ' (skipped: needs root for a file system of its own)'}`, () => {
  it.skipIf(!isRoot)('holds vectors and database back until there is room; the rounds go on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128m', 'tmpfs', folder]);
    const filler = join(folder, 'filler');
    let started: Started | undefined;
    try {
      started = await startCoordinator(join(folder, 'coordinator'), {});
      const seen = await trainsThrough(started, {
        at: [9, 26],
        fail() {
          for (const size of [1 << 20, 4096, 1]) {
            try {
              for (;;) appendFileSync(filler, Buffer.alloc(size));
            } catch {
              // Full at this size.
            }
          }
        },
        mend: () => rmSync(filler, { force: true }),
      });
      expect(seen).toEqual(UNHARMED);
    } finally {
      if (started !== undefined) await end(started);
      execFileSync('umount', [folder]);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe(`a PostgreSQL server that goes away${hasPostgres ? '' : ' (skipped: needs root and a PostgreSQL server)'}`, () => {
  it.skipIf(!hasPostgres)('and comes back: the coordinator waits for it, and the rounds go on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-postgres-'));
    chmodSync(folder, 0o755);
    const data = join(folder, 'data');
    mkdirSync(data);
    execFileSync('chown', ['postgres', data]);
    const port = await freePort();
    const asPostgres = (...args: string[]): void => {
      execFileSync('su', ['postgres', '-s', '/bin/sh', '-c', args.join(' ')], { stdio: 'ignore' });
    };
    const control = (...args: string[]): void => asPostgres(join(binaries, 'pg_ctl'), '-D', data, '-w', '-s', ...args);
    const up = (): void =>
      control('-l', join(data, 'log'), '-o', `'-p ${port} -k ${data} -c listen_addresses=127.0.0.1'`, 'start');
    asPostgres(join(binaries, 'initdb'), '-D', data, '-A', 'trust', '-N');
    up();
    let started: Started | undefined;
    try {
      started = await startCoordinator(join(folder, 'coordinator'), {
        DATABASE_URL: `postgres://postgres@127.0.0.1:${port}/postgres`,
      });
      const fail = (): void => control('stop', '-m', 'immediate');
      expect(await trainsThrough(started, { at: [6, 27], fail, mend: up })).toEqual(UNHARMED);
    } finally {
      if (started !== undefined) await end(started);
      control('stop', '-m', 'immediate');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
