import { afterAll } from 'vitest';

import { describeLeases } from '../../../../test/conformance/leases.ts';
import { openDatabase } from '../database/index.ts';
import { createDatabaseLeaseStore, createMemoryLeaseStore } from './index.ts';

const clock = (): number => performance.now();

const shared = createMemoryLeaseStore(clock);
describeLeases('in process', () => Promise.resolve(shared));

const database = openDatabase({ kind: 'memory' });
afterAll(async () => (await database).close());
describeLeases('PGlite', async () => createDatabaseLeaseStore((await database).db));
