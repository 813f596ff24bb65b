import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { describeAccessStore } from '../../../../test/conformance/access-store.ts';
import { describeDatabase } from '../../../../test/conformance/database.ts';
import { createAccessTables, openDatabase } from './index.ts';

describeDatabase('PGlite', () => openDatabase({ kind: 'memory' }));
describeAccessStore('PGlite', async () => {
  const database = await openDatabase({ kind: 'memory' });
  return { store: createAccessTables(database.db), close: () => database.close() };
});

describe('a database folder', () => {
  it('serves one process alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-db-'));
    writeFileSync(join(folder, 'lock'), String(process.ppid));
    await expect(openDatabase({ kind: 'folder', path: folder })).rejects.toMatchObject({ code: 'storage/exists' });
    rmSync(folder, { recursive: true });
  });
});
