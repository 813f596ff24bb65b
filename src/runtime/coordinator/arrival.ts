/**
 * Where a request comes from, and the address it was made to: what the socket says, or, where the peer was named as a proxy,
 * what that proxy says in its headers. Headers of anybody else are not looked at. Of the two kinds of headers only the one
 * that was named counts: a proxy that writes one of them passes the other on as a stranger sent it.
 *
 * @module
 */

import { BlockList, isIP } from 'node:net';

import type { Context, MiddlewareHandler } from 'hono';

/** Which peers are proxies, and what they say. */
export interface ProxyOptions {
  /** Addresses, or ranges such as `10.1.0.0/16`, whose headers are believed. */
  readonly peers: readonly string[];
  /** `X-Forwarded-For`, `-Proto` and `-Host` (default), or `Forwarded` [RFC7239]. */
  readonly headers?: 'x-forwarded' | 'forwarded';
  /** Address that people and participants use; without it the headers name the host. */
  readonly publicUrl?: string;
}

/** A request, as far as it is known where it comes from. */
export interface Arrival {
  /** Scheme, host and port that whoever asks has used. */
  readonly origin: string;
  /** Address of whoever asks; `local` where there is no socket. */
  readonly client: string;
  /** Whether a named proxy has passed it on: its connection, and so its certificate, is not of whoever asks. */
  readonly isProxied: boolean;
}

const arrivals = new WeakMap<Context, Arrival>();

/** Finds out where requests come from, for {@link arrivalOf}. @throws RangeError when a peer is none. */
export function noteArrivals(proxy: ProxyOptions | undefined): MiddlewareHandler {
  const read = createArrivalReader(proxy);
  return async (context, next) => {
    arrivals.set(context, read(context));
    await next();
  };
}

/** @throws RangeError when a peer is no address and no range, or none is named. */
export function assertProxy({ peers }: ProxyOptions): void {
  createPeerTest(peers);
}

/** Where a request comes from. */
export function arrivalOf(context: Context): Arrival {
  return arrivals.get(context) ?? fromSocket(context);
}

function fromSocket(context: Context): Arrival {
  const env = context.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
  const client = env?.incoming?.socket?.remoteAddress;
  return {
    origin: new URL(context.req.url).origin,
    client: client === undefined ? 'local' : (addressIn(client) ?? client),
    isProxied: false,
  };
}

function createArrivalReader(proxy: ProxyOptions | undefined): (context: Context) => Arrival {
  if (proxy === undefined) return fromSocket;
  const isPeer = createPeerTest(proxy.peers);
  const readHops = proxy.headers === 'forwarded' ? readForwarded : readXForwarded;
  const publicOrigin = proxy.publicUrl === undefined ? undefined : new URL(proxy.publicUrl).origin;
  return (context) => {
    const direct = fromSocket(context);
    if (!isPeer(direct.client)) return direct;
    let { client } = direct;
    let said: Hop | undefined;
    // From the nearest on: what a hop says is believed as long as all that passed it on are named proxies.
    for (const hop of readHops(context).toReversed()) {
      said = hop;
      const address = addressIn(hop.client);
      if (address === undefined) break;
      client = address;
      if (!isPeer(address)) break;
    }
    // A proxy that does not say how it was reached has not been set up: its requests are as they look, and no better.
    const named = said?.scheme === undefined ? undefined : (publicOrigin ?? originFrom(said, context));
    return { origin: named ?? direct.origin, client, isProxied: true };
  };
}

/** What one proxy says of whoever asked it. */
interface Hop {
  readonly client: string;
  readonly scheme: string | undefined;
  readonly host: string | undefined;
}

function originFrom({ scheme, host }: Hop, context: Context): string | undefined {
  const name = host ?? context.req.header('host') ?? '';
  if (!/^https?$/i.test(scheme ?? '') || !/^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(name))
    return undefined;
  const text = `${scheme}://${name}`;
  return URL.canParse(text) ? new URL(text).origin : undefined;
}

/** The nearest proxy stands last. Scheme and host are what the nearest says: it alone is known to have written them. */
function readXForwarded({ req }: Context): readonly Hop[] {
  const list = (name: string): string[] =>
    (req.header(name) ?? '')
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  const scheme = list('x-forwarded-proto').at(-1);
  const host = list('x-forwarded-host').at(-1);
  const clients = list('x-forwarded-for');
  return (clients.length === 0 ? [''] : clients).map((client) => ({ client, scheme, host }));
}

/** One pair of [RFC7239] §4, and what follows it. */
const PAIR = /[ \t]*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~-]+))[ \t]*(;|,|$)/y;

/** The nearest proxy stands last. A header that cannot be read says nothing. */
function readForwarded({ req }: Context): readonly Hop[] {
  const text = req.header('forwarded') ?? '';
  const hops: Hop[] = [];
  let pairs = new Map<string, string>();
  for (let at = 0; at < text.length; at = PAIR.lastIndex) {
    PAIR.lastIndex = at;
    const [, name = '', quoted, token = '', end] = PAIR.exec(text) ?? [];
    if (end === undefined || pairs.has(name.toLowerCase())) return [];
    pairs.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? token);
    if (end === ';') continue;
    hops.push({ client: pairs.get('for') ?? '', scheme: pairs.get('proto'), host: pairs.get('host') });
    pairs = new Map();
  }
  return pairs.size === 0 ? hops : [];
}

/** The address in what a proxy calls a client: with or without port, IPv6 with or without brackets. */
function addressIn(text: string): string | undefined {
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  // The same client whichever kind of socket it came by.
  const plain = /^::ffff:([\d.]+)$/i.exec(bare)?.[1] ?? bare;
  return isIP(plain) === 0 ? undefined : plain.toLowerCase();
}

const kindOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6');

function createPeerTest(peers: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const peer of peers) {
    const [text = '', bits, ...more] = peer.split('/');
    const address = addressIn(text);
    const prefix = bits === undefined ? undefined : Number(bits);
    const width = address === undefined || isIP(address) === 4 ? 32 : 128;
    if (address === undefined || isIP(text) === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits ?? '1')) {
      throw new RangeError(`a proxy is named by its IP address or a range of them such as 10.1.0.0/16, got "${peer}"`);
    }
    if (prefix === undefined) list.addAddress(address, kindOf(address));
    else if (prefix < 1 || prefix > width) {
      throw new RangeError(`the range of a proxy must have between 1 and ${width} leading bits, got "${peer}"`);
    } else list.addSubnet(address, prefix, kindOf(address));
  }
  if (peers.length === 0) throw new RangeError('at least one proxy must be named');
  return (address) => isIP(address) !== 0 && list.check(address, kindOf(address));
}
