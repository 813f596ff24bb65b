import { describe, expect, it } from 'vitest';

import { type AuditLine, createAnswerDesk, MODE_PROMISES } from '../learning/answers/index.ts';
import { createAnswerApp } from './answer-app.ts';
import { UsageError } from './exit-codes.ts';

const limits = { perCaller: 3, perWindow: 2, windowMs: 1000, top: 1, digits: 1 };

function open(before?: ReadonlyMap<string, number>) {
  const lines: AuditLine[] = [];
  const failures: unknown[] = [];
  let now = 0;
  const desk = createAnswerDesk({
    mode: 'not-private',
    limits,
    clock: () => now,
    audit: (line) => lines.push(line),
    ...(before === undefined ? {} : { before }),
  });
  const app = createAnswerApp({
    name: 'parity',
    takes: 'text',
    classNames: ['even', 'odd'],
    mode: 'not-private',
    promise: MODE_PROMISES['not-private'],
    limits,
    desk,
    callerOf: (token) => (token === 'a-token' ? 'ada' : undefined),
    scores(question) {
      if (!('text' in question)) throw new UsageError('the model takes texts');
      if (question.text === 'fail') throw new Error('a secret inside');
      return Promise.resolve(question.text.length % 2 === 0 ? [0.87, 0.13] : [0.13, 0.87]);
    },
    record: () => Promise.resolve({ request: 'f'.repeat(64), salt: '0'.repeat(64), logSize: 7 }),
    log: (error) => failures.push(error),
  });
  const ask = (body: unknown, token = 'a-token') =>
    app.request('/v1/answers', {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    });
  return { app, ask, lines, failures, advance: (ms: number) => (now += ms) };
}

describe('a served model', () => {
  it('answers with its mode, its promise and the record, and tells no more than its limits', async () => {
    const { ask, lines } = open();
    const response = await ask({ text: 'odd' });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      class: 'odd',
      top: [{ label: 1, class: 'odd', score: 0.9 }],
      mode: 'not-private',
      promise: MODE_PROMISES['not-private'],
      record: { request: 'f'.repeat(64), salt: '0'.repeat(64), logSize: 7 },
    });
    expect(lines).toEqual([
      { time: '1970-01-01T00:00:00.000Z', caller: 'ada', mode: 'not-private', outcome: 'answered' },
    ]);
  });

  it('refuses strangers, on every path but health and its own description', async () => {
    const { app, ask, lines } = open();
    const refused = await ask({ text: 'odd' }, 'another-token');
    expect(refused.status).toBe(401);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(await refused.json()).toMatchObject({ type: 'serving/unknown-caller', status: 401 });
    expect((await app.request('/v1/model')).status).toBe(401);
    expect((await app.request('/healthz')).status).toBe(200);
    expect(lines).toEqual([]);
  });

  it('stops a caller that asks too fast, and one that has had its answers', async () => {
    const { ask, lines, advance } = open();
    await ask({ text: 'a' });
    await ask({ text: 'a' });
    const fast = await ask({ text: 'a' });
    expect(fast.status).toBe(429);
    expect(fast.headers.get('retry-after')).toBe('1');
    advance(1001);
    expect((await ask({ text: 'a' })).status).toBe(200);
    const spent = await ask({ text: 'a' });
    expect(await spent.json()).toMatchObject({ type: 'answers/quota', status: 403 });
    expect(lines.map(({ reason }) => reason)).toEqual([
      undefined,
      undefined,
      'answers/rate',
      undefined,
      'answers/quota',
    ]);
  });

  it('remembers answers from before it was opened', async () => {
    const { ask } = open(new Map([['ada', 3]]));
    expect((await ask({ text: 'a' })).status).toBe(403);
  });

  it('repeats nothing of what was sent, and nothing of its insides', async () => {
    const { ask, failures } = open();
    const malformed = await ask({ text: 'a', canary: 'SECRET' });
    expect(malformed.status).toBe(400);
    expect(await malformed.text()).not.toMatch(/SECRET/);
    expect((await ask({ row: { a: '1' } })).status).toBe(422);
    const failed = await ask({ text: 'fail' });
    expect(failed.status).toBe(500);
    expect(await failed.text()).not.toMatch(/secret/);
    expect(failures).toHaveLength(1);
  });

  it('refuses bodies that are too large, and describes itself', async () => {
    const { app, ask } = open();
    expect((await ask({ text: 'a'.repeat(2 ** 21) })).status).toBe(413);
    const description = (await (await app.request('/openapi.json')).json()) as { paths: object };
    expect(Object.keys(description.paths)).toEqual(['/v1/model', '/v1/answers']);
  });
});
