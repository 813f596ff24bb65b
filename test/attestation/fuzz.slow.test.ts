/** 120,000 broken inputs over all entry points. */
import { expect, it } from 'vitest';

import { fuzz } from './fuzz.ts';

const CASES = 120_000;

it('no broken input makes a verifier throw anything but its typed error, and none is accepted', async () => {
  const seed = process.env['FRESH_SEEDS'] === '1' ? String(performance.now()) : 'attestation at length';
  const { cases, forged } = await fuzz(CASES, seed);
  console.log(`${cases} broken inputs (seed "${seed}"): ${forged.length} accepted, nothing thrown but the typed error`);
  expect(cases).toBeGreaterThanOrEqual(CASES);
  expect(forged).toEqual([]);
});
