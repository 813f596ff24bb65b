/**
 * A channel over HTTP for a party that cannot listen, such as a page: it posts its messages to the others and asks them
 * for what they have for it. The requests are the caller's (`fetch` of a browser or of Node); what listens is
 * `sotto party`. Seal it with `sealChannel`: this layer only carries bytes.
 *
 * @module
 */

import type { PartyChannel } from './channel.ts';
import { MpcError } from './errors.ts';

/** The part of `fetch` that is used. */
export type HttpRequest = (
  url: string,
  init: { readonly method: 'GET' | 'POST'; readonly body?: Uint8Array<ArrayBuffer>; readonly signal?: AbortSignal },
) => Promise<{ readonly status: number; arrayBuffer(): Promise<ArrayBuffer> }>;

/** The path of a message: who sends it to whom, and its place in the order. */
export function messagePath({
  session,
  from,
  to,
  sequence,
}: {
  session: string;
  from: number;
  to: number;
  sequence: number | 'end';
}): string {
  return `/mpc/v1/${encodeURIComponent(session)}/${from}/${to}/${sequence}`;
}

/** Numbers the messages to, or from, each endpoint in their order. */
export function createSequences(): (endpoint: number) => number {
  const counts = new Map<number, number>();
  return (endpoint) => {
    const sequence = counts.get(endpoint) ?? 0;
    counts.set(endpoint, sequence + 1);
    return sequence;
  };
}

/**
 * Creates the channel of a party that cannot listen.
 * @param options - `peers`: base URLs by endpoint, undefined for oneself; `session` names the run.
 */
export function createPollingChannel({
  endpoint,
  peers,
  session,
  request,
}: {
  readonly endpoint: number;
  readonly peers: readonly (string | undefined)[];
  readonly session: string;
  readonly request: HttpRequest;
}): PartyChannel {
  const stop = new AbortController();
  const nextSent = createSequences();
  const nextReceived = createSequences();
  const baseOf = (peer: number) => {
    const base = peers[peer];
    if (base === undefined) throw new MpcError('mpc/channel-closed', `there is no address of endpoint ${peer}`);
    return base;
  };
  const closed = (peer: number, cause: unknown) =>
    new MpcError('mpc/channel-closed', `endpoint ${peer} cannot be reached`, {
      cause,
      retryable: true,
      details: { endpoint: peer },
    });
  return {
    endpoint,
    endpoints: peers.length,
    async send(to, message) {
      const url = baseOf(to) + messagePath({ session, from: endpoint, to, sequence: nextSent(to) });
      let status: number;
      try {
        ({ status } = await request(url, { method: 'POST', body: message.slice(), signal: stop.signal }));
      } catch (cause) {
        throw closed(to, cause);
      }
      if (status !== 204) throw closed(to, new Error(`status ${status}`));
    },
    async receive(from) {
      const url = baseOf(from) + messagePath({ session, from, to: endpoint, sequence: nextReceived(from) });
      for (;;) {
        try {
          const response = await request(url, { method: 'GET', signal: stop.signal });
          if (response.status === 200) return new Uint8Array(await response.arrayBuffer());
          // 204: nothing yet, the other side ended a long wait.
          if (response.status !== 204) throw new Error(`status ${response.status}`);
        } catch (cause) {
          throw closed(from, cause);
        }
      }
    },
    close: () => stop.abort(),
  };
}
