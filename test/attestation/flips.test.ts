/** A sample of the single-byte changes; the full sweep is in the slow set. */
import { describe, expect, it } from 'vitest';

import { sweepFlips } from './flips.ts';
import { SAMPLES, samplesPresent, skipNote } from './samples.ts';

/** About this many changes for each file. */
const CHANGES = 60;

describe.skipIf(!samplesPresent)(`changed bytes of real evidence${skipNote}`, () => {
  it.each(SAMPLES)('are refused in $name, or lie where nothing is signed', async (sample) => {
    const { changes, survivors } = await sweepFlips(sample, (index, length) => {
      const stride = Math.max(1, Math.floor(length / CHANGES));
      return index % stride === 0 || index === length - 1 ? [1 << (index % 8)] : [];
    });
    expect(changes).toBeGreaterThan(CHANGES);
    expect(survivors.filter(({ listed }) => !listed)).toEqual([]);
  });
});
