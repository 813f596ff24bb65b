import { describe, expect, it } from 'vitest';

import { checkDropoutPatterns } from '../../../test/harness/rounds.ts';

describe('a round', () => {
  it('gives exactly the sum of the contributions for every way in which five participants can drop out', async () => {
    expect(await checkDropoutPatterns(['a', 'c', 'e', 'g', 'z'], 4)).toBeGreaterThan(20);
  });
});
