/**
 * The listening side of a party: a small HTTP server with one mailbox a session and pair of endpoints. Messages for
 * parties that listen are posted to them; those for parties that cannot (a page) wait here until they ask.
 *
 * @module
 */

import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { collectBody } from '../runtime/assistant-server/index.ts';
import { createSequences, messagePath, MpcError, type PartyChannel } from '../secure/mpc/index.ts';

/** Longest message taken. */
const MAX_MESSAGE_BYTES = 1 << 29;
/** What waits unread, of all sessions and senders: whoever reaches the port can post, and is not known before the handshake. */
const MAX_HELD_BYTES = 2 ** 30;
const MAX_SLOTS = 65_536;
const LONG_POLL_MS = 20_000;
/** How long a peer may take to start listening. */
const CONNECT_MS = 30_000;
const PATH = /^\/mpc\/v1\/([^/]+)\/(\d{1,5})\/(\d{1,5})\/(\d{1,12}|end)$/;
/** How long a party that gives up waits for the others to hear of it. */
const FAREWELL_MS = 2000;

/** Messages of one direction, by their place in the order. */
interface Slot {
  readonly messages: Map<number, Uint8Array>;
  readonly waiting: Map<number, (message: Uint8Array | undefined) => void>;
  /** The sender gave up. */
  ended: boolean;
}

/** A party's server. */
export interface PartyServer {
  readonly url: string;
  /**
   * Opens the channel of a session.
   * @param peers - base URLs by endpoint; undefined for those that cannot listen, and for oneself.
   */
  channel(options: {
    readonly session: string;
    readonly endpoint: number;
    readonly peers: readonly (string | undefined)[];
  }): PartyChannel;
  close(): Promise<void>;
}

/** Starts listening. @param options - `allowOrigin`: the origin of pages that may take part. */
export async function startPartyServer({
  host,
  port,
  allowOrigin,
}: {
  readonly host: string;
  readonly port: number;
  readonly allowOrigin?: string | undefined;
}): Promise<PartyServer> {
  const slots = new Map<string, Slot>();
  let held = 0;
  const slotOf = (session: string, from: number, to: number): Slot => {
    const name = `${session}/${from}/${to}`;
    let slot = slots.get(name);
    if (slot === undefined) {
      slot = { messages: new Map(), waiting: new Map(), ended: false };
      slots.set(name, slot);
    }
    return slot;
  };
  const put = (slot: Slot, sequence: number, message: Uint8Array): boolean => {
    const reader = slot.waiting.get(sequence);
    if (reader !== undefined) {
      slot.waiting.delete(sequence);
      reader(message);
      return true;
    }
    if (slot.messages.has(sequence)) return false;
    slot.messages.set(sequence, message);
    held += message.length;
    return true;
  };
  const take = (slot: Slot, sequence: number, patienceMs?: number): Promise<Uint8Array | undefined> => {
    const message = slot.messages.get(sequence);
    if (message !== undefined) {
      slot.messages.delete(sequence);
      held -= message.length;
      return Promise.resolve(message);
    }
    if (slot.ended) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = patienceMs === undefined ? undefined : setTimeout(() => give(undefined), patienceMs);
      const give = (value: Uint8Array | undefined) => {
        clearTimeout(timer);
        slot.waiting.delete(sequence);
        resolve(value);
      };
      slot.waiting.set(sequence, give);
    });
  };

  async function handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    if (allowOrigin !== undefined) {
      response.setHeader('access-control-allow-origin', allowOrigin);
      response.setHeader('access-control-allow-methods', 'GET, POST');
      response.setHeader('access-control-allow-headers', 'content-type');
    }
    const match = PATH.exec(message.url ?? '');
    if (message.method === 'OPTIONS') return void response.writeHead(204).end();
    if (match === null) return void response.writeHead(404).end();
    const [, session, from, to, sequence] = match as unknown as [string, string, string, string, string];
    if (slots.size >= MAX_SLOTS) return void response.writeHead(503).end();
    const slot = slotOf(decodeURIComponent(session), Number(from), Number(to));
    if (sequence === 'end') {
      // Anybody can send this, as anybody can cut a wire: it stops a session and shows nothing.
      if (message.method !== 'POST') return void response.writeHead(405).end();
      slot.ended = true;
      for (const give of slot.waiting.values()) give(undefined);
      return void response.writeHead(204).end();
    }
    if (message.method === 'POST') {
      const body = await collectBody(message, MAX_MESSAGE_BYTES);
      if (body === undefined) return void response.writeHead(413).end();
      if (held + body.length > MAX_HELD_BYTES) return void response.writeHead(503).end();
      return void response.writeHead(put(slot, Number(sequence), body) ? 204 : 409).end();
    }
    if (message.method !== 'GET') return void response.writeHead(405).end();
    const body = await take(slot, Number(sequence), LONG_POLL_MS);
    if (body === undefined) return void response.writeHead(204).end();
    response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(body);
  }

  const server = createServer((message, response) => {
    handle(message, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new MpcError(
          'mpc/channel-closed',
          `cannot listen on ${host}:${port} (${(cause as NodeJS.ErrnoException).code})`,
          { cause },
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
  const agent = new Agent({ keepAlive: true });
  const farewells = new Set<Promise<number>>();
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;

  return {
    url,
    channel({ session, endpoint, peers }) {
      const nextSent = createSequences();
      const nextReceived = createSequences();
      let closed: string | undefined;
      const failure = () => new MpcError('mpc/channel-closed', `the channel is closed: ${closed}`, { retryable: true });
      const waiting = new Set<(error: Error) => void>();
      return {
        endpoint,
        endpoints: peers.length,
        async send(to, message) {
          if (closed !== undefined) throw failure();
          const sequence = nextSent(to);
          const base = peers[to];
          if (base === undefined) {
            put(slotOf(session, endpoint, to), sequence, message.slice());
            return;
          }
          await post(
            `${base.replace(/\/$/, '')}${messagePath({ session, from: endpoint, to, sequence })}`,
            message,
            agent,
            to,
          );
        },
        receive(from) {
          if (closed !== undefined) return Promise.reject(failure());
          return new Promise((resolve, reject) => {
            waiting.add(reject);
            void take(slotOf(session, from, endpoint), nextReceived(from)).then((message) => {
              waiting.delete(reject);
              if (message === undefined)
                reject(new MpcError('mpc/channel-closed', `endpoint ${from} gave up`, { details: { endpoint: from } }));
              else resolve(message);
            });
          });
        },
        close(reason = 'this party left') {
          if (closed !== undefined) return;
          closed = reason;
          for (const reject of waiting) reject(failure());
          waiting.clear();
          for (const [peer, base] of peers.entries()) {
            if (peer === endpoint) continue;
            const slot = slotOf(session, endpoint, peer);
            slot.ended = true;
            for (const give of slot.waiting.values()) give(undefined);
            if (base === undefined) continue;
            const url = `${base.replace(/\/$/, '')}${messagePath({ session, from: endpoint, to: peer, sequence: 'end' })}`;
            farewells.add(postOnce(url, new Uint8Array(0), agent).catch(() => 0));
          }
        },
      };
    },
    async close() {
      await Promise.race([Promise.all(farewells), new Promise((resolve) => setTimeout(resolve, FAREWELL_MS).unref())]);
      agent.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

/** Posts a message, waiting for a peer that is not up yet. */
async function post(url: string, body: Uint8Array, agent: Agent, peer: number): Promise<void> {
  const until = Date.now() + CONNECT_MS;
  for (;;) {
    try {
      const status = await postOnce(url, body, agent);
      if (status === 204) return;
      throw new MpcError('mpc/malformed-message', `endpoint ${peer} refused a message (status ${status})`, {
        details: { endpoint: peer },
      });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (error instanceof MpcError || code !== 'ECONNREFUSED' || Date.now() > until) {
        if (error instanceof MpcError) throw error;
        throw new MpcError('mpc/channel-closed', `endpoint ${peer} cannot be reached (${code ?? 'failed'})`, {
          cause: error,
          retryable: true,
          details: { endpoint: peer },
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function postOnce(url: string, body: Uint8Array, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', agent, headers: { 'content-length': body.length } }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
      response.once('error', reject);
    });
    outgoing.setNoDelay(true);
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
