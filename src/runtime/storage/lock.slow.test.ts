/** The lock across containers, as far as the system lets a test make one: a namespace in which numbers of processes begin anew. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const UNSHARE = ['--pid', '--fork', '--kill-child', '--mount-proc'];
const script = fileURLToPath(new URL('../../../test/harness/hold-lock.ts', import.meta.url));

const canUnshare = ((): boolean => {
  try {
    execFileSync('unshare', [...UNSHARE, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!canUnshare)(`a lock on a shared folder${canUnshare ? '' : ' (skipped: no namespaces here)'}`, () => {
  it('is held against other containers while its holder lives, and taken over once it was killed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-lock-'));
    const path = join(folder, 'lock');
    const started: ChildProcess[] = [];
    /** Asks for the lock in a container of its own. */
    const ask = (leaseMs = 600_000): Promise<string> => {
      const child = spawn('unshare', [...UNSHARE, process.execPath, script, path, String(leaseMs)], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      started.push(child);
      return once(child.stdout as Readable, 'data').then(([chunk]: Buffer[]) => String(chunk).trim());
    };
    try {
      expect(await ask()).toBe('held');
      expect(await ask()).toBe('storage/exists');
      started[0]?.kill('SIGKILL');
      // At once, by its pipe: a container that was restarted does not wait for a lease.
      expect(await ask()).toBe('held');
      expect(readdirSync(folder).filter((name) => name.includes('next'))).toEqual([]);
      // As from another machine: without its pipe, and with a beat that cannot be written though it lives.
      await expect.poll(() => readdirSync(folder).length).toBe(3);
      const [pipe = '', beat = ''] = ['pipe', 'beat'].map((kind) =>
        join(folder, readdirSync(folder).find((name) => name.startsWith(`lock.${kind}-`)) ?? ''),
      );
      rmSync(pipe);
      rmSync(beat);
      mkdirSync(beat);
      const told: string[] = [];
      const [before] = started.slice(-1) as [ChildProcess];
      const ended = once(before, 'exit').then(() => told.push('its holder ended'));
      await ask(2000).then((said) => told.push(said));
      await ended;
      // Also where it is the first process of a container, which no signal from within ends.
      expect(told).toEqual(['its holder ended', 'held']);
    } finally {
      for (const child of started) child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
