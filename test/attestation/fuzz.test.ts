/** A sample of the broken inputs; the full run is in the slow set. */
import { expect, it } from 'vitest';

import { fuzz } from './fuzz.ts';

it('no broken input makes a verifier throw anything but its typed error, and none is accepted', async () => {
  const { cases, forged } = await fuzz(
    2000,
    process.env['FRESH_SEEDS'] === '1' ? String(performance.now()) : 'attestation',
  );
  expect(cases).toBe(2000);
  expect(forged).toEqual([]);
});
