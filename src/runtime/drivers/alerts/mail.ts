/**
 * Alerts by e-mail over SMTP.
 *
 * @module
 */

import type { Alert, AlertSink } from '../../../trust/monitoring/index.ts';
import { AlertError } from './errors.ts';

/** Server and addresses. */
export interface MailOptions {
  /** `smtps://user:password@host` or `smtp://…`, which is upgraded to TLS unless it is on this machine. */
  readonly url: string;
  readonly from: string;
  readonly to: readonly string[];
}

/** Takes line breaks out of what goes into a header. */
const oneLine = (text: string): string => text.replaceAll(/[\r\n]+/g, ' ').slice(0, 200);

function lineOf({ severity, code, task, detail, at }: Alert): string {
  return `[${severity}] ${task}: ${oneLine(detail)} (${code}, ${at.toISOString()})`;
}

/** Creates the sink. @throws {RangeError} when the address of the server is none, or nobody is to be told. */
export function createMailSink({ url, from, to }: MailOptions): AlertSink {
  const server = URL.canParse(url) ? new URL(url) : undefined;
  if (server === undefined || !['smtp:', 'smtps:'].includes(server.protocol)) {
    throw new RangeError('"url" of the mail server must begin with smtps:// or smtp://');
  }
  if (to.length === 0) throw new RangeError('"to" must name at least one address');
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(server.hostname);
  return {
    name: `mail ${server.host}`,
    async deliver({ raised, resolved }) {
      const { createTransport } = await import('nodemailer');
      const secure = server.protocol === 'smtps:';
      const transport = createTransport({
        host: server.hostname.replaceAll(/[[\]]/g, ''),
        port: server.port === '' ? (secure ? 465 : 587) : Number(server.port),
        secure,
        requireTLS: !secure && !local,
        tls: { minVersion: 'TLSv1.2' },
        ...(server.username === ''
          ? {}
          : { auth: { user: decodeURIComponent(server.username), pass: decodeURIComponent(server.password) } }),
        disableFileAccess: true,
        disableUrlAccess: true,
        connectionTimeout: 10_000,
        greetingTimeout: 10_000,
        socketTimeout: 20_000,
      });
      const first = raised[0] ?? resolved[0];
      if (first === undefined) return;
      const more = raised.length + resolved.length - 1;
      const what = raised.length > 0 ? `${first.severity}: ${first.code}` : `over: ${first.code}`;
      const parts = [...raised.map(lineOf), ...resolved.map((alert) => `[over] ${lineOf(alert)}`)];
      try {
        await transport.sendMail({
          from,
          to: [...to],
          subject: oneLine(`Sotto ${first.task} ${what}${more > 0 ? ` and ${more} more` : ''}`),
          text: `${parts.join('\n')}\n`,
        });
      } catch {
        // The library's error may quote the dialogue with the server, credentials among it.
        throw new AlertError('alerts/not-delivered', `the mail server at ${server.host} did not take the alert`, {
          retryable: true,
        });
      } finally {
        transport.close();
      }
    },
  };
}
