import { describe, expect, it } from 'vitest';

import { createProgress } from './progress.ts';

describe('the progress of a run', () => {
  it('does not go back when an attempt is aborted that was opened rounds ago', () => {
    const said: string[] = [];
    const stream = { isTTY: true, columns: 200, write: (text: string) => said.push(text) > 0 };
    const progress = createProgress({ quiet: false, stream: stream as unknown as NodeJS.WriteStream });
    const frame = { rounds: 9, epsilon: 8 };
    for (const round of [1, 2, 3]) progress.attempt({ round, outcome: 'committed', epsilon: 1 }, frame);
    progress.attempt({ round: 1, outcome: 'aborted', epsilon: 1, reason: 'too few were left' }, frame);
    expect(said.findLast((text) => /round \d\/9/.test(text))).toContain('round 3/9');
  });
});
