import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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
});
