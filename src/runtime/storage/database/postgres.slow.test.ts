import { describe, it } from 'vitest';

import { describeDatabase } from '../../../../test/conformance/database.ts';
import { createTestDatabase, postgresUrl } from '../../../../test/harness/postgres.ts';
import { openDatabase } from './index.ts';

if (postgresUrl === undefined) {
  describe('database: PostgreSQL', () => {
    it.skip('skipped: SOTTO_TEST_POSTGRES is not set', () => {});
  });
} else
  describeDatabase('PostgreSQL', async () => {
    const { url, drop } = await createTestDatabase();
    const opened = await openDatabase({ kind: 'server', url });
    return { db: opened.db, close: () => opened.close().then(drop) };
  });
