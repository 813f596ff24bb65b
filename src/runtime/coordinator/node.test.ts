import { expect, it, onTestFinished } from 'vitest';

import { until } from '../../../test/harness/service.ts';
import { openDatabase } from '../storage/database/index.ts';
import { createDatabaseLeaseStore } from '../storage/leases/index.ts';
import { createNode } from './node.ts';

it('gives a lease back when a task cannot be taken up, tries again, and takes the others up meanwhile', async () => {
  const database = await openDatabase({ kind: 'memory' });
  onTestFinished(() => database.close());
  const leases = createDatabaseLeaseStore(database.db);
  const log: string[] = [];
  let isBroken = true;
  const node = createNode(
    { leases, id: 'a', url: 'http://a', ttlMs: 150, clock: () => performance.now() },
    {
      list: () => Promise.resolve(['broken', 'sound']),
      take(taskId) {
        if (taskId === 'broken' && isBroken) return Promise.reject(new Error('the database is away'));
        log.push(`take ${taskId}`);
        return Promise.resolve();
      },
      drop: () => Promise.resolve(),
      onFailure: (error, taskId) => void log.push(`${taskId}: ${(error as Error).message}`),
    },
  );
  onTestFinished(() => node.stop());
  await node.start();
  expect(log).toEqual(['broken: the database is away', 'take sound']);
  expect(node.holds('broken')).toBe(false);
  expect(await leases.holderOf('task/broken')).toBeUndefined();
  isBroken = false;
  await until(() => log.includes('take broken'));
});
