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

  it.each([
    // On a terminal the line is alive after a second; elsewhere a line every ten seconds, the first after two.
    { isTTY: true, atMs: [500, 900, 1000, 1050, 1100, 5000], shown: [1000, 1100, 5000] },
    { isTTY: false, atMs: [1000, 2000, 3000, 11_999, 12_000], shown: [2000, 12_000] },
  ])('tells inside a long round how many participants are done (terminal: $isTTY)', ({ isTTY, atMs, shown }) => {
    let now = 0;
    const said: string[] = [];
    const stream = { isTTY, columns: 200, write: (text: string) => said.push(text) > 0 };
    const progress = createProgress({ quiet: false, stream: stream as unknown as NodeJS.WriteStream, now: () => now });
    progress.step('starting participants');
    said.length = 0;
    for (now of atMs) progress.work({ what: 'round 1, secrets shared', done: now, of: 12_000 });
    expect(said.map((text) => / shared: ([\d,]+) of 12,000/.exec(text)?.[1]?.replace(',', ''))).toEqual(
      shown.map(String),
    );
  });

  it('says nothing of work between short rounds, and keeps the last round in sight in long ones', () => {
    let now = 0;
    const said: string[] = [];
    const stream = { isTTY: true, columns: 200, write: (text: string) => said.push(text) > 0 };
    const progress = createProgress({ quiet: false, stream: stream as unknown as NodeJS.WriteStream, now: () => now });
    const work = { what: 'round 2, secrets shared', done: 3, of: 9 };
    for (const round of [1, 2, 3]) {
      progress.attempt({ round, outcome: 'committed', epsilon: 1, accuracy: 0.5 }, { rounds: 9, epsilon: 8 });
      now += 400;
      progress.work(work);
    }
    expect(said.filter((text) => text.includes('shared'))).toEqual([]);
    now += 1000;
    progress.work(work);
    expect(said.at(-1)).toMatch(/secrets shared: 3 of 9 .* accuracy 50\.00 %/);
  });
});
