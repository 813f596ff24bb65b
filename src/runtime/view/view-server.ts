/**
 * A page for one person on this machine: a run that is under way, or a finished one. It only shows; there is nothing to
 * steer, and no sign-in. It listens on the loopback address and answers to loopback names alone, so that no foreign
 * site can reach it through the person's browser.
 *
 * @module
 */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';

import { SottoError } from '../../foundations/numerics/index.ts';
import { ViewError } from './errors.ts';
import { isolate } from './headers.ts';
import type { PageFiles } from './page-files.ts';
import { createViewRoutes, servePage } from './view-routes.ts';
import type { ViewSource } from './view-source.ts';

/** A page that can be opened. */
export interface ViewServer {
  readonly url: string;
  close(): Promise<void>;
}

const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;
const STATUS: Readonly<Record<string, number>> = {
  'view/foreign-host': 421,
  'view/unknown-task': 404,
  'view/not-here': 404,
  'view/not-built': 503,
};

/** What open pages are given to hear how it ended. */
const LAST_WORDS_MS = 400;

const isWatched = (server: Server): Promise<boolean> =>
  new Promise((resolve) => {
    server.getConnections((error, count) => resolve(error === null && count > 0));
  });

/** Creates the application over a source; it needs no socket. */
export function createViewApp({
  source,
  version,
  pages,
  paceMs,
}: {
  source: ViewSource;
  version: string;
  pages: () => Promise<PageFiles>;
  paceMs?: number;
}): Hono {
  const app = new Hono();
  app.use(isolate());
  app.use(async (context, next) => {
    const host = context.req.header('host') ?? new URL(context.req.url).host;
    if (!LOOPBACK.test(host)) {
      throw new ViewError('view/foreign-host', 'this page answers to the loopback address alone');
    }
    await next();
  });
  app.onError((error, context) => {
    const code = error instanceof SottoError ? error.code : 'view/internal';
    const detail = error instanceof SottoError ? error.message : 'the page failed';
    const status = STATUS[code] ?? 500;
    const title = (code.split('/')[1] ?? code).replaceAll('-', ' ');
    return context.body(JSON.stringify({ type: code, title, status, detail }), status as 500, {
      'content-type': 'application/problem+json',
    });
  });
  app.notFound(() => {
    throw new ViewError('view/not-here', 'there is nothing at this address');
  });
  app.get('/api/session', (context) => context.json({ mode: 'open' }));
  app.route('/api', createViewRoutes({ source, version, ...(paceMs === undefined ? {} : { paceMs }) }));
  app.get('*', servePage({ files: pages, base: '/' }));
  return app;
}

/** Serves the page; when `port` is taken, another one is. */
export async function startViewServer({
  port,
  ...options
}: Parameters<typeof createViewApp>[0] & { port: number }): Promise<ViewServer> {
  const listener = getRequestListener(createViewApp(options).fetch);
  const server = createServer((request, response) => void listener(request, response));
  const listen = (on: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(on, '127.0.0.1', () => {
        server.off('error', reject);
        resolve();
      });
    });
  await listen(port).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    return listen(0);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      // Streams write their last line; then everything closes, whoever is still reading.
      if (await isWatched(server)) await sleep(LAST_WORDS_MS);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}
