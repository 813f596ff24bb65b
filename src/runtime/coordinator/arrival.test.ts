import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';

import { type Arrival, arrivalOf, assertProxy, noteArrivals, type ProxyOptions } from './arrival.ts';

/** How a request that comes by a socket of `peer` looks. */
async function arrive(
  peer: string,
  headers: Readonly<Record<string, string>>,
  proxy: ProxyOptions | undefined,
): Promise<Arrival> {
  const app = new Hono();
  app.use(noteArrivals(proxy));
  app.get('/', (context) => context.json(arrivalOf(context)));
  const env = { incoming: { socket: { remoteAddress: peer } } };
  const response = await app.request('http://inside:7700/', { headers: { host: 'inside:7700', ...headers } }, env);
  return (await response.json()) as Arrival;
}

const said = {
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'sotto.example',
  'x-forwarded-for': '192.0.2.7',
  forwarded: 'for=192.0.2.8;proto=https;host=other.example',
};
const asItLooks = (client: string): Arrival => ({ origin: 'http://inside:7700', client, isProxied: false });
const proxy: ProxyOptions = { peers: ['10.0.0.1', '10.2.0.0/16', 'fd00::1'] };

describe('where a request comes from', () => {
  it('is what the socket says where no proxy is named, and for everybody but the named ones', async () => {
    expect(await arrive('10.0.0.1', said, undefined)).toEqual(asItLooks('10.0.0.1'));
    for (const peer of ['10.0.0.2', '10.3.0.1', '192.0.2.7', 'fd00::2']) {
      expect(await arrive(peer, said, proxy)).toEqual(asItLooks(peer));
    }
  });

  it('is what a named proxy says, by whichever kind of address it is named and comes', async () => {
    const known = { origin: 'https://sotto.example', client: '192.0.2.7', isProxied: true };
    for (const peer of ['10.0.0.1', '::ffff:10.0.0.1', '10.2.255.1', 'fd00::1']) {
      expect(await arrive(peer, said, proxy)).toEqual(known);
    }
  });

  it('is read from the one kind of headers that the proxy writes: the other may come from anybody', async () => {
    expect(await arrive('10.0.0.1', said, { ...proxy, headers: 'forwarded' })).toEqual({
      origin: 'https://other.example',
      client: '192.0.2.8',
      isProxied: true,
    });
  });

  it('is the nearest address that is no named proxy, whatever was claimed before it', async () => {
    const clientOf = async (list: string): Promise<string> =>
      (await arrive('10.0.0.1', { ...said, 'x-forwarded-for': list }, proxy)).client;
    expect(await clientOf('1.1.1.1, 192.0.2.7')).toBe('192.0.2.7');
    expect(await clientOf('1.1.1.1, 192.0.2.7, 10.2.0.9')).toBe('192.0.2.7');
    expect(await clientOf('10.2.0.9, 10.2.0.8')).toBe('10.2.0.9');
    expect(await clientOf('[2001:db8::7]:4711')).toBe('2001:db8::7');
    expect(await clientOf('192.0.2.7:81')).toBe('192.0.2.7');
    for (const none of ['', 'unknown', '192.0.2.7, nobody', '999.1.1.1']) expect(await clientOf(none)).toBe('10.0.0.1');
  });

  it('of `Forwarded` is what the outermost named proxy wrote', async () => {
    const of = (forwarded: string): Promise<Arrival> =>
      arrive('10.0.0.1', { forwarded }, { ...proxy, headers: 'forwarded' });
    const through = 'for=10.2.0.9;proto=http;host=inner';
    const edge = 'For="[2001:db8::7]:99" ; Proto=https ; Host="sotto.example:8443"'.replaceAll(' ;', ';');
    expect(await of(`for=1.1.1.1;proto=http;host=forged, ${edge}, ${through}`)).toEqual({
      origin: 'https://sotto.example:8443',
      client: '2001:db8::7',
      isProxied: true,
    });
    for (const unreadable of ['for=192.0.2.7;proto', 'for="192.0.2.7', 'for=1.1.1.1;for=192.0.2.7;proto=https', ';']) {
      expect(await of(unreadable)).toEqual({ ...asItLooks('10.0.0.1'), isProxied: true });
    }
    expect(await of('for=_hidden;proto=https;host=sotto.example')).toMatchObject({
      origin: 'https://sotto.example',
      client: '10.0.0.1',
    });
  });

  it('takes the host from the public address, which no header changes, and else from the request', async () => {
    const publicUrl = 'https://public.example';
    expect((await arrive('10.0.0.1', said, { ...proxy, publicUrl })).origin).toBe(publicUrl);
    expect((await arrive('10.0.0.9', said, { ...proxy, publicUrl })).origin).toBe('http://inside:7700');
    expect((await arrive('10.0.0.1', { 'x-forwarded-proto': 'https' }, proxy)).origin).toBe('https://inside:7700');
    // Nothing about the way it was reached: not the public address, and no TLS.
    const silent = { 'x-forwarded-for': '192.0.2.7' };
    expect((await arrive('10.0.0.1', silent, { ...proxy, publicUrl })).origin).toBe('http://inside:7700');
    for (const bad of [
      { 'x-forwarded-proto': 'ftp', 'x-forwarded-host': 'a' },
      { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a/b@c' },
    ]) {
      expect((await arrive('10.0.0.1', bad, proxy)).origin).toBe('http://inside:7700');
    }
  });

  it('refuses a proxy that is no address, everybody, or nobody', () => {
    for (const peer of [
      '',
      'proxy.example',
      '10.0.0.0/0',
      '10.0.0.0/33',
      '::/0',
      '10.0.0.1/8/8',
      '10.0.0.1:80',
      '10.0.0.0/x',
    ]) {
      expect(() => assertProxy({ peers: [peer] })).toThrow(RangeError);
    }
    expect(() => assertProxy({ peers: [] })).toThrow('at least one');
  });
});
