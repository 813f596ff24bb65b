/**
 * Passes requests for a task that another node serves on to it, as they came. The signature covers method, path and body,
 * so the other node judges the request itself; this one neither reads nor changes it.
 *
 * @module
 */

import type { MiddlewareHandler } from 'hono';

import { CoordinatorError } from './errors.ts';
import type { Service } from './service.ts';

const FORWARDED = 'sotto-forwarded';
/** Belong to a connection, not to a request [RFC9110 §7.6.1]; the other end sets its own. */
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'host', 'content-length', 'expect'];

/** Creates the middleware. */
export function createForwarding(service: Pick<Service, 'elsewhere'>): MiddlewareHandler {
  return async (context, next) => {
    const task = context.req.param('task');
    const url = task === undefined ? undefined : await service.elsewhere(task);
    if (url === undefined) return next();
    const unavailable = (cause?: unknown): CoordinatorError =>
      new CoordinatorError('coordinator/elsewhere', 'the node that serves this task does not answer; try again', {
        cause,
        retryable: true,
      });
    // Passed on once: two nodes that each believe in the other must not play ball.
    if (context.req.header(FORWARDED) !== undefined) throw unavailable();
    const { pathname, search } = new URL(context.req.url);
    const headers = new Headers(context.req.raw.headers);
    for (const name of HOP_BY_HOP) headers.delete(name);
    headers.set(FORWARDED, '1');
    const { method, body, signal } = context.req.raw;
    try {
      const response = await fetch(`${url}${pathname}${search}`, {
        method,
        headers,
        signal,
        ...(method === 'GET' || method === 'HEAD' ? {} : { body, duplex: 'half' }),
      } as RequestInit);
      const kept = new Headers(response.headers);
      for (const name of [...HOP_BY_HOP, 'content-encoding']) kept.delete(name);
      return new Response(response.body, { status: response.status, headers: kept });
    } catch (cause) {
      throw unavailable(cause);
    }
  };
}
