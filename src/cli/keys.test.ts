import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, it, vi } from 'vitest';

import { runCommand } from '../../test/harness/command.ts';
import { createKeysCommand } from './keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-keys-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('says when certifying made an authority, which may be a name that was mistyped', async () => {
  const said: string[] = [];
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const authority = join(folder, 'authority.key');
  const key = '45b8c006f9e9890d701c5baf14c3a2c9f1891d6f560038f065670c37c46e3c12';
  const certify = ['certify', '--authority', authority, '--scope', 'hospitals', '--key', key];
  try {
    expect((await runCommand(createKeysCommand(), certify)).code).toBe(0);
    expect(said[0]).toBe(`made ${authority}, a new authority: no policy names it yet\n`);
    said.length = 0;
    expect((await runCommand(createKeysCommand(), certify)).code).toBe(0);
    expect(said.join('')).toMatch(/^in the participants’ policies: /);
  } finally {
    spy.mockRestore();
  }
});
