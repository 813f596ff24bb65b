import { describe, expect, it } from 'vitest';

import { ClientError } from './errors.ts';
import { createRetry } from './retry.ts';

describe('a retry', () => {
  it('tells whole milliseconds, each pause drawn from the upper half of its length', async () => {
    const told: number[] = [];
    let calls = 0;
    const retry = createRetry(
      new AbortController().signal,
      (_reason, retryMs) => told.push(retryMs),
      () => 1 / 3,
    );
    const value = await retry(() => {
      calls += 1;
      if (calls < 3) throw new ClientError('client/unreachable', 'away', { retryable: true });
      return Promise.resolve('here');
    });
    expect(value).toBe('here');
    expect(told).toEqual([167, 333]);
  });
});
