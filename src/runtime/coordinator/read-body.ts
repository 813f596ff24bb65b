/**
 * Reads a body of announced length straight from the socket into one buffer. The body of a web request passes two streams
 * and three copies on its way, which for vectors is most of what serving them costs.
 *
 * @module
 */

import type { IncomingMessage } from 'node:http';

import type { Context } from 'hono';

import { CoordinatorError } from './errors.ts';

/** How many bytes a request says its body has; undefined when it comes in chunks or says nothing. */
export function announcedLength({ req }: Context): number | undefined {
  const length = Number(req.header('content-length') ?? Number.NaN);
  const whole = Number.isSafeInteger(length) && length >= 0 && req.header('transfer-encoding') === undefined;
  return whole ? length : undefined;
}

/**
 * Reads the body of a request; without a socket or an announced length, as any other.
 * @throws {@link CoordinatorError} `coordinator/malformed-request` when the body is not as long as announced.
 */
export async function readBody(context: Context): Promise<Uint8Array> {
  const { incoming } = (context.env ?? {}) as { incoming?: IncomingMessage };
  const announced = announcedLength(context);
  if (incoming === undefined || announced === undefined) return new Uint8Array(await context.req.arrayBuffer());
  const body = Buffer.allocUnsafeSlow(announced);
  let filled = 0;
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause?: unknown): void =>
      reject(new CoordinatorError('coordinator/malformed-request', 'the body is not as long as announced', { cause }));
    // Whoever has hung up while waiting for a turn sends no event any more.
    if (incoming.destroyed) refuse();
    incoming.on('data', (chunk: Buffer) => {
      if (filled + chunk.length > announced) refuse();
      else filled += chunk.copy(body, filled);
    });
    incoming.once('error', refuse);
    const hangUp = (): void => refuse();
    incoming.once('close', hangUp);
    incoming.once('end', () => {
      incoming.off('close', hangUp);
      if (filled === announced) resolve();
      else refuse();
    });
  });
  return new Uint8Array(body.buffer, 0, announced);
}
