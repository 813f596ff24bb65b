/**
 * What a participant asks of its task by signed requests: its mail and when there is some, evidence, taking messages in, and
 * leaving.
 *
 * @module
 */

import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';

import { encodeMail } from '../../federation/wire/index.ts';
import type { ByteBudget } from './byte-budget.ts';
import { CoordinatorError } from './errors.ts';
import { limitBody, MAX_JSON_BYTES, tooLarge } from './limit-body.ts';
import { announcedLength, readBody } from './read-body.ts';
import type { Member } from './registry.ts';
import type { Service } from './service.ts';

const MAX_WAIT_MS = 30_000;

/** Adds the routes. */
export function addMemberRoutes(
  app: OpenAPIHono,
  service: Service,
  {
    member,
    bodies,
  }: {
    /** The participant that signed a request. */
    readonly member: (context: Context, task: string, body: Uint8Array) => Promise<Member>;
    readonly bodies: ByteBudget;
  },
): void {
  app.post('/v1/tasks/:task/leave', async (context) => {
    const leaving = await member(context, context.req.param('task'), new Uint8Array());
    await service.registry.setState(leaving, 'left');
    service.task(leaving.taskId).left(leaving.id);
    return context.body(null, 204);
  });

  app.get('/v1/tasks/:task/assistants/:name/key', async (context) => {
    const { taskId: task } = await member(context, context.req.param('task'), new Uint8Array());
    const key = service.assistantKey(task, context.req.param('name'));
    return context.body(key.slice(), 200, { 'content-type': 'application/octet-stream' });
  });

  app.get('/v1/tasks/:task/mail', async (context) => {
    const who = await member(context, context.req.param('task'), new Uint8Array());
    const after = Number(context.req.query('after') ?? 0);
    const timeoutMs = Math.min(MAX_WAIT_MS, Math.max(0, Number(context.req.query('waitMs') ?? 0)));
    if (!Number.isSafeInteger(after) || after < 0 || !Number.isFinite(timeoutMs)) {
      throw new CoordinatorError('coordinator/malformed-request', '"after" and "waitMs" must be numbers ≥ 0');
    }
    const { signal } = context.req.raw;
    const mail = await service.task(who.taskId).mail(who.id, after, { timeoutMs, signal });
    return context.body(encodeMail(mail).slice(), 200, { 'content-type': 'application/octet-stream' });
  });

  app.get('/v1/tasks/:task/events', async (context) => {
    const who = await member(context, context.req.param('task'), new Uint8Array());
    const task = service.task(who.taskId);
    let cursor = Number(context.req.header('last-event-id') ?? context.req.query('after') ?? 0);
    return streamSSE(context, async (stream) => {
      while (!stream.aborted && !stream.closed && !task.closed) {
        const mail = await task.mail(who.id, cursor, {
          timeoutMs: 15_000,
          signal: context.req.raw.signal,
          peek: true,
        });
        if (stream.aborted || task.closed) return;
        const last = mail.at(-1);
        if (last === undefined && ['finished', 'stopped'].includes(task.status().state)) {
          await stream.writeSSE({ event: 'ended', data: task.status().state });
          return;
        }
        if (last === undefined) await stream.writeSSE({ event: 'still-here', data: '' });
        else {
          cursor = last.cursor;
          await stream.writeSSE({ event: 'mail', id: String(cursor), data: String(cursor) });
        }
      }
    });
  });

  app.use('/v1/tasks/:task/attestation', limitBody(MAX_JSON_BYTES));
  app.post('/v1/tasks/:task/attestation', async (context) => {
    const body = new Uint8Array(await context.req.arrayBuffer());
    const who = await member(context, context.req.param('task'), body);
    const frame = await service.task(who.taskId).attest(who.id, body);
    return context.body(frame.slice(), 200, { 'content-type': 'application/cbor' });
  });

  app.use('/v1/tasks/:task/messages', async (context, next) => {
    // The general limit would open the body as a web stream, and with that pause the socket.
    const length = announcedLength(context);
    if (length === undefined) return limitBody(service.maxMessageBytes)(context, next);
    if (length > service.maxMessageBytes) throw tooLarge(service.maxMessageBytes);
    return next();
  });
  app.post('/v1/tasks/:task/messages', async (context) => {
    const task = context.req.param('task');
    await service.registry.assertExpected(task, context.req.header('authorization'));
    const room = await bodies.take(announcedLength(context) ?? service.maxMessageBytes);
    try {
      const body = await readBody(context);
      const who = await member(context, task, body);
      await service.task(who.taskId).receive(who.id, body);
      return context.body(null, 204);
    } finally {
      room.release();
    }
  });
}
