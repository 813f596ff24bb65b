import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../../foundations/random/index.ts';
import { createLedger, createMemoryLedgerStore } from '../../../privacy/accounting/index.ts';
import {
  AnswersError,
  type AuditLine,
  countsToQuota,
  createAnswerDesk,
  createPrivateVotes,
  MODE_PROMISES,
  obfuscateScores,
} from '../index.ts';

const ledgerOf = (epsilon: number) =>
  createLedger({
    store: createMemoryLedgerStore(),
    accountant: 'rdp',
    clock: () => new Date(0),
    budget: { epsilon, delta: 1e-5 },
    relation: 'add-or-remove-one',
    privacyUnit: 'example',
    dataset: 'training data of the teachers',
    // Whether an answer is charged depends on the check before it: a filter.
    order: 14,
  });
const settings = { teachers: 400, classes: 10, threshold: 250, checkStddev: 150, answerStddev: 70 };
const votesFor = (label: number, share: number) => () =>
  Array.from({ length: 400 }, (_, i) => (i < 400 * share ? label : i % 10));

describe('private votes', () => {
  it('answer what the teachers agree on, and abstain where they do not', async () => {
    const ledger = await ledgerOf(4);
    const votes = createPrivateVotes({ ...settings, checkStddev: 30, answerStddev: 40, ledger });
    const rng = createSeededRng('votes');
    let right = 0;
    for (let i = 0; i < 30; i += 1) {
      const answer = await votes.answer(votesFor(i % 10, 0.95), rng);
      if (answer.kind === 'answer' && answer.label === i % 10) right += 1;
    }
    expect(right).toBeGreaterThanOrEqual(29);
    expect(await votes.answer(votesFor(3, 0), rng)).toEqual({ kind: 'no-consensus' });
  });

  it('charge the same for any votes, abstentions less than answers', async () => {
    const spent: number[] = [];
    for (const [share, label] of [
      [1, 0],
      [0.9, 7],
      [0, 0],
    ] as const) {
      const ledger = await ledgerOf(4);
      await createPrivateVotes({ ...settings, checkStddev: 30, ledger }).answer(
        votesFor(label, share),
        createSeededRng('a'),
      );
      spent.push(ledger.spent().epsilon);
    }
    expect(spent[0]).toBe(spent[1]);
    expect(spent[2]).toBeLessThan(spent[0] ?? 0);
  });

  it('refuse at the budget before the teachers are asked', async () => {
    const ledger = await ledgerOf(0.5);
    const votes = createPrivateVotes({ ...settings, ledger });
    const rng = createSeededRng('budget');
    let asked = 0;
    const run = async (): Promise<void> => {
      for (let i = 0; i < 2000; i += 1) {
        await votes.answer(() => {
          asked += 1;
          return votesFor(1, 1)();
        }, rng);
      }
    };
    await expect(run()).rejects.toMatchObject({ code: 'accounting/budget-exceeded' });
    expect(ledger.spent().epsilon).toBeLessThanOrEqual(0.5);
    const before = asked;
    const check = { ...settings, checkStddev: 1, ledger };
    await expect(
      createPrivateVotes(check).answer(() => {
        asked += 1;
        return [];
      }, rng),
    ).rejects.toMatchObject({
      code: 'accounting/budget-exceeded',
    });
    expect(asked).toBe(before);
  });

  it('keep the charge when a teacher fails', async () => {
    const ledger = await ledgerOf(4);
    const votes = createPrivateVotes({ ...settings, ledger });
    await expect(votes.answer(() => [1, 2], createSeededRng('x'))).rejects.toMatchObject({ code: 'answers/input' });
    expect(ledger.spent().epsilon).toBeGreaterThan(0);
  });
});

describe('a desk', () => {
  const limits = { perCaller: 3, perWindow: 2, windowMs: 1000, top: 2, digits: 1 };

  it('tells the highest scores, rounded, with the honest name of its mode', async () => {
    const lines: AuditLine[] = [];
    const desk = createAnswerDesk({
      mode: 'obfuscation-only',
      limits,
      clock: () => 0,
      audit: (line) => lines.push(line),
    });
    const answer = await desk.answer('a', () => [0.07, 0.66, 0.27]);
    expect(answer.top).toEqual([
      { label: 1, score: 0.7 },
      { label: 2, score: 0.3 },
    ]);
    expect(answer.promise).toBe(MODE_PROMISES['obfuscation-only']);
    expect(answer.promise).toMatch(/^NONE/);
    expect(lines).toEqual([
      { time: '1970-01-01T00:00:00.000Z', caller: 'a', mode: 'obfuscation-only', outcome: 'answered' },
    ]);
  });

  it('refuses beyond the rate and the quota, asks no model then, and writes every refusal down', async () => {
    let now = 0;
    let asked = 0;
    const lines: AuditLine[] = [];
    const desk = createAnswerDesk({
      mode: 'dp-trained-model',
      limits,
      clock: () => now,
      audit: (line) => lines.push(line),
    });
    const ask = () =>
      desk.answer('a', () => {
        asked += 1;
        return [1, 0];
      });
    await ask();
    await ask();
    await expect(ask()).rejects.toMatchObject({ code: 'answers/rate', retryable: true });
    now = 2000;
    await ask();
    now = 4000;
    await expect(ask()).rejects.toMatchObject({ code: 'answers/quota' });
    await desk.answer('b', () => [1, 0]);
    expect(asked).toBe(3);
    expect(lines.map(({ outcome, reason }) => reason ?? outcome)).toEqual([
      'answered',
      'answered',
      'answers/rate',
      'answered',
      'answers/quota',
      'answered',
    ]);
  });

  it('counts what was charged, an abstention too, and not what failed', async () => {
    const lines: AuditLine[] = [];
    const desk = createAnswerDesk({
      mode: 'private-votes',
      limits: { ...limits, perWindow: 100 },
      clock: () => 0,
      audit: (line) => lines.push(line),
    });
    const fail = (code: 'answers/input' | 'answers/no-consensus') =>
      expect(desk.answer('a', () => Promise.reject(new AnswersError(code, 'no')))).rejects.toMatchObject({ code });
    for (let i = 0; i < 5; i += 1) await fail('answers/input');
    for (let i = 0; i < 3; i += 1) await fail('answers/no-consensus');
    await expect(desk.answer('a', () => [1, 0])).rejects.toMatchObject({ code: 'answers/quota' });
    // A desk that opens again counts the same from the audit trail.
    expect(lines.filter(countsToQuota)).toHaveLength(3);
  });

  it('does not let questions that arrive together past the quota', async () => {
    const desk = createAnswerDesk({
      mode: 'dp-trained-model',
      limits: { ...limits, perWindow: 100 },
      clock: () => 0,
      audit: () => {},
    });
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => desk.answer('a', async () => [1, 0])));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  });
});

it('obfuscated scores are probabilities', () => {
  const scores = obfuscateScores([0.5, 0.3, 0.2], { range: 0.4 }, createSeededRng('o'));
  expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 12);
  expect([...scores].every((score) => score >= 0)).toBe(true);
});
