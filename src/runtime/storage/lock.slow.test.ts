/** The lock across containers, as far as the system lets a test make one: a namespace in which numbers of processes begin anew. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
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
    const ask = (): Promise<string> => {
      const child = spawn('unshare', [...UNSHARE, process.execPath, script, path, '1000'], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      started.push(child);
      return once(child.stdout as Readable, 'data').then(([chunk]: Buffer[]) => String(chunk).trim());
    };
    try {
      expect(await ask()).toBe('held');
      expect(await ask()).toBe('storage/exists');
      started[0]?.kill('SIGKILL');
      expect(await ask()).toBe('held');
      expect(readdirSync(folder).filter((name) => name.includes('next'))).toEqual([]);
    } finally {
      for (const child of started) child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
