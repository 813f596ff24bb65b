/**
 * The HTTP interface of a desk that answers: a question in, an answer with its mode, its promise and its charge out. Every
 * caller is known by a token; every refusal is a problem document [RFC9457]; nothing is open to an anonymous caller but
 * health and the interface's own description.
 *
 * @module
 */

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { secureHeaders } from 'hono/secure-headers';

import { SottoError } from '../foundations/numerics/index.ts';
import type { AnswerDesk, AnswerMode, DeskLimits } from '../learning/answers/index.ts';
import type { AnswerReceipt } from '../runtime/training/index.ts';

/** Refusals of the interface itself. */
export type ServingErrorCode =
  | 'serving/unknown-caller'
  | 'serving/malformed-request'
  | 'serving/too-large'
  | 'serving/not-here';
/** A request was refused before anybody looked at its question. */
class ServingError extends SottoError<ServingErrorCode> {}

const STATUS: Readonly<Record<string, number>> = {
  'serving/unknown-caller': 401,
  'serving/malformed-request': 400,
  'serving/too-large': 413,
  'serving/not-here': 404,
  'answers/quota': 403,
  'answers/rate': 429,
  'answers/no-consensus': 409,
  'answers/closed': 403,
  'accounting/budget-exceeded': 403,
  'usage/invalid': 422,
  'data/shape-mismatch': 422,
};
const MAX_BODY_BYTES = 1 << 20;
const MAX_TEXT = 200_000;

const questionSchema = z
  .union([
    z.strictObject({ text: z.string().min(1).max(MAX_TEXT) }),
    z.strictObject({ row: z.record(z.string().max(200), z.string().max(1000).nullable()) }),
    z.strictObject({ image: z.base64().min(1).openapi({ description: 'a PNG file, base64' }) }),
  ])
  .openapi('Question');
const told = z.object({ label: z.int(), class: z.string(), score: z.number() });
const answerSchema = z
  .object({
    class: z.string(),
    top: z.array(told),
    mode: z.string().openapi({ description: 'what the answer rests on, by its honest name' }),
    promise: z.string(),
    record: z
      .object({ request: z.string(), salt: z.string(), logSize: z.int() })
      .nullable()
      .openapi({ description: 'the leaf of the log that commits to the question, and the salt that opens it' }),
  })
  .openapi('Answer');
const modelSchema = z
  .object({
    name: z.string(),
    takes: z.enum(['text', 'row', 'image', 'numbers']),
    classes: z.array(z.string()),
    mode: z.string(),
    promise: z.string(),
    limits: z.object({
      perCaller: z.int(),
      perWindow: z.int(),
      windowMs: z.int(),
      top: z.int(),
      digits: z.int(),
    }),
  })
  .openapi('ServedModel');
const problemSchema = z
  .object({ type: z.string(), title: z.string(), status: z.int(), detail: z.string(), retryable: z.boolean() })
  .openapi('Problem');
const refusals = {
  default: { description: 'refused', content: { 'application/problem+json': { schema: problemSchema } } },
} as const;
const json = <T extends z.ZodType>(schema: T, description: string) =>
  ({ description, content: { 'application/json': { schema } } }) as const;

/** A question, as it arrives. */
export type Question = z.infer<typeof questionSchema>;

/** What is served. */
export interface AnswerService {
  readonly name: string;
  readonly takes: 'text' | 'row' | 'image' | 'numbers';
  readonly classNames: readonly string[];
  readonly mode: AnswerMode;
  readonly promise: string;
  readonly limits: DeskLimits;
  readonly desk: AnswerDesk;
  /** Who has a token; undefined for a stranger. */
  callerOf(token: string | undefined): string | undefined;
  /** Scores of a question, one a class. @throws for what the model does not take. */
  scores(question: Question): Promise<ArrayLike<number>>;
  /** Records the answer to a question. */
  record(question: Question): Promise<AnswerReceipt | null>;
  /** Told what failed inside; it must not reach the caller. */
  log(error: unknown): void;
}

/** Creates the application; it needs no socket, so tests call it directly. */
export function createAnswerApp(service: AnswerService): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook(result) {
      // What was sent is not repeated: it may be anybody's.
      if (!result.success) {
        throw new ServingError('serving/malformed-request', 'the body must be { text }, { row } or { image }');
      }
    },
  });
  app.use(secureHeaders());
  app.onError((error, context) => {
    const known = error instanceof SottoError;
    if (!known) service.log(error);
    const type = known ? error.code : 'serving/internal';
    const status = known ? (STATUS[type] ?? 400) : 500;
    const problem = {
      type,
      title: (type.split('/')[1] ?? 'refused').replaceAll('-', ' '),
      status,
      detail: known ? error.message : 'the service failed; its own log says more',
      retryable: known ? error.retryable : true,
    };
    return context.body(JSON.stringify(problem), status as 400, {
      'content-type': 'application/problem+json',
      ...(status === 429 ? { 'retry-after': String(Math.ceil(service.limits.windowMs / 1000)) } : {}),
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    });
  });
  app.notFound(() => {
    throw new ServingError('serving/not-here', 'there is nothing at this address: see /openapi.json');
  });
  const caller = (context: Context): string => {
    const token = /^Bearer (\S+)$/.exec(context.req.header('authorization') ?? '')?.[1];
    const name = service.callerOf(token);
    if (name === undefined)
      throw new ServingError('serving/unknown-caller', 'send the token you were given: Authorization: Bearer …');
    return name;
  };
  app.use(async (context, next) => {
    if (context.req.path.startsWith('/v1/')) caller(context);
    await next();
  });
  app.use(
    '/v1/answers',
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new ServingError('serving/too-large', `a question may have at most ${MAX_BODY_BYTES} bytes`);
      },
    }),
  );

  app.get('/healthz', (context) => context.json({ ok: true }));
  const security = [{ caller: [] }];
  app.openapi(
    createRoute({
      method: 'get',
      path: '/v1/model',
      security,
      responses: { 200: json(modelSchema, 'what is asked here'), ...refusals },
    }),
    (context) => {
      const { name, takes, classNames, mode, promise, limits } = service;
      return context.json({ name, takes, classes: [...classNames], mode, promise, limits: { ...limits } }, 200);
    },
  );
  app.openapi(
    createRoute({
      method: 'post',
      path: '/v1/answers',
      security,
      request: { body: { content: { 'application/json': { schema: questionSchema } }, required: true } },
      responses: { 200: json(answerSchema, 'the answer'), ...refusals },
    }),
    async (context) => {
      const question = context.req.valid('json');
      const { top, mode } = await service.desk.answer(caller(context), () => service.scores(question));
      const record = await service.record(question);
      const named = top.map((each) => ({ ...each, class: service.classNames[each.label] ?? `${each.label}` }));
      return context.json({ class: named[0]?.class ?? '', top: named, mode, promise: service.promise, record }, 200);
    },
  );
  app.openAPIRegistry.registerComponent('securitySchemes', 'caller', {
    type: 'http',
    scheme: 'bearer',
    description: 'the token a caller was given',
  });
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'Sotto answers', version: '1' } });
  return app;
}
