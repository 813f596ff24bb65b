/**
 * Passes requests for a task that another node serves on to it. A participant's signature covers method, path and body, so
 * the other node judges its request as it came; a person's session is known to every node of the database, so the other
 * node judges her request as well, once this one has seen that a page of its own address asks.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from 'hono';

import type { TaskHead } from '../view/index.ts';
import { arrivalOf } from './arrival.ts';
import { CoordinatorError } from './errors.ts';
import type { Service } from './service.ts';

const FORWARDED = 'sotto-forwarded';
/** Belong to a connection, not to a request [RFC9110 §7.6.1]; the other end sets its own. */
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'host', 'content-length', 'expect'];
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'];
/** A node that has not told its tasks by then is left out of an overview. */
const OVERVIEW_MS = 3000;

/** Makes the headers of a request good at another node's address; throws when it must not be passed on. */
export type Vouch = (context: Context, headers: Headers, url: string) => Promise<void>;

const asItCame: Vouch = () => Promise.resolve();

/** The address that a request which another node passed on was made to; undefined for one that came here by itself. */
export function forwardedFrom(context: Context): string | undefined {
  const from = context.req.header(FORWARDED);
  return from !== undefined && /^https?:/.test(from) && URL.canParse(from) ? new URL(from).origin : undefined;
}

async function headersFor(context: Context, url: string, vouch: Vouch): Promise<Headers> {
  const headers = new Headers(context.req.raw.headers);
  for (const name of HOP_BY_HOP) headers.delete(name);
  const { origin, client } = arrivalOf(context);
  headers.set(FORWARDED, origin);
  // What a proxy said was said to this node. To the other one it is this node's to say who asks.
  for (const name of PROXY_HEADERS) headers.delete(name);
  headers.set('x-forwarded-for', client);
  await vouch(context, headers, url);
  return headers;
}

/** A body that ends where whoever asked has gone: nobody is left to be told that it broke off. */
function endedBy(signal: AbortSignal, body: ReadableStream<Uint8Array> | null): ReadableStream<Uint8Array> | null {
  if (body === null) return null;
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        if (signal.aborted) controller.close();
        else controller.error(error);
      }
    },
    cancel: (reason) => reader.cancel(reason).catch(() => {}),
  });
}

/** Creates the middleware. */
export function createForwarding(service: Pick<Service, 'elsewhere'>, vouch: Vouch = asItCame): MiddlewareHandler {
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
    const headers = await headersFor(context, url, vouch);
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
      return new Response(endedBy(signal, response.body), { status: response.status, headers: kept });
    } catch (cause) {
      throw unavailable(cause);
    }
  };
}

/** Gathers the heads of the tasks that other nodes serve, for whoever asks; a node that does not answer is left out. */
export function createOverview(
  service: Pick<Service, 'everywhere'>,
  vouch: Vouch,
): (context: Context) => Promise<readonly TaskHead[]> {
  return async (context) => {
    // A node that is asked by another one tells of its own tasks alone.
    if (context.req.header(FORWARDED) !== undefined) return [];
    const urls = new Set((await service.everywhere()).flatMap(({ url }) => (url === undefined ? [] : [url])));
    const told = await Promise.all(
      [...urls].map(async (url): Promise<readonly TaskHead[]> => {
        try {
          const headers = await headersFor(context, url, vouch);
          const response = await fetch(`${url}/api/tasks`, { headers, signal: AbortSignal.timeout(OVERVIEW_MS) });
          return response.ok ? ((await response.json()) as TaskHead[]) : [];
        } catch {
          return [];
        }
      }),
    );
    return told.flat();
  };
}
