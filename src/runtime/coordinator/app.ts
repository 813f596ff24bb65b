/**
 * The HTTP interface. Control is JSON, messages are bytes; every refusal is a problem document; nothing is open to an
 * anonymous caller but health and the interface's own description.
 *
 * @module
 */

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context, Hono } from 'hono';

import { negotiateVersion, PROTOCOL_VERSION, SUPPORTED_VERSIONS } from '../../federation/wire/index.ts';
import { toHex } from '../../foundations/crypto/index.ts';
import { type Action, INSTALLATION, type Principal, type Resource } from '../../trust/access/index.ts';
import { isolate } from '../view/index.ts';
import { arrivalOf, noteArrivals, type ProxyOptions } from './arrival.ts';
import { createByteBudget } from './byte-budget.ts';
import { describeRoutes } from './describe-routes.ts';
import { CoordinatorError } from './errors.ts';
import { createForwarding } from './forwarding.ts';
import { problemOf } from './problem.ts';
import { createRateLimiter, type RateLimit } from './rate-limit.ts';
import { addLogRoutes } from './log-routes.ts';
import { addMemberRoutes } from './member-routes.ts';
import { limitBody, MAX_JSON_BYTES } from './limit-body.ts';
import type { Member } from './registry.ts';
import { assertMayLeave } from './release-gate.ts';
import type { Service } from './service.ts';

const problemSchema = z
  .object({ type: z.string(), title: z.string(), status: z.int(), detail: z.string(), retryable: z.boolean() })
  .openapi('Problem');
const statusSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    state: z.string(),
    round: z.int(),
    rounds: z.int(),
    accuracy: z.number().nullable(),
    epsilon: z.number().nullable(),
    participants: z.int(),
    dropouts: z.int(),
    stage: z.string().nullable().openapi({ description: 'of the oldest attempt that is open' }),
    // A node of an earlier version tells of none.
    attempts: z
      .array(z.object({ attempt: z.int(), round: z.int(), stage: z.string() }))
      .readonly()
      .default([])
      .openapi({ description: 'those that are open, the oldest first' }),
  })
  .openapi('TaskStatus');
const joinSchema = z
  .object({ label: z.string().max(80), token: z.string().max(200), protocolVersions: z.array(z.int()).min(1).max(64) })
  .strict()
  .openapi('Join');
const joinedSchema = z
  .object({
    participant: z.string(),
    task: z.string().openapi({ description: 'the resolved task file, YAML' }),
    inputShape: z.array(z.int()),
    planDigest: z.string(),
    protocolVersion: z.int(),
  })
  .openapi('Joined');
const invitedSchema = joinedSchema.omit({ participant: true }).openapi('Invited');

const taskId = z.object({ task: z.string() });
const refusals = {
  default: { description: 'refused', content: { 'application/problem+json': { schema: problemSchema } } },
} as const;
const json = <T extends z.ZodType>(schema: T, description: string) =>
  ({ description, content: { 'application/json': { schema } } }) as const;

/** Limits of the interface, and what the socket knows of a caller. */
export interface AppOptions {
  /** Pages for people, and the interface they use. */
  readonly pages?: Hono;
  /** Proxies whose word on where a request comes from is taken; nobody's by default. */
  readonly proxy?: ProxyOptions;
  /** By sender's address. */
  readonly rateLimit?: RateLimit;
  /** Bytes of message bodies that are in memory at once; who comes later waits with an unread socket. */
  readonly bodyBytes?: number;
  /** SHA-256 fingerprint of the client certificate of a connection, when an accepted authority issued it. */
  readonly clientCertificateOf?: (context: Context) => string | undefined;
}

const DEFAULT_RATE_LIMIT: RateLimit = { requestsPerSecond: 200, burst: 1000 };
const DEFAULT_BODY_BYTES = 32 * 2 ** 20;

/** Creates the application over a service; it needs no socket, so tests call it directly. */
export function createApp(
  service: Service,
  {
    rateLimit = DEFAULT_RATE_LIMIT,
    bodyBytes = DEFAULT_BODY_BYTES,
    clientCertificateOf = () => undefined,
    pages,
    proxy,
  }: AppOptions = {},
): OpenAPIHono {
  const limiter = createRateLimiter(rateLimit, () => performance.now());
  const bodies = createByteBudget(bodyBytes);
  const app = new OpenAPIHono({
    defaultHook(result) {
      if (!result.success) throw new CoordinatorError('coordinator/malformed-request', z.prettifyError(result.error));
    },
  });

  app.use(isolate());
  app.use(noteArrivals(proxy));
  app.onError((error, context) => {
    const problem = problemOf(error);
    service.refused(problem.type);
    if (problem.status === 500) service.logFailure(error);
    const after = error instanceof CoordinatorError ? error.details.retryAfterSeconds : undefined;
    return context.body(JSON.stringify(problem), problem.status as 400, {
      'content-type': 'application/problem+json',
      ...(typeof after === 'number' ? { 'retry-after': String(after) } : {}),
    });
  });
  app.use(async (context, next) => {
    if (context.req.path !== '/healthz') limiter.take(arrivalOf(context).client);
    await next();
    // Events are for now: a proxy that gathers them first would hold them back.
    if (context.res.headers.get('content-type')?.startsWith('text/event-stream') === true) {
      context.header('x-accel-buffering', 'no');
    }
    if (service.simulatedAttestation) context.header('sotto-attestation', 'SIMULATED');
  });
  app.use('/v1/tasks/:task', createForwarding(service));
  app.use('/v1/tasks/:task/*', createForwarding(service));
  app.notFound((context) => {
    const problem = problemOf(new CoordinatorError('coordinator/unknown-task', 'there is nothing at this address'));
    return context.body(JSON.stringify(problem), 404, { 'content-type': 'application/problem+json' });
  });

  /** The participant that signed a request. */
  async function member(context: Context, task: string, body: Uint8Array): Promise<Member> {
    const { pathname, search } = new URL(context.req.url);
    const request = { method: context.req.method, path: `${pathname}${search}`, body };
    const key = service.registry.authenticate(request, context.req.header('authorization'));
    return service.registry.memberOf(task, key);
  }
  const { access } = service.record;
  const bearer = (context: Context): Promise<Principal> => service.record.bearer(context.req.header('authorization'));
  const onTask = (id: string): Resource => ({ kind: 'task', id });
  /** Lets whoever shows a bearer token look. */
  const look = async (context: Context, action: Action, resource: Resource = INSTALLATION): Promise<void> =>
    access.look(await bearer(context), { action, resource });
  /** Lets whoever shows a bearer token act; it is written down either way. */
  async function act(context: Context, action: Action, resource: Resource = INSTALLATION): Promise<Principal> {
    const principal = await bearer(context);
    await access.assert(principal, { action, resource });
    return principal;
  }

  app.get('/healthz', (context) => context.json({ ok: true, protocolVersions: SUPPORTED_VERSIONS }));

  app.openapi(
    createRoute({
      method: 'get',
      path: '/v1/tasks',
      responses: { 200: json(z.array(statusSchema), 'all tasks'), ...refusals },
    }),
    async (context) => {
      await look(context, 'task.view');
      const authorization = context.req.header('authorization') ?? '';
      const all = await Promise.all(
        (await service.everywhere()).map(async ({ id, url }) =>
          url === undefined
            ? service
                .tasks()
                .find((task) => task.status().id === id)
                ?.status()
            : askNode(url, id, authorization),
        ),
      );
      return context.json(
        all.filter((status) => status !== undefined),
        200,
      );
    },
  );

  app.use('/v1/tasks', limitBody(MAX_JSON_BYTES));
  app.openapi(
    createRoute({
      method: 'post',
      path: '/v1/tasks',
      request: { body: { content: { 'application/yaml': { schema: z.string() } }, required: true } },
      responses: { 201: json(statusSchema, 'created'), ...refusals },
    }),
    async (context) => {
      const { subject } = await act(context, 'task.create');
      const task = await service.createTask(await context.req.text(), subject);
      return context.json(task.status(), 201);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/v1/tasks/{task}',
      request: { params: taskId },
      responses: { 200: json(statusSchema, 'one task'), ...refusals },
    }),
    async (context) => {
      const { task } = context.req.valid('param');
      if (context.req.header('authorization')?.startsWith('Bearer ') === true) {
        await look(context, 'task.view', onTask(task));
      } else await member(context, task, new Uint8Array());
      return context.json(service.task(task).status(), 200);
    },
  );

  for (const action of ['pause', 'resume', 'stop'] as const) {
    app.openapi(
      createRoute({
        method: 'post',
        path: `/v1/tasks/{task}/${action}`,
        request: { params: taskId },
        responses: { 200: json(statusSchema, 'the task afterwards'), ...refusals },
      }),
      async (context) => {
        const { task: id } = context.req.valid('param');
        const { subject } = await act(context, `task.${action}`, onTask(id));
        const task = service.task(id);
        await task[action]();
        await service.audit(subject, action, id);
        return context.json(task.status(), 200);
      },
    );
  }

  app.openapi(
    createRoute({
      method: 'post',
      path: '/v1/tasks/{task}/tokens',
      request: { params: taskId },
      responses: { 201: json(z.object({ token: z.string(), expiresAt: z.string() }), 'an invitation'), ...refusals },
    }),
    async (context) => {
      const { task } = context.req.valid('param');
      const { subject } = await act(context, 'task.invite', onTask(task));
      service.task(task);
      return context.json(await service.invite(task, subject), 201);
    },
  );

  app.use('/v1/tasks/:task/participants', limitBody(MAX_JSON_BYTES));
  app.openapi(
    createRoute({
      method: 'post',
      path: '/v1/tasks/{task}/participants',
      request: { params: taskId, body: { content: { 'application/json': { schema: joinSchema } }, required: true } },
      responses: { 200: json(joinedSchema, 'enrolled'), ...refusals },
    }),
    async (context) => {
      const { task } = context.req.valid('param');
      const body = new Uint8Array(await context.req.arrayBuffer());
      const { pathname, search } = new URL(context.req.url);
      const identityKey = service.registry.authenticate(
        { method: 'POST', path: `${pathname}${search}`, body },
        context.req.header('authorization'),
      );
      const { label, token, protocolVersions } = context.req.valid('json');
      const protocolVersion = negotiateVersion(protocolVersions);
      const found = service.task(task);
      const { isProxied } = arrivalOf(context);
      if (isProxied && token === '') {
        throw new CoordinatorError(
          'coordinator/token-refused',
          'a certificate does not come through a proxy that ends TLS: ask for an invitation, or for an address that reaches the coordinator itself',
        );
      }
      const certificate = isProxied ? undefined : clientCertificateOf(context);
      const enrolled = await service.registry.enrol(task, {
        identityKey,
        label,
        token,
        ...(certificate === undefined ? {} : { certificate }),
      });
      found.seen(enrolled.id);
      return context.json(
        {
          participant: enrolled.id,
          task: service.definition(task),
          inputShape: [...service.inputShape(task)],
          planDigest: toHex(found.run.plan.digest),
          protocolVersion,
        },
        200,
      );
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/v1/tasks/{task}/invitation',
      request: { params: taskId, headers: z.object({ 'sotto-invitation': z.string().max(200) }) },
      responses: { 200: json(invitedSchema, 'what the invitation is to, before it is accepted'), ...refusals },
    }),
    async (context) => {
      const { task } = context.req.valid('param');
      await service.registry.assertInvitation(task, context.req.valid('header')['sotto-invitation']);
      const { plan } = service.task(task).run;
      return context.json(
        {
          task: service.definition(task),
          inputShape: [...service.inputShape(task)],
          planDigest: toHex(plan.digest),
          protocolVersion: PROTOCOL_VERSION,
        },
        200,
      );
    },
  );

  addMemberRoutes(app, service, { member, bodies });
  addLogRoutes(app, service, { look, member });

  app.get('/v1/tasks/:task/model', async (context) => {
    const task = context.req.param('task');
    const principal = await act(context, 'model.download', onTask(task));
    const bytes = service.task(task).model();
    const released = await assertMayLeave({ task, model: bytes }, { access, db: service.db, principal });
    await service.audit(principal.subject, 'download', task, released);
    return context.body(bytes.slice(), 200, { 'content-type': 'application/octet-stream' });
  });

  app.get('/v1/tasks/:task/metrics', async (context) => {
    const task = context.req.param('task');
    await look(context, 'metrics.view', onTask(task));
    return context.text(await service.metricLines(task), 200, {
      'content-type': 'application/jsonl',
    });
  });

  app.get('/metrics', async (context) => {
    await look(context, 'metrics.view');
    return context.text(await service.prometheus(), 200, { 'content-type': 'text/plain; version=0.0.4' });
  });

  app.post('/v1/shutdown', async (context) => {
    const { subject } = await act(context, 'service.shutdown');
    await service.audit(subject, 'shutdown', INSTALLATION.id);
    service.requestShutdown();
    return context.body(null, 202);
  });

  describeRoutes(app);
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Sotto coordinator', version: String(PROTOCOL_VERSION) },
  });
  if (pages !== undefined) app.route('/', pages);
  return app;
}

/** The status of a task that another node serves; undefined when it does not answer. */
async function askNode(
  url: string,
  id: string,
  authorization: string,
): Promise<z.infer<typeof statusSchema> | undefined> {
  try {
    const response = await fetch(`${url}/v1/tasks/${encodeURIComponent(id)}`, {
      headers: { authorization },
      signal: AbortSignal.timeout(5000),
    });
    return response.ok ? statusSchema.parse(await response.json()) : undefined;
  } catch {
    return undefined;
  }
}
