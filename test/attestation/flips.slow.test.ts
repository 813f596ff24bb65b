/** Every single-byte change of every sample: one bit of each byte, or with ALL_BITS=1 each of its eight. */
import { describe, expect, it } from 'vitest';

import { sweepFlips } from './flips.ts';
import { SAMPLES, samplesPresent, skipNote } from './samples.ts';

const allBits = process.env['ALL_BITS'] === '1';

describe.skipIf(!samplesPresent)(`all changed bytes of real evidence${skipNote}`, () => {
  it.each(SAMPLES)(
    'are refused in $name, or lie where nothing is signed',
    async (sample) => {
      const { changes, survivors } = await sweepFlips(sample, (index) =>
        allBits ? [1, 2, 4, 8, 16, 32, 64, 128] : [1 << (index % 8)],
      );
      console.log(
        `${sample.name}: ${changes} changes, ${changes - survivors.length} refused, ${survivors.length} in listed padding`,
      );
      expect(survivors.filter(({ listed }) => !listed)).toEqual([]);
    },
    allBits ? 7_200_000 : 600_000,
  );
});
