import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { expect, it } from 'vitest';

it('trains a million parameters with 4096 examples a step in less than 300 MiB', () => {
  const script = fileURLToPath(new URL('../../../bench/engine-memory.ts', import.meta.url));
  const { parameters, batch, peakMiB } = JSON.parse(execFileSync(process.execPath, [script], { encoding: 'utf8' }));
  expect(parameters).toBeGreaterThan(1_000_000);
  expect(batch).toBe(4096);
  expect(peakMiB).toBeLessThan(300);
});
