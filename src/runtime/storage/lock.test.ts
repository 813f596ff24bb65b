import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { takeLock } from './lock.ts';

let base: string;
let path: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-lock-'));
  path = join(base, 'lock');
});
afterEach(() => rmSync(base, { recursive: true }));

const inUse = expect.objectContaining({ code: 'storage/exists' }) as Error;

describe('a lock', () => {
  it('is held by a living process, and free once it was given up', () => {
    writeFileSync(path, String(process.ppid));
    expect(() => takeLock(path, 'it')).toThrow(inUse);
    rmSync(path);
    const release = takeLock(path, 'it');
    expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^${process.pid}\\b`));
    release();
    expect(() => takeLock(path, 'it')).not.toThrow();
  });

  // Elsewhere nothing tells when a process was started: whoever has the number holds the lock.
  describe.runIf(process.platform === 'linux')('where the system tells when a process was started', () => {
    it('is not held by another process that was given the number of its holder', () => {
      takeLock(path, 'it');
      const [, started] = readFileSync(path, 'utf8').split(' ');
      expect(started).toMatch(/^[0-9a-f-]{36}\/\d+$/);
      writeFileSync(path, `${process.ppid} ${started}`);
      expect(() => takeLock(path, 'it')).not.toThrow();
    });

    it('is held by no process that was killed and that its parent has not fetched', async () => {
      const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 30'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      try {
        const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
        const pid = Number(chunk.toString());
        await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2]).toBe('Z');
        writeFileSync(path, String(pid));
        expect(() => takeLock(path, 'it')).not.toThrow();
      } finally {
        parent.kill();
      }
    });
  });

  it('is held by one taking alone, in the same process as well', () => {
    const release = takeLock(path, 'it');
    expect(() => takeLock(path, 'it')).toThrow(inUse);
    release();
    release();
    takeLock(path, 'it')();
    expect(readdirSync(base)).toEqual([]);
  });

  it('is put back where it was deleted, while its holder lives', async () => {
    const release = takeLock(path, 'it', { beatAfterMs: 0, beatMs: 20 });
    const before = readFileSync(path, 'utf8');
    rmSync(path);
    await expect.poll(() => existsSync(path) && readFileSync(path, 'utf8')).toBe(before);
    release();
    await expect.poll(() => readdirSync(base)).toEqual([]);
  });
});

describe('a lock of another container or machine', () => {
  const token = 'ab'.repeat(16);
  const foreign = { token, pid: process.ppid, host: 'elsewhere/02:00' };
  const asBefore = JSON.parse(readOwn()) as object;
  /** What this process would write. */
  function readOwn(): string {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-lock-own-'));
    const release = takeLock(join(folder, 'lock'), 'it');
    const text = readFileSync(join(folder, 'lock'), 'utf8');
    release();
    rmSync(folder, { recursive: true });
    return text.slice(text.indexOf('{'));
  }
  const holders: readonly (readonly [string, object])[] = [
    ['another namespace', { ...asBefore, ...foreign, namespace: 'pid:[1]' }],
    ['another start of a system', { ...asBefore, ...foreign, boot: '0'.repeat(36) }],
    ['a system that tells nothing', { ...foreign, boot: undefined }],
  ];

  it.each(holders)('of %s is held as long as its beat goes on', async (_name, holder) => {
    writeFileSync(path, JSON.stringify(holder));
    const beat = new Worker(
      `const { writeFileSync } = require('node:fs');
       let n = 0;
       setInterval(() => writeFileSync(require('node:worker_threads').workerData, String(n += 1)), 20);`,
      { eval: true, workerData: `${path}.beat-${token}` },
    );
    try {
      const waits: string[] = [];
      const take = (): unknown => takeLock(path, 'it', { leaseMs: 60_000, onWait: (why) => waits.push(why) });
      expect(take).toThrow(/of elsewhere, on another machine or in another container: stop it there/);
      expect(waits).toEqual([expect.stringContaining('waiting 60 s')]);
      expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(JSON.parse(JSON.stringify(holder)));
      expect(readdirSync(base).filter((name) => name.includes('next'))).toEqual([]);
    } finally {
      await beat.terminate();
    }
  });

  it.each(holders)('of %s is taken over once its beat has stood still for a lease', (_name, holder) => {
    writeFileSync(path, JSON.stringify(holder));
    writeFileSync(`${path}.beat-${token}`, '7');
    const release = takeLock(path, 'it', { leaseMs: 100 });
    expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^${process.pid} `));
    expect(readdirSync(base)).toEqual(['lock']);
    release();
    expect(readdirSync(base)).toEqual([]);
  });

  it('of which half was written is waited for like any other', () => {
    writeFileSync(path, '');
    const waits: string[] = [];
    takeLock(path, 'it', { leaseMs: 50, onWait: (why) => waits.push(why) })();
    expect(waits).toHaveLength(1);
  });

  it('is taken over though whoever took it over before died in the middle of that', () => {
    const dead = { pid: 999_999_999, host: 'gone/02:00' };
    writeFileSync(path, JSON.stringify({ ...asBefore, ...dead, token }));
    writeFileSync(`${path}.next-${token}`, JSON.stringify({ ...asBefore, ...dead, token: 'cd'.repeat(16) }));
    const release = takeLock(path, 'it');
    expect(readdirSync(base)).toEqual(['lock']);
    release();
  });

  it('is taken over from whoever was killed while giving it up', () => {
    const dead = JSON.stringify({ ...asBefore, pid: 999_999_999, token });
    for (const file of [path, `${path}.next-${token}`]) writeFileSync(file, dead);
    takeLock(path, 'it')();
    expect(readdirSync(base)).toEqual([]);
  });

  describe.skipIf(process.platform !== 'linux')('of this very system', () => {
    const other = { ...asBefore, ...foreign, namespace: 'pid:[1]', pipe: true };
    const pipe = (): string => `${path}.pipe-${token}`;
    beforeEach(() => {
      writeFileSync(path, JSON.stringify(other));
      execFileSync('mkfifo', [pipe()]);
    });

    it('is taken over at once when nobody has its pipe open any more', () => {
      const waits: string[] = [];
      takeLock(path, 'it', { leaseMs: 60_000, onWait: (why) => waits.push(why) })();
      expect([waits, readdirSync(base)]).toEqual([[], []]);
    });

    it('is held while somebody has, though its beat stands still', () => {
      const file = openSync(pipe(), constants.O_RDONLY | constants.O_NONBLOCK);
      expect(() => takeLock(path, 'it', { leaseMs: 50 })).toThrow(inUse);
      closeSync(file);
      takeLock(path, 'it', { leaseMs: 60_000 })();
    });

    it('and of no pipe, or one that is not there, is waited for', () => {
      rmSync(pipe());
      const waits: string[] = [];
      takeLock(path, 'it', { leaseMs: 50, onWait: (why) => waits.push(why) })();
      expect(waits).toHaveLength(1);
    });
  });

  it('is not used before its holder, were it there after all, has had time to see that it was taken over', async () => {
    writeFileSync(path, JSON.stringify({ ...asBefore, ...foreign, boot: '0'.repeat(36) }));
    // Another, slower one, that takes it as soon as it was taken.
    const thief = new Worker(
      `const { readFileSync, writeFileSync } = require('node:fs');
       const { path, first } = require('node:worker_threads').workerData;
       setInterval(() => { if (!readFileSync(path, 'utf8').includes('elsewhere')) writeFileSync(path, first); }, 5);`,
      { eval: true, workerData: { path, first: readFileSync(path, 'utf8') } },
    );
    try {
      await once(thief, 'online');
      expect(() => takeLock(path, 'it', { leaseMs: 1000 })).toThrow('was taken by another process');
      expect(readFileSync(path, 'utf8')).toContain('elsewhere');
    } finally {
      await thief.terminate();
    }
  });

  it('is not given up by a holder that was taken for gone', () => {
    const release = takeLock(path, 'it');
    const other = JSON.stringify({ ...asBefore, ...foreign });
    writeFileSync(path, other);
    release();
    expect(readFileSync(path, 'utf8')).toBe(other);
  });

  const script = fileURLToPath(new URL('../../../test/harness/hold-lock.ts', import.meta.url));
  /** A process that takes the lock, says whether it has it, and holds it until it is ended. */
  function hold(): { readonly child: ChildProcess; readonly said: Promise<string> } {
    const child = spawn(process.execPath, [script, path], { stdio: ['pipe', 'pipe', 'ignore'] });
    const said = once(child.stdout as Readable, 'data').then(([chunk]: Buffer[]) => String(chunk).trim());
    return { child, said };
  }

  it('ends the process that had it, once another holder stands in it', async () => {
    const { child, said } = hold();
    expect(await said).toBe('held');
    writeFileSync(path, JSON.stringify({ ...asBefore, ...foreign }));
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });

  it('ends the process that had it, was stopped for long, and finds that nobody has it', async () => {
    const { child, said } = hold();
    expect(await said).toBe('held');
    child.kill('SIGSTOP');
    rmSync(path);
    // Longer than half its lease.
    await new Promise((resolve) => {
      setTimeout(resolve, 700);
    });
    child.kill('SIGCONT');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    expect(existsSync(path)).toBe(false);
  });

  it('is taken over by one of many who ask at once', async () => {
    writeFileSync(path, JSON.stringify({ ...asBefore, token, pid: 999_999_999 }));
    const all = Array.from({ length: 5 }, hold);
    const said = await Promise.all(all.map((each) => each.said));
    expect(said.toSorted()).toEqual(['held', 'storage/exists', 'storage/exists', 'storage/exists', 'storage/exists']);
    await Promise.all(
      all.map(async ({ child }) => {
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      }),
    );
    // Killed, and taken over without a wait: this system knows that it is gone.
    const waits: string[] = [];
    takeLock(path, 'it', { onWait: (why) => waits.push(why) })();
    expect(waits).toEqual([]);
  });
});
