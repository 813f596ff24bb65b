/**
 * The body of a request between parties.
 *
 * @module
 */

import type { IncomingMessage } from 'node:http';

/**
 * Reads a body to its end.
 * @returns its bytes, in a buffer of their own (views of wider words need an aligned start), or nothing when there are
 * more than `maxBytes`; what is above that is not kept.
 */
export async function collectBody(message: IncomingMessage, maxBytes: number): Promise<Uint8Array | undefined> {
  if (Number(message.headers['content-length'] ?? 0) > maxBytes) return undefined;
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of message as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBytes) return undefined;
    parts.push(part);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}
