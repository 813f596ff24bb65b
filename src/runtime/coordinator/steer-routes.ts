/**
 * What people do with tasks: preview, create, pause, resume, stop, invite, propose and approve models. Who may is access
 * control's to say, act by act, and each act is written down.
 *
 * @module
 */

import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';

import { formatInvitationLink } from '../../federation/wire/index.ts';
import { type AccessControl, type Action, type Release, stateOf } from '../../trust/access/index.ts';
import { formatTaskFile, parseTaskFile } from '../task/index.ts';
import { CoordinatorError } from './errors.ts';
import { type Gate, INSTALLATION } from './people/gate.ts';
import { likenessOf } from './preview.ts';
import type { Previews } from './previews.ts';
import type { Service } from './service.ts';
import { describeTaskForm } from './task-form.ts';

const MAX_TASK_BYTES = 1 << 20;
const MAX_TASK_TEXT = 200_000;

/** Creates the routes below `/api`. */
export function createSteerRoutes({
  service,
  gate,
  access,
  previews,
  addressOf,
}: {
  service: Service;
  gate: Gate;
  access: AccessControl;
  previews: Previews;
  /** The address participants reach this coordinator at. */
  addressOf: (context: Context) => string;
}): Hono {
  const routes = new Hono();
  const limit = bodyLimit({
    maxSize: MAX_TASK_BYTES,
    onError: () => {
      throw new CoordinatorError('coordinator/too-large', 'a task file may have at most a megabyte');
    },
  });
  const onTask = (task: string) => ({ resource: { kind: 'task', id: task } as const });

  routes.get('/form', async (context) => {
    await gate.look(context, 'task.create', INSTALLATION);
    return context.json(describeTaskForm());
  });

  routes.post('/preview', limit, async (context) => {
    await gate.look(context, 'task.create', INSTALLATION);
    const text = await taskTextOf(context);
    const task = parseTaskFile(text, { path: 'task' });
    const { inputShape } = await service.factsOf(task);
    const earlier = service.tasks().map((each) => {
      const { id } = each.status();
      return { head: service.tracker(id).head(), likeness: likenessOf(each.run.task) };
    });
    const preview = await previews.preview({ text, inputShape, earlier });
    return context.json({ preview, text: formatTaskFile(task) });
  });

  routes.post('/tasks', limit, async (context) => {
    const { principal } = await gate.act(context, { action: 'task.create', resource: INSTALLATION });
    const task = await service.createTask(await taskTextOf(context), principal.subject);
    return context.json({ id: task.status().id }, 201);
  });

  const acts: readonly (readonly ['pause' | 'resume' | 'stop', Action])[] = [
    ['pause', 'task.pause'],
    ['resume', 'task.resume'],
    ['stop', 'task.stop'],
  ];
  for (const [act, action] of acts) {
    routes.post(`/tasks/:task/${act}`, async (context) => {
      const id = context.req.param('task');
      const { principal } = await gate.act(context, { action, ...onTask(id) });
      const task = service.task(id);
      const { state } = task.status();
      if (state === 'finished' || state === 'stopped') {
        throw new CoordinatorError('coordinator/wrong-state', `the task is ${state}: it cannot be changed any more`);
      }
      await task[act]();
      await service.audit(principal.subject, act, id);
      return context.body(null, 204);
    });
  }

  routes.post('/tasks/:task/invitations', async (context) => {
    const id = context.req.param('task');
    const { principal } = await gate.act(context, { action: 'task.invite', ...onTask(id) });
    service.task(id);
    const { token, expiresAt } = await service.invite(id, principal.subject);
    const url = addressOf(context);
    const command = `npx sotto join ${url} --task ${id} --token ${token} --data DIR`;
    return context.json({ link: formatInvitationLink(url, { taskId: id, token }), command, expiresAt }, 201);
  });

  // For pages that leave out what somebody may not do: a role may be hers on one task alone.
  routes.get('/tasks/:task/rights', async (context) => {
    const { principal } = await gate.require(context);
    const { resource } = onTask(context.req.param('task'));
    const model = { kind: 'model', id: resource.id } as const;
    const may = (action: Action): Promise<boolean> => gate.allowed(principal, { action, resource });
    const mayWithModel = (action: Action): Promise<boolean> =>
      gate.allowed(principal, { action, resource: model, within: [resource] });
    const [steer, invite, erase, ledger, propose, release, download] = await Promise.all([
      may('task.pause'),
      may('task.invite'),
      may('dataset.erase'),
      may('ledger.view'),
      mayWithModel('model.propose'),
      mayWithModel('model.release'),
      mayWithModel('model.download'),
    ]);
    return context.json({ steer, invite, erase, ledger, propose, release, download });
  });

  routes.post('/tasks/:task/participants/:participant/erase', async (context) => {
    const { task: id, participant } = context.req.param();
    const { principal } = await gate.act(context, { action: 'dataset.erase', ...onTask(id) });
    return context.text(await service.erase(id, participant, principal.subject), 200, {
      'content-disposition': 'attachment; filename="erasure.tlog-proof"',
    });
  });

  routes.get('/tasks/:task/releases', async (context) => {
    const { principal } = await gate.require(context);
    const now = new Date();
    const all = await access.releases(principal, context.req.param('task'));
    return context.json(all.map((release) => shown(release, now)));
  });
  routes.post('/tasks/:task/releases', async (context) => {
    const id = context.req.param('task');
    const { principal } = await gate.require(context);
    const { digest } = z.strictObject({ digest: z.string() }).parse(await context.req.json());
    service.task(id);
    const release = await access.propose(principal, { model: id, digest, within: [onTask(id).resource] });
    return context.json(shown(release, new Date()), 201);
  });
  routes.post('/tasks/:task/releases/:release/approve', async (context) => {
    const { principal } = await gate.require(context);
    const { digest } = z.strictObject({ digest: z.string() }).parse(await context.req.json());
    const { task: id, release: asked } = context.req.param();
    const release = await access.approve(principal, { release: asked, digest, model: id });
    await service.audit(principal.subject, 'release', id, digest);
    return context.json(shown(release, new Date()));
  });
  routes.post('/tasks/:task/releases/:release/reject', async (context) => {
    const { principal } = await gate.require(context);
    const { task: id, release: asked } = context.req.param();
    const release = await access.reject(principal, { release: asked, model: id });
    await service.audit(principal.subject, 'reject', id, release.digest);
    return context.json(shown(release, new Date()));
  });
  return routes;
}

async function taskTextOf(context: Context): Promise<string> {
  const { task } = z
    .strictObject({ task: z.union([z.string().max(MAX_TASK_TEXT), z.record(z.string(), z.unknown())]) })
    .parse(await context.req.json());
  // JSON is YAML: what the form makes and what somebody writes are read by the one parser.
  return typeof task === 'string' ? task : JSON.stringify(task, undefined, 1);
}

function shown(release: Release, now: Date): Record<string, unknown> {
  const { id, digest, proposedBy, approvals, required } = release;
  const state = stateOf(release, now);
  const name = state === 'open' ? 'proposed' : state;
  return { id, digest, proposedBy, required, approvals: approvals.map(({ by }) => by), state: name };
}
