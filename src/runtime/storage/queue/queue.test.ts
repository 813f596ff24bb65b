import { afterAll } from 'vitest';

import { describeLeases, describeQueue } from '../../../../test/conformance/queue.ts';
import { openDatabase } from '../database/index.ts';
import { createDatabaseLeaseStore, createMemoryLeaseStore, createMemoryQueue } from './index.ts';

const clock = (): number => performance.now();

describeQueue('in process', (options) => Promise.resolve(createMemoryQueue(options, clock)));
const shared = createMemoryLeaseStore(clock);
describeLeases('in process', () => Promise.resolve(shared));

const database = openDatabase({ kind: 'memory' });
afterAll(async () => (await database).close());
describeLeases('PGlite', async () => createDatabaseLeaseStore((await database).db));
