/**
 * The log of a task over HTTP, under the paths that every reader of tiled logs knows; and the participants' receipts.
 * The log holds no names, and still is not for everybody by default: operators and the task's participants read it, and
 * whoever wants it public hosts the objects.
 *
 * @module
 */

import type { Context, Hono } from 'hono';

import type { Action, Resource } from '../../trust/access/index.ts';
import { CoordinatorError } from './errors.ts';
import type { Member } from './registry.ts';
import type { Service } from './service.ts';

/** Adds the routes. */
export function addLogRoutes(
  app: Pick<Hono, 'get'>,
  service: Service,
  {
    look,
    member,
  }: {
    readonly look: (context: Context, action: Action, resource?: Resource) => Promise<void>;
    readonly member: (context: Context, task: string, body: Uint8Array) => Promise<Member>;
  },
): void {
  const admit = async (context: Context, task: string): Promise<void> => {
    const hasToken = context.req.header('authorization')?.startsWith('Bearer ') === true;
    if (hasToken) await look(context, 'ledger.view', { kind: 'task', id: task });
    else await member(context, task, new Uint8Array());
  };
  const respond = (context: Context, bytes: Uint8Array | undefined, immutable: boolean): Response => {
    if (bytes === undefined) throw new CoordinatorError('coordinator/unknown-task', 'there is nothing at this address');
    return context.body(bytes.slice(), 200, {
      'content-type': immutable ? 'application/octet-stream' : 'text/plain; charset=utf-8',
      'cache-control': immutable ? 'private, max-age=31536000, immutable' : 'no-store',
    });
  };

  // The log of the installation tells of people: it is for auditors.
  app.get('/v1/log.vkey', async (context) => {
    await look(context, 'audit.view');
    return respond(context, await service.record.logFile('log.vkey'), false);
  });
  app.get('/v1/log/*', async (context) => {
    await look(context, 'audit.view');
    const { pathname } = new URL(context.req.url);
    const path = pathname.slice(pathname.indexOf('/log/') + 1);
    return respond(context, await service.record.logFile(path), path.startsWith('log/tile/'));
  });
  app.get('/v1/tasks/:task/log.vkey', async (context) => {
    const task = context.req.param('task');
    await admit(context, task);
    return respond(context, await service.logFile(task, 'log.vkey'), false);
  });
  app.get('/v1/tasks/:task/log/*', async (context) => {
    const task = context.req.param('task');
    await admit(context, task);
    const { pathname } = new URL(context.req.url);
    const path = pathname.slice(pathname.indexOf('/log/') + 1);
    return respond(context, await service.logFile(task, path), path.startsWith('log/tile/'));
  });
  app.get('/v1/tasks/:task/task.resolved.yaml', async (context) => {
    const task = context.req.param('task');
    await admit(context, task);
    return respond(context, new TextEncoder().encode(service.definition(task)), false);
  });
  app.get('/v1/tasks/:task/receipt', async (context) => {
    const who = await member(context, context.req.param('task'), new Uint8Array());
    return respond(context, await service.receipt(who.taskId, who.id), false);
  });
}
