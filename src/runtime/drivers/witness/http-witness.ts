/**
 * Public witnesses over HTTP: `POST <prefix>/add-checkpoint`. [C2SP-witness]
 *
 * @module
 */

import {
  createWitnessClient,
  type NoteVerifier,
  type WitnessClient,
  type WitnessTransport,
} from '../../../trust/log/index.ts';

/** Where a witness is, and by which key it is known. */
export interface HttpWitnessOptions {
  /** The submission prefix. */
  readonly url: string;
  readonly verifier: NoteVerifier;
  readonly timeoutMs?: number;
  readonly fetch?: typeof fetch;
}

/** A few signatures are short; whoever sends more is not read to the end. */
const MAX_ANSWER_BYTES = 65_536;
const TIMEOUT_MS = 10_000;

/**
 * Creates the client of a witness.
 * @throws {RangeError} when the address is neither HTTPS nor on this machine.
 */
export function createHttpWitness({
  url,
  verifier,
  timeoutMs = TIMEOUT_MS,
  fetch: send = fetch,
}: HttpWitnessOptions): WitnessClient {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  const local = address !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(address.hostname);
  if (address === undefined || !(address.protocol === 'https:' || (address.protocol === 'http:' && local))) {
    throw new RangeError('"url" of a witness must begin with https://, or be on this machine');
  }
  const prefix = address.href.endsWith('/') ? address.href : `${address.href}/`;
  const post: WitnessTransport = async (request) => {
    const response = await send(new URL('add-checkpoint', prefix), {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: request,
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, body: await readShort(response) };
  };
  return createWitnessClient({ verifier, send: post, now: () => Math.floor(Date.now() / 1000) });
}

async function readShort(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    sizeBytes += part.length;
    if (sizeBytes > MAX_ANSWER_BYTES) throw new RangeError(`the answer has more than ${MAX_ANSWER_BYTES} bytes`);
    parts.push(part);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
}
