import { describe, it } from 'vitest';

import { describeDatabase } from '../../../../test/conformance/database.ts';
import { openDatabase } from './index.ts';

const url = process.env.SOTTO_TEST_POSTGRES;
if (url === undefined) {
  describe('database: PostgreSQL', () => {
    it.skip('skipped: SOTTO_TEST_POSTGRES is not set', () => {});
  });
} else describeDatabase('PostgreSQL', () => openDatabase({ kind: 'server', url }));
