/**
 * An assistant behind an address: bytes in, bytes out, refusals as `application/problem+json` [RFC9457]. Whoever can reach
 * it may ask; what keeps it honest is what it checks and remembers, not who asks.
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import { z } from 'zod';

import { AssistantError } from '../../federation/assistants/index.ts';
import { participantIdOf } from '../../federation/wire/index.ts';
import { fromHex } from '../../foundations/crypto/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import type { OpenAssistant } from './open-assistant.ts';
import { collectBody } from './collect-body.ts';

/** Longest roster. */
const MAX_ROSTER_BYTES = 2 ** 20;
/** Requests in memory at once. */
const MAX_AT_ONCE = 2;

const STATUS: Readonly<Record<string, number>> = {
  'assistants/malformed': 400,
  'assistants/not-found': 404,
  'assistants/wrong-task': 409,
  'assistants/already-answered': 409,
  'assistants/too-large': 413,
  'assistants/too-few': 422,
  'assistants/busy': 503,
};

const rosterSchema = z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(10_000);

/** What an assistant was asked. */
export interface AskedEvent {
  readonly outcome: 'answered' | 'refused';
  readonly code?: string;
  readonly reason?: string;
}

/** A listening assistant. */
export interface AssistantServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts listening.
 * @param options - `toldRoster`: takes the coordinator's word for who takes part, into this map; without it what the
 * coordinator tells is not read.
 */
export async function startAssistantServer(
  { assistant, publicKey, name }: OpenAssistant,
  {
    host,
    port,
    tls,
    toldRoster,
    onAsked = () => {},
  }: {
    readonly host: string;
    readonly port: number;
    readonly tls?: { readonly cert: string; readonly key: string } | undefined;
    readonly toldRoster?: Map<string, Uint8Array> | undefined;
    readonly onAsked?: (event: AskedEvent) => void;
  },
): Promise<AssistantServer> {
  let working = 0;

  async function assist(message: IncomingMessage): Promise<Uint8Array> {
    if (working >= MAX_AT_ONCE) throw new AssistantError('assistants/busy', `${name} is working; ask again`);
    working += 1;
    try {
      return await assistant.answer(await readBody(message, assistant.maxRequestBytes));
    } finally {
      working -= 1;
    }
  }

  async function takeRoster(message: IncomingMessage): Promise<void> {
    const body = await readBody(message, MAX_ROSTER_BYTES);
    if (toldRoster === undefined) return;
    let told: unknown;
    try {
      told = JSON.parse(new TextDecoder().decode(body));
    } catch (cause) {
      throw new AssistantError('assistants/malformed', 'a roster is a list of identity keys', { cause });
    }
    const keys = rosterSchema.safeParse(told);
    if (!keys.success) throw new AssistantError('assistants/malformed', 'a roster is a list of identity keys');
    for (const key of keys.data.map(fromHex)) toldRoster.set(participantIdOf(key), key);
  }

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = `${message.method} ${message.url}`;
    switch (route) {
      case 'GET /healthz':
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ok: true, name }));
        return;
      case 'GET /key':
        response
          .writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': publicKey.length })
          .end(publicKey);
        return;
      case 'POST /roster':
        await takeRoster(message);
        response.writeHead(204).end();
        return;
      case 'POST /assist': {
        const answer = await assist(message);
        onAsked({ outcome: 'answered' });
        response
          .writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': answer.length })
          .end(answer);
        return;
      }
      default:
        throw new AssistantError('assistants/not-found', 'an assistant has /assist, /roster, /key and /healthz');
    }
  }

  function refuse(error: unknown, response: ServerResponse): void {
    // What is not one of ours says nothing of its insides, and may pass.
    const known = error instanceof SottoError;
    const type = known ? error.code : 'assistants/internal';
    const status = known ? (STATUS[error.code] ?? 422) : 500;
    const detail = known ? error.message : 'the assistant failed';
    onAsked({ outcome: 'refused', code: type, reason: error instanceof Error ? error.message : String(error) });
    if (response.headersSent) return void response.destroy();
    const title = type.split('/')[1]?.replaceAll('-', ' ') ?? 'refused';
    response
      .writeHead(status, {
        'content-type': 'application/problem+json',
        // What was not read would be taken for the next request.
        ...(status === 413 ? { connection: 'close' } : {}),
      })
      .end(JSON.stringify({ type, title, status, detail, retryable: status >= 500 }));
  }

  const listener = (message: IncomingMessage, response: ServerResponse): void => {
    handle(message, response).catch((error: unknown) => refuse(error, response));
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${shown}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readBody(message: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const body = await collectBody(message, maxBytes);
  if (body === undefined) throw new AssistantError('assistants/too-large', `a request has at most ${maxBytes} bytes`);
  return body;
}
