import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { createFileTileStore } from './file-tile-store.ts';

const base = mkdtempSync(join(tmpdir(), 'sotto-tiles-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

describe('a log in a folder', () => {
  it('keeps the folder of partial tiles as long as there is one in it', async () => {
    const store = createFileTileStore(base);
    const bytes = Uint8Array.of(1);
    await store.write([3, 9].map((width) => [`tile/0/000.p/${width}`, bytes] as const));
    await store.remove(['tile/0/000.p/3']);
    expect(readdirSync(join(base, 'tile', '0', '000.p'))).toEqual(['9']);
    await store.write([['tile/0/000', bytes]]);
    await store.remove(['tile/0/000.p/9', 'tile/0/000.p/2', 'tile/0/001.p/2']);
    expect(existsSync(join(base, 'tile', '0', '000.p'))).toBe(false);
    expect(await store.list()).toEqual(['tile/0/000']);
    // The place may be filled again.
    await store.write([['tile/0/000.p/4', bytes]]);
    expect(await store.list()).toEqual(['tile/0/000', 'tile/0/000.p/4']);
  });
});
