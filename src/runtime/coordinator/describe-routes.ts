/**
 * The part of the interface's description that no schema of a handler gives: routes that carry bytes, streams or text.
 *
 * @module
 */

import { type OpenAPIHono, z } from '@hono/zod-openapi';

const task = z.object({ task: z.string() });
const bytes = (type: string, description: string) => ({
  description,
  content: { [type]: { schema: z.string().openapi({ format: 'binary' }) } },
});
const body = (type: string, description: string) => ({ body: { required: true, ...bytes(type, description) } });
const problem = {
  default: {
    description: 'refused: a problem document [RFC9457] whose `type` is a stable code',
    content: {
      'application/problem+json': {
        schema: z.object({
          type: z.string(),
          title: z.string(),
          status: z.int(),
          detail: z.string(),
          retryable: z.boolean(),
        }),
      },
    },
  },
};
const signed = [{ participant: [] }];
const operator = [{ operator: [] }];

/** Adds security schemes and the routes that are not declared with schemas. */
export function describeRoutes(app: OpenAPIHono): void {
  const { openAPIRegistry: registry } = app;
  registry.registerComponent('securitySchemes', 'operator', {
    type: 'http',
    scheme: 'bearer',
    description: 'the operator’s token',
  });
  registry.registerComponent('securitySchemes', 'participant', {
    type: 'apiKey',
    in: 'header',
    name: 'authorization',
    description:
      'Sotto-Ed25519 key=…,time=…,nonce=…,signature=…: Ed25519 over `sotto/request/1`, method, path with query, SHA-256 of ' +
      'the body, milliseconds since 1970 and nonce, one a line; hexadecimal',
  });
  registry.registerPath({
    method: 'get',
    path: '/healthz',
    responses: {
      200: {
        description: 'alive, with the protocol versions spoken here',
        content: { 'application/json': { schema: z.object({ ok: z.boolean(), protocolVersions: z.array(z.int()) }) } },
      },
    },
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/tasks/{task}/assistants/{name}/key',
    security: signed,
    request: { params: task.extend({ name: z.string() }) },
    responses: {
      200: bytes('application/octet-stream', 'the public key of a party that helps to form sums; the task pins it'),
      ...problem,
    },
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/tasks/{task}/mail',
    security: signed,
    request: {
      params: task,
      query: z.object({
        after: z.int().optional().openapi({ description: 'cursor of the last message that was read' }),
        waitMs: z.int().optional().openapi({ description: 'wait so long for the first, at most 30 s' }),
      }),
    },
    responses: {
      200: bytes('application/octet-stream', 'messages, each behind cursor and length as 32-bit little-endian words'),
      ...problem,
    },
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/tasks/{task}/events',
    security: signed,
    request: { params: task, query: z.object({ after: z.int().optional() }) },
    responses: {
      200: bytes(
        'text/event-stream',
        'an event `mail` for every message, `ended` at the task’s end; resumes by Last-Event-ID',
      ),
      ...problem,
    },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/tasks/{task}/messages',
    security: signed,
    request: { params: task, ...body('application/octet-stream', 'one message of the protocol, canonical CBOR') },
    responses: { 204: { description: 'accepted, and in the journal' }, ...problem },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/tasks/{task}/attestation',
    security: signed,
    request: { params: task, ...body('application/octet-stream', 'a nonce of 32 fresh bytes') },
    responses: {
      200: bytes('application/cbor', '[1, evidence, key, task policy digest, code digest, nonce, references]'),
      ...problem,
    },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/tasks/{task}/leave',
    security: signed,
    request: { params: task },
    responses: { 204: { description: 'not drawn again until it comes back' }, ...problem },
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/tasks/{task}/model',
    security: operator,
    request: { params: task },
    responses: { 200: bytes('application/octet-stream', 'the current model, safetensors'), ...problem },
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/tasks/{task}/metrics',
    security: operator,
    request: { params: task },
    responses: { 200: bytes('application/jsonl', 'a line an attempt'), ...problem },
  });
  registry.registerPath({
    method: 'get',
    path: '/metrics',
    security: operator,
    responses: { 200: bytes('text/plain', 'for Prometheus'), ...problem },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/shutdown',
    security: operator,
    responses: { 202: { description: 'the coordinator is ending' }, ...problem },
  });
}
