/**
 * Alerts to a web address: JSON, signed so that the receiver knows who sent it and when.
 *
 * @module
 */

import { createHmac } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import type { AlertSink } from '../../../trust/monitoring/index.ts';
import { AlertError } from './errors.ts';

/** Where to, and the secret shared with the receiver. */
export interface WebhookOptions {
  readonly url: string;
  /** Signs `TIME.BODY` with HMAC-SHA256 in the header `sotto-signature: t=TIME,v1=HEX`. */
  readonly secret?: string;
  readonly attempts?: number;
  readonly retryMs?: number;
  readonly timeoutMs?: number;
}

/**
 * Creates the sink.
 * @throws {RangeError} when the address is neither HTTPS nor on this machine.
 */
export function createWebhookSink({
  url,
  secret,
  attempts = 3,
  retryMs = 1000,
  timeoutMs = 10_000,
}: WebhookOptions): AlertSink {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  const local = address !== undefined && ['localhost', '127.0.0.1', '[::1]'].includes(address.hostname);
  if (address === undefined || !(address.protocol === 'https:' || (address.protocol === 'http:' && local))) {
    throw new RangeError('"url" of a webhook must begin with https://, or be on this machine');
  }
  return {
    name: `webhook ${address.host}`,
    async deliver({ raised, resolved }) {
      const body = JSON.stringify({ raised, resolved });
      for (let attempt = 1; ; attempt += 1) {
        const time = Math.floor(Date.now() / 1000);
        const signature =
          secret === undefined ? undefined : createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
        const status = await fetch(address, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            ...(signature === undefined ? {} : { 'sotto-signature': `t=${time},v1=${signature}` }),
          },
          body,
          redirect: 'error',
          signal: AbortSignal.timeout(timeoutMs),
        }).then(
          async (response) => {
            await response.body?.cancel();
            return response.status;
          },
          () => 0,
        );
        if (status >= 200 && status < 300) return;
        if (attempt >= attempts || (status >= 400 && status < 500 && status !== 429)) {
          const what = status === 0 ? 'does not answer' : `answered ${status}`;
          throw new AlertError('alerts/not-delivered', `the webhook at ${address.host} ${what}`, { retryable: true });
        }
        await delay(retryMs * 2 ** (attempt - 1));
      }
    },
  };
}
