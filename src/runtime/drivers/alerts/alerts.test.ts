import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import type { Alert } from '../../../trust/monitoring/index.ts';
import { createMailSink } from './mail.ts';
import { createWebhookSink } from './webhook.ts';

const alert: Alert = {
  code: 'budget-spent',
  severity: 'critical',
  task: 'digits',
  subject: 'd',
  value: 0.96,
  limit: 0.95,
  detail: '96 % of the budget\r\nBcc: eve@example.org',
  at: new Date('2026-01-01T00:00:00Z'),
};
const step = { raised: [alert], resolved: [] };

async function listen<T extends { listen(port: number, host: string, done: () => void): unknown; address(): unknown }>(
  server: T,
) {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

describe('webhooks', () => {
  it('are signed, tried again, and say when nobody got them', async () => {
    const requests: { body: string; signature: string | undefined }[] = [];
    let refuse = 1;
    let status = 503;
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        requests.push({ body, signature: request.headers['sotto-signature'] as string | undefined });
        response.writeHead(refuse > 0 ? status : 204).end();
        refuse -= 1;
      });
    });
    const port = await listen(server);
    const url = `http://127.0.0.1:${port}/hook?key=CANARY`;
    const sink = createWebhookSink({ url, secret: 's', retryMs: 1 });
    await sink.deliver(step);
    expect(requests).toHaveLength(2);
    const { body, signature } = requests[1] as (typeof requests)[number];
    const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature ?? '') ?? [];
    expect(mac).toBe(createHmac('sha256', 's').update(`${time}.${body}`).digest('hex'));
    expect(JSON.parse(body)).toMatchObject({ raised: [{ code: 'budget-spent' }], resolved: [] });
    refuse = 9;
    await expect(sink.deliver(step)).rejects.toMatchObject({ code: 'alerts/not-delivered' });
    expect(requests).toHaveLength(5);
    status = 403;
    const error = await sink.deliver(step).catch((caught: unknown) => String(caught));
    expect([requests.length, error?.includes('CANARY'), sink.name.includes('CANARY')]).toEqual([6, false, false]);
    server.closeAllConnections();
    server.close();
  });

  it('go nowhere in the clear but this machine', () => {
    for (const url of ['http://example.org/', 'ftp://localhost/', 'nonsense']) {
      expect(() => createWebhookSink({ url })).toThrow('https://');
    }
  });
});

describe('mail', () => {
  it('is taken by a server, one message a step, with nothing smuggled into its headers', async () => {
    const lines: string[] = [];
    const server = createTcpServer((socket) => {
      let data = false;
      let rest = '';
      socket.write('220 test\r\n');
      socket.on('data', (chunk) => {
        rest += chunk.toString();
        const parts = rest.split('\r\n');
        rest = parts.pop() ?? '';
        for (const line of parts) {
          lines.push(line);
          if (data) {
            if (line === '.') {
              data = false;
              socket.write('250 taken\r\n');
            }
          } else if (/^EHLO/i.test(line)) socket.write('250 test\r\n');
          else if (/^DATA/i.test(line)) {
            data = true;
            socket.write('354 go\r\n');
          } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n');
          else socket.write('250 ok\r\n');
        }
      });
    });
    const port = await listen(server);
    const sink = createMailSink({
      url: `smtp://127.0.0.1:${port}`,
      from: 'sotto@example.org',
      to: ['ops@example.org'],
    });
    await sink.deliver(step);
    expect(lines.filter((line) => /^RCPT TO/i.test(line))).toEqual(['RCPT TO:<ops@example.org>']);
    expect(lines).toContain('Subject: Sotto digits critical: budget-spent');
    expect(lines.filter((line) => /^Bcc/i.test(line))).toEqual([]);
    server.close();
    await expect(sink.deliver(step)).rejects.toMatchObject({ code: 'alerts/not-delivered' });
  });

  it('shows its password to no server that does not speak TLS, beyond this machine', async () => {
    const heard: string[] = [];
    const server = createTcpServer((socket) => {
      socket.write('220 test\r\n');
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        heard.push(chunk.toString());
        // It takes passwords, and offers no STARTTLS.
        socket.write(/^EHLO/i.test(chunk.toString()) ? '250-test\r\n250 AUTH PLAIN LOGIN\r\n' : '502 no\r\n');
      });
    });
    // Another machine, as far as the sink can tell.
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.2', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const url = `smtp://ops:CANARY-password@127.0.0.2:${port}`;
    const sink = createMailSink({ url, from: 'sotto@example.org', to: ['ops@example.org'] });
    const error: unknown = await sink.deliver(step).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'alerts/not-delivered' });
    expect(`${inspect(error)} ${sink.name}`).not.toContain('CANARY');
    expect(heard.join('')).not.toMatch(/AUTH|MAIL FROM|CANARY|Q0FOQVJZ/);
    server.close();
  });

  it('is refused without a server or anybody to tell', () => {
    expect(() => createMailSink({ url: 'http://x', from: 'a', to: ['b'] })).toThrow('smtps://');
    expect(() => createMailSink({ url: 'smtp://x', from: 'a', to: [] })).toThrow('at least one');
  });
});
