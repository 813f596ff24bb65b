/** What the pages say of a task in plain words: nothing that the task does not promise, whoever forms its sums. */
import { describe, expect, it } from 'vitest';

import { promiseOf } from '../../apps/dashboard/src/words.ts';
import { explain, summaryOf } from '../../apps/participant/src/explain.ts';
import type { TaskView } from '../../src/runtime/client/browser/messages.ts';
import type { TaskHead } from '../../src/runtime/view/index.ts';

const task: TaskView = {
  taskId: 't',
  name: 'digits',
  participants: 20,
  rounds: 60,
  attempts: 63,
  inputShape: [28, 28, 1],
  outputs: 10,
  classifies: true,
  parameterCount: 7850,
  layers: ['dense'],
  tokens: null,
  samplingRate: 0.05,
  clipNorm: 1,
  trust: 'nobody',
  privacyUnit: 'example',
  aggregation: 'secagg',
  assistants: [],
  threshold: 15,
  maxCorrupt: 1,
  epsilon: 3,
  delta: 1e-5,
  epsilonPerRound: 1,
  noiseMultiplier: 1.2,
  contributionBytes: 20_000,
  planDigest: '00',
  definition: '',
};
const textOf = (change: Partial<TaskView>): string => {
  const { compute, leaves, stays, learns, never, strength } = explain({ ...task, ...change });
  return [summaryOf({ ...task, ...change }), ...compute, ...leaves, ...stays, ...learns, ...never, strength.text].join(
    '\n',
  );
};

describe('the participant page', () => {
  it('says who could undo what hides a contribution', () => {
    expect(textOf({})).toMatch(/masks hide them/);
    expect(textOf({})).toMatch(/at least 15 of 20 participants, never a single contribution/);
    const shares = textOf({ aggregation: 'shares', assistants: ['north', 'south', 'east'] });
    expect(shares).toMatch(/cut into 3 pieces/);
    expect(shares).toMatch(/north, south and east do not put their pieces together/);
    const encrypted = textOf({ aggregation: 'homomorphic', assistants: ['registry'] });
    expect(encrypted).toMatch(/none but registry can open/);
    expect(encrypted).toMatch(/registry, who has the key, does not secretly work with the coordinator/);
    for (const text of [shares, encrypted]) expect(text).not.toMatch(/CAN READ|masks cancel|EVERY SINGLE/);
  });

  it('promises nothing of contributions in the clear', () => {
    const clear = { aggregation: 'clear', threshold: 0, maxCorrupt: 0 };
    for (const trust of ['coordinator', 'off']) {
      const text = textOf({ ...clear, trust });
      expect(text).toMatch(/WHAT LEAVES IT CAN BE READ BY THE COORDINATOR/);
      expect(text).not.toMatch(/before anybody can read it|never a single contribution/);
    }
    expect(textOf({ ...clear, trust: 'local' })).toMatch(/carries noise that hides it by itself/);
    expect(textOf({ ...clear, trust: 'off', epsilon: null })).toMatch(/NOT PRIVATE/);
  });
});

describe('the dashboard', () => {
  const promise = (aggregation: string, trust = 'nobody'): string =>
    promiseOf({ privacy: { aggregation, trust, seeded: false } } as TaskHead);

  it('says in one sentence whom a task asks to be trusted', () => {
    expect(promise('secagg')).toMatch(/^No single contribution can be read by anybody;/);
    expect(promise('shares')).toMatch(/as long as one aggregation server keeps to itself/);
    expect(promise('homomorphic')).toMatch(/as long as the holder of the key/);
    expect(promise('clear', 'coordinator')).toMatch(/in the clear; the coordinator is trusted/);
    expect(promise('clear', 'off')).toBe('This task protects nobody.');
  });
});
