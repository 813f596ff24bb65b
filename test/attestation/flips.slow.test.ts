/**
 * Single-byte changes of every sample: every sixth byte, or with ALL_BYTES=1 every byte, one bit each; with ALL_BITS=1
 * each of the eight bits of every byte.
 */
import { describe, expect, it } from 'vitest';

import { sweepFlips } from './flips.ts';
import { SAMPLES, samplesPresent, skipNote } from './samples.ts';

const allBits = process.env['ALL_BITS'] === '1';
const stride = allBits || process.env['ALL_BYTES'] === '1' ? 1 : 6;

describe.skipIf(!samplesPresent)(`all changed bytes of real evidence${skipNote}`, () => {
  it.each(SAMPLES)(
    'are refused in $name, or lie where nothing is signed',
    async (sample) => {
      const { changes, survivors } = await sweepFlips(sample, (index) => {
        if (index % stride !== 0) return [];
        return allBits ? [1, 2, 4, 8, 16, 32, 64, 128] : [1 << ((index / stride) % 8)];
      });
      console.log(
        `${sample.name}: ${changes} changes, ${changes - survivors.length} refused, ${survivors.length} in listed padding`,
      );
      expect(survivors.filter(({ listed }) => !listed)).toEqual([]);
    },
    allBits ? 7_200_000 : 600_000,
  );
});
