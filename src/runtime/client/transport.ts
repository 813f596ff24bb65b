/**
 * Signed requests to a coordinator, by `fetch`: the same in Node, a page and a worker.
 *
 * @module
 */

import { decodeMail, type MailFrame, signRequest, SUPPORTED_VERSIONS } from '../../federation/wire/index.ts';
import { type SigningKey, utf8 } from '../../foundations/crypto/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { ClientError } from './errors.ts';

/** What joining gives. */
export interface Joined {
  readonly participant: string;
  /** The resolved task file, YAML. */
  readonly task: string;
  readonly inputShape: readonly number[];
  /** Hexadecimal. */
  readonly planDigest: string;
}

/** What an invitation is to, before it is accepted. */
export type Invited = Omit<Joined, 'participant'>;

/**
 * Asks what an invitation is to; it is not spent.
 * @throws {@link ClientError} `client/refused` when it is no longer good, `client/unreachable`.
 */
export async function fetchInvited({
  url,
  taskId,
  token,
  fetch: send = fetch,
}: {
  url: string;
  taskId: string;
  token: string;
  fetch?: typeof fetch;
}): Promise<Invited> {
  const address = new URL(`${url.replace(/\/+$/, '')}/v1/tasks/${encodeURIComponent(taskId)}/invitation`);
  const response = await reach(address, () => send(address, { headers: { 'sotto-invitation': token } }));
  return (await response.json()) as Invited;
}

/** Codes of OpenSSL, as Node has them, of a certificate that no known authority has signed. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Whether a connection failed by a certificate: asked again, it would fail again. */
export function isUntrusted(error: unknown): boolean {
  const { code } = ((error as { cause?: unknown } | undefined)?.cause ?? {}) as { code?: string };
  return code !== undefined && UNTRUSTED.has(code);
}

/** Sends, and turns what goes wrong into a {@link ClientError}. */
async function reach(address: URL, send: () => Promise<Response>): Promise<Response> {
  let response: Response;
  try {
    response = await send();
  } catch (cause) {
    // A connection that is refused for good, as one to another certificate.
    if (cause instanceof SottoError) throw cause;
    if (isUntrusted(cause)) {
      throw new ClientError(
        'client/unreachable',
        `the coordinator at ${address.origin} shows a certificate that nobody known here has signed: pin the ` +
          'fingerprint that its operator tells (--fingerprint)',
        { cause },
      );
    }
    throw new ClientError('client/unreachable', `the coordinator at ${address.origin} cannot be reached`, {
      cause,
      retryable: true,
    });
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as { type?: string; detail?: string; retryable?: boolean };
  throw new ClientError('client/refused', problem.detail ?? `the coordinator answered ${response.status}`, {
    retryable: problem.retryable ?? response.status >= 500,
    details: { type: problem.type ?? 'unknown', status: response.status },
  });
}

/** The coordinator, as a participant reaches it. */
export interface Transport {
  join(request: { label: string; token: string }): Promise<Joined>;
  /** Messages after a cursor; waits up to `waitMs` for the first. */
  mail(after: number, options: { waitMs: number; signal?: AbortSignal }): Promise<MailFrame[]>;
  /** The public key of a party that helps to form sums. */
  assistantKey(name: string): Promise<Uint8Array>;
  send(message: Uint8Array): Promise<void>;
  leave(): Promise<void>;
  /** Sends a challenge and returns the coordinator's answer, encoded. */
  attest(nonce: Uint8Array): Promise<Uint8Array>;
  /** Holds a stream of events open, from a cursor on: `onRing` is called for each. Resolves when it ends. */
  listen(after: number, on: { onOpen: () => void; onRing: () => void; signal: AbortSignal }): Promise<void>;
  status(): Promise<{ state: string; round: number; rounds: number }>;
}

/** Creates the transport to one task. */
export function createTransport({
  url,
  taskId,
  key,
  rng,
  now,
  fetch: send = fetch,
}: {
  /** Address of the coordinator. */
  url: string;
  taskId: string;
  key: SigningKey;
  rng: Rng;
  /** Milliseconds since 1970. */
  now: () => number;
  fetch?: typeof fetch;
}): Transport {
  const base = `${url.replace(/\/+$/, '')}/v1/tasks/${encodeURIComponent(taskId)}`;

  async function request(
    method: 'GET' | 'POST',
    path: string,
    { body = new Uint8Array(), type, signal }: { body?: Uint8Array; type?: string; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const address = new URL(`${base}${path}`);
    const authorization = signRequest(
      { method, path: `${address.pathname}${address.search}`, body },
      { key, timeMs: now() },
      rng,
    );
    return reach(address, () =>
      send(address, {
        method,
        headers: { authorization, ...(type === undefined ? {} : { 'content-type': type }) },
        ...(method === 'POST' ? { body: body.slice() } : {}),
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  }

  return {
    async join({ label, token }) {
      const body = utf8(JSON.stringify({ label, token, protocolVersions: SUPPORTED_VERSIONS }));
      return (await (await request('POST', '/participants', { body, type: 'application/json' })).json()) as Joined;
    },
    async mail(after, { waitMs, signal }) {
      const response = await request(
        'GET',
        `/mail?after=${after}&waitMs=${waitMs}`,
        signal === undefined ? {} : { signal },
      );
      return decodeMail(new Uint8Array(await response.arrayBuffer()));
    },
    async assistantKey(name) {
      const response = await request('GET', `/assistants/${encodeURIComponent(name)}/key`);
      return new Uint8Array(await response.arrayBuffer());
    },
    async send(message) {
      await request('POST', '/messages', { body: message, type: 'application/octet-stream' });
    },
    async leave() {
      await request('POST', '/leave');
    },
    async attest(nonce) {
      const response = await request('POST', '/attestation', { body: nonce, type: 'application/octet-stream' });
      return new Uint8Array(await response.arrayBuffer());
    },
    async listen(after, { onOpen, onRing, signal }) {
      const response = await request('GET', `/events?after=${after}`, { signal });
      if (response.body === null) return;
      onOpen();
      // An event that is cut in two rings at its second half; what it says is fetched, never read here.
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        if (/^(?:event: (?:mail|ended)|data: |id: )/m.test(chunk)) onRing();
      }
    },
    async status() {
      return (await (await request('GET', '')).json()) as { state: string; round: number; rounds: number };
    },
  };
}
