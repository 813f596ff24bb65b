/**
 * Where a coordinator's alerts go: addresses by option, secrets from the environment.
 *
 * @module
 */

import { createMailSink, createWebhookSink } from '../runtime/drivers/index.ts';
import type { AlertSink } from '../trust/monitoring/index.ts';
import { UsageError } from './exit-codes.ts';

/** Makes the sinks. */
export function alertSinks({
  alertWebhook,
  alertMail,
}: {
  readonly alertWebhook: readonly string[];
  readonly alertMail: readonly string[];
}): readonly AlertSink[] {
  const secret = process.env.SOTTO_WEBHOOK_SECRET;
  const url = process.env.SOTTO_SMTP_URL;
  if (alertMail.length > 0 && url === undefined) {
    throw new UsageError('--alert-mail needs SOTTO_SMTP_URL: smtps://user:password@host');
  }
  try {
    return [
      ...alertWebhook.map((address) =>
        createWebhookSink({ url: address, ...(secret === undefined ? {} : { secret }) }),
      ),
      ...(alertMail.length === 0 || url === undefined
        ? []
        : [createMailSink({ url, from: process.env.SOTTO_MAIL_FROM ?? 'sotto@localhost', to: alertMail })]),
    ];
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}
