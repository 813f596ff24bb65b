import { expect, it } from 'vitest';

import { createMailboxes } from './mailboxes.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts = (mail: readonly { bytes: Uint8Array }[]): string[] =>
  mail.map((each) => new TextDecoder().decode(each.bytes));

it('still tells how an attempt ended when the next one has begun, under cursors that do not depend on it', () => {
  const mailboxes = createMailboxes();
  mailboxes.openAttempt(1);
  mailboxes.put('a', bytes('offer 1'), 1);
  const read = mailboxes.after('a', 0).at(-1)?.cursor as number;
  mailboxes.put('a', bytes('closed 1'), 1);
  mailboxes.openAttempt(2);
  mailboxes.put('a', bytes('offer 2'), 2);
  expect(texts(mailboxes.after('a', read))).toEqual(['closed 1', 'offer 2']);
  const restarted = createMailboxes();
  restarted.openAttempt(2);
  restarted.put('a', bytes('offer 2'), 2);
  expect(restarted.after('a', read).at(-1)?.cursor).toBe(mailboxes.after('a', read).at(-1)?.cursor);
  mailboxes.openAttempt(3);
  expect(texts(mailboxes.after('a', 0))).toEqual(['offer 2']);
});

it('keeps attempts that are open at once apart, and knows who has not heard of an end', async () => {
  const mailboxes = createMailboxes();
  mailboxes.openAttempt(1);
  mailboxes.put('slow', bytes('offer 1'), 1);
  mailboxes.openAttempt(2, { open: new Set([1]) });
  mailboxes.put('a', bytes('offer 2'), 2);
  mailboxes.put('a', bytes('closed 2'), 2);
  // Attempt 3 begins beside attempt 1, which has not ended: what it has said stays.
  mailboxes.openAttempt(3, { open: new Set([1]) });
  mailboxes.put('a', bytes('offer 3'), 3);
  expect(texts(mailboxes.after('slow', 0))).toEqual(['offer 1']);
  expect(texts(mailboxes.after('a', 0))).toEqual(['closed 2', 'offer 3']);
  mailboxes.put('slow', bytes('closed 1'), 1);
  const [, last] = mailboxes.after('slow', 0);
  expect(last?.cursor).toBeLessThan(mailboxes.after('a', 0)[0]?.cursor ?? 0);

  expect(mailboxes.isBehind('slow')).toBe(true);
  await mailboxes.wait('slow', last?.cursor ?? 0, { timeoutMs: 0, peek: true });
  expect(mailboxes.isBehind('slow')).toBe(true);
  await mailboxes.wait('slow', last?.cursor ?? 0, { timeoutMs: 0 });
  expect(mailboxes.isBehind('slow')).toBe(false);
  expect(mailboxes.isBehind('stranger')).toBe(false);
});

it('says what an open attempt says again once, under the cursors it had', () => {
  const mailboxes = createMailboxes();
  const say = (): void => {
    mailboxes.openAttempt(2, { open: new Set([1]) });
    for (const text of ['offer 2', 'roster 2']) mailboxes.put('a', bytes(text), 2);
  };
  mailboxes.openAttempt(1);
  mailboxes.put('slow', bytes('offer 1'), 1);
  say();
  const before = mailboxes.after('a', 0);
  mailboxes.forget(new Set([1, 2]));
  mailboxes.openAttempt(1);
  mailboxes.put('slow', bytes('offer 1'), 1);
  say();
  expect(mailboxes.after('a', 0)).toEqual(before);
  expect(texts(mailboxes.after('a', before[0]?.cursor ?? 0))).toEqual(['roster 2']);
  expect(texts(mailboxes.after('slow', 0))).toEqual(['offer 1']);
});
