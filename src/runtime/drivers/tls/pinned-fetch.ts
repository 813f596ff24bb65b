/**
 * `fetch` over TLS with what the built-in one cannot do: a coordinator whose certificate is pinned by its fingerprint, and a
 * certificate of one's own. Nothing is written to a connection before its peer is the right one.
 *
 * @module
 */

import { Agent, request } from 'node:https';
import { Readable } from 'node:stream';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';

import { TlsError } from './errors.ts';

/** Whom to accept, and who one is. */
export interface PinnedFetchOptions {
  /** SHA-256 of the coordinator's certificate, 64 hexadecimal digits, colons allowed. */
  readonly fingerprint?: string;
  /** Authorities to accept in place of the system's, PEM. */
  readonly authorities?: string;
  /** Own certificate and key, PEM, where the coordinator asks for one. */
  readonly identity?: { readonly certificate: string; readonly key: string };
}

/** Writes a fingerprint as 64 lower-case hexadecimal digits. @throws {RangeError} when it is none. */
export function parseFingerprint(text: string): string {
  const plain = text
    .replace(/^sha256:/i, '')
    .replaceAll(':', '')
    .toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(plain)) throw new RangeError('a fingerprint is the 64 hexadecimal digits of a SHA-256');
  return plain;
}

/** Opens connections; hands one over once its peer has shown the pinned certificate. */
class PinningAgent extends Agent {
  readonly #expected: string;

  constructor(expected: string, options: ConnectionOptions) {
    // The pin takes the place of the chain and the name: a self-signed certificate has neither.
    super({ ...options, keepAlive: true, rejectUnauthorized: false });
    this.#expected = expected;
  }

  override createConnection(
    options: ConnectionOptions,
    callback?: (error: Error | null, socket: TLSSocket) => void,
  ): undefined {
    const socket = connect({ ...options, rejectUnauthorized: false });
    const done = (error: Error | null): void => callback?.(error, socket);
    socket.once('error', done);
    socket.once('secureConnect', () => {
      socket.off('error', done);
      const shown = socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase();
      if (shown === this.#expected) {
        done(null);
        return;
      }
      socket.destroy();
      done(
        new TlsError(
          'tls/wrong-fingerprint',
          `the coordinator shows another certificate than the pinned one (sha256:${shown ?? 'none'}): ` +
            'compare it with what its operator says; nothing was sent',
        ),
      );
    });
    return undefined;
  }
}

/** Creates a `fetch` for one coordinator. Addresses without TLS are refused where something was pinned. */
export function createPinnedFetch({ fingerprint, authorities, identity }: PinnedFetchOptions): typeof fetch {
  const tls: ConnectionOptions = {
    ...(authorities === undefined ? {} : { ca: authorities }),
    ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
  };
  const agent =
    fingerprint === undefined
      ? new Agent({ ...tls, keepAlive: true })
      : new PinningAgent(parseFingerprint(fingerprint), tls);

  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const url = new URL(input instanceof Request ? input.url : input);
      if (url.protocol !== 'https:') {
        reject(
          new TlsError('tls/wrong-fingerprint', `${url.origin} has no certificate: the address must begin with https:`),
        );
        return;
      }
      const { method = 'GET', body, signal } = init;
      const headers = Object.fromEntries(new Headers(init.headers).entries());
      const bytes =
        body instanceof Uint8Array ? body : typeof body === 'string' ? new TextEncoder().encode(body) : undefined;
      const sending = request(
        url,
        {
          method,
          agent,
          headers: { ...headers, ...(bytes === undefined ? {} : { 'content-length': bytes.length }) },
          ...(signal == null ? {} : { signal }),
        },
        (response) => {
          const { statusCode = 500 } = response;
          const given = new Headers();
          for (const [name, value] of Object.entries(response.headers)) {
            if (value !== undefined) given.set(name, Array.isArray(value) ? value.join(', ') : value);
          }
          const empty = statusCode === 204 || statusCode === 304 || method === 'HEAD';
          if (empty) response.resume();
          const stream = empty ? null : (Readable.toWeb(response) as ReadableStream<Uint8Array>);
          resolve(new Response(stream, { status: statusCode, headers: given }));
        },
      );
      sending.on('error', reject);
      sending.end(bytes);
    });
}
