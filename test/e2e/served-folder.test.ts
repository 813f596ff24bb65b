/** A folder that is served belongs to one coordinator: a second one says so and ends, and one after a crash does not wait. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

import { expect, it } from 'vitest';

import { createServeCommand } from '../../src/cli/serve.ts';
import { openDatabase } from '../../src/runtime/storage/database/index.ts';
import { runCommand } from '../harness/command.ts';
import { createDatabaseFolder } from '../harness/database-folder.ts';

const script = fileURLToPath(new URL('../harness/hold-lock.ts', import.meta.url));

it('refuses a second coordinator on a folder with code 2, and lets one in at once when the first was killed', async () => {
  const folder = await createDatabaseFolder();
  const first = spawn(process.execPath, [script, join(folder, 'lock')], { stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    await once(first.stdout as Readable, 'data');
    const { code, out } = await runCommand(createServeCommand(), ['--folder', folder, '--port', '0', '--no-page']);
    expect([code, out]).toEqual([2, expect.stringContaining(`is in use by process ${first.pid}`)]);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const waits: string[] = [];
    const database = await openDatabase({ kind: 'folder', path: folder }, { onWait: (why) => waits.push(why) });
    await database.close();
    expect(waits).toEqual([]);
  } finally {
    first.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});
