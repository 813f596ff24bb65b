import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { createFileObjectStore } from './file-object-store.ts';
import { createMemoryObjectStore } from './object-store.ts';
import { describeObjectStore } from '../../../../test/conformance/object-store.ts';

const base = mkdtempSync(join(tmpdir(), 'sotto-objects-'));
afterAll(() => rmSync(base, { recursive: true }));
let count = 0;

describeObjectStore('memory', () => Promise.resolve(createMemoryObjectStore()));
describeObjectStore('files', () => Promise.resolve(createFileObjectStore(join(base, `store-${(count += 1)}`))));

describe('the file store', () => {
  it('never shows what a crash left half written', async () => {
    const folder = join(base, 'crashed');
    const store = createFileObjectStore(folder);
    await store.put('a/b', new Uint8Array(3));
    writeFileSync(join(folder, 'a', '.part-x'), 'half');
    expect(await store.list('')).toEqual(['a/b']);
    expect(readdirSync(join(folder, 'a'))).toContain('.part-x');
  });

  it('keeps objects for the next process', async () => {
    const folder = join(base, 'kept');
    await createFileObjectStore(folder).put('x', Uint8Array.of(7));
    expect(await createFileObjectStore(folder).get('x')).toEqual(Uint8Array.of(7));
  });
});
