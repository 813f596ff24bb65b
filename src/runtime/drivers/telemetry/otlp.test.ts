/** A collector on this machine: what arrives is what OTLP/JSON says, tried again where it may be, and nothing else. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { until } from '../../../../test/harness/service.ts';
import { createTelemetry, type Telemetry, type TelemetryOptions } from './otlp.ts';

interface Export {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
}

let server: Server;
let endpoint: string;
let exports: Export[] = [];
/** Status and headers of the next answers; 200 when there are none. */
let answers: { status: number; headers?: Record<string, string>; body?: string }[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
      exports.push({ path: request.url ?? '', headers: request.headers, body });
      const { status, headers, body: text = '{}' } = answers.shift() ?? { status: 200 };
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(text);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(() => {
  exports = [];
  answers = [];
});

const failures: string[] = [];
function start(env: Record<string, string> = {}, options: Partial<TelemetryOptions> = {}): Telemetry {
  failures.length = 0;
  const made = createTelemetry({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `${endpoint}/`, ...env },
    version: '1.2.3',
    onFailure: (reason) => failures.push(reason),
    retryMs: 5,
    ...options,
  });
  if (made === undefined) throw new Error('no telemetry was made');
  return made;
}

const SPAN = {
  name: 'sotto.attempt',
  startMs: 1_700_000_000_000.25,
  endMs: 1_700_000_002_000,
  attributes: { 'sotto.task': 't', 'sotto.round': 3, 'sotto.epsilon': 0.5, 'sotto.flag': true },
  failure: 'secagg/too-few-survivors',
  children: [{ name: 'sotto.stage.shareKeys', startMs: 1_700_000_000_001, endMs: 1_700_000_001_000, attributes: {} }],
};

describe('telemetry', () => {
  it('is off where no collector is named, or it is switched off', () => {
    const options = { version: '1', onFailure: () => {} };
    expect(createTelemetry({ ...options, env: {} })).toBeUndefined();
    expect(createTelemetry({ ...options, env: { OTEL_EXPORTER_OTLP_ENDPOINT: '' } })).toBeUndefined();
    expect(
      createTelemetry({ ...options, env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SDK_DISABLED: 'TRUE' } }),
    ).toBeUndefined();
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'secret'],
    ['OTEL_EXPORTER_OTLP_TIMEOUT', '-1'],
    ['OTEL_METRIC_EXPORT_INTERVAL', 'often'],
  ])('refuses %s=%s by name, and shows no value of a header', (name, value) => {
    expect(() => start({ [name]: value })).toThrow(
      expect.objectContaining({ code: 'telemetry/settings', details: { name } }),
    );
    if (name.endsWith('HEADERS')) expect(() => start({ [name]: value })).not.toThrow(/secret/);
  });

  it('sends a span with its children as one trace, with times, parents, kinds and status', async () => {
    const telemetry = start({
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc, x-team=ml',
      OTEL_SERVICE_NAME: 'hospital',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
    });
    telemetry.trace(SPAN);
    await until(() => exports.length === 1);
    await telemetry.close();
    const [{ path, headers, body } = { path: '', headers: {}, body: {} }] = exports;
    expect([path, headers.authorization, headers['x-team'], headers['content-type']]).toEqual([
      '/v1/traces',
      'Bearer abc',
      'ml',
      'application/json',
    ]);
    const { resourceSpans } = body as { resourceSpans: { resource: unknown; scopeSpans: { spans: Span[] }[] }[] };
    expect(resourceSpans[0]?.resource).toEqual({
      attributes: [
        { key: 'service.name', value: { stringValue: 'hospital' } },
        { key: 'service.version', value: { stringValue: '1.2.3' } },
        { key: 'deployment.environment', value: { stringValue: 'test' } },
      ],
    });
    const [root, child] = resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
    expect(root).toMatchObject({
      name: 'sotto.attempt',
      kind: 1,
      startTimeUnixNano: '1700000000000250000',
      endTimeUnixNano: '1700000002000000000',
      status: { code: 2, message: 'secagg/too-few-survivors' },
      attributes: [
        { key: 'sotto.task', value: { stringValue: 't' } },
        { key: 'sotto.round', value: { intValue: '3' } },
        { key: 'sotto.epsilon', value: { doubleValue: 0.5 } },
        { key: 'sotto.flag', value: { boolValue: true } },
      ],
    });
    expect([root?.traceId, root?.spanId, root?.parentSpanId]).toEqual([
      expect.stringMatching(/^[0-9a-f]{32}$/),
      expect.stringMatching(/^[0-9a-f]{16}$/),
      undefined,
    ]);
    expect(child).toMatchObject({ traceId: root?.traceId, parentSpanId: root?.spanId, status: {} });
    expect(child?.spanId).not.toBe(root?.spanId);
  });

  it('sends metrics at every interval and at the end: gauges as they are, counters cumulative since the start', async () => {
    const telemetry = start({ OTEL_METRIC_EXPORT_INTERVAL: '20' });
    let attempts = 0;
    telemetry.observe(() =>
      Promise.resolve([
        { name: 'sotto_round', help: 'rounds', kind: 'gauge', points: [{ value: 2, labels: { task: 't' } }] },
        {
          name: 'sotto_attempts_total',
          help: 'attempts',
          kind: 'counter',
          points: [{ value: (attempts += 1), labels: {} }],
        },
      ]),
    );
    await until(() => exports.length >= 2);
    await telemetry.close();
    const sent = exports.map(({ path, body }) => {
      expect(path).toBe('/v1/metrics');
      const { resourceMetrics } = body as { resourceMetrics: { scopeMetrics: { metrics: Metric[] }[] }[] };
      return resourceMetrics[0]?.scopeMetrics[0]?.metrics ?? [];
    });
    expect(sent[0]?.[0]).toMatchObject({
      name: 'sotto_round',
      description: 'rounds',
      gauge: { dataPoints: [{ asDouble: 2, attributes: [{ key: 'task', value: { stringValue: 't' } }] }] },
    });
    const sums = sent.map((metrics) => metrics[1]?.sum);
    for (const [i, sum] of sums.entries()) {
      expect(sum).toMatchObject({ aggregationTemporality: 2, isMonotonic: true });
      expect(sum?.dataPoints[0]?.asDouble).toBe(i + 1);
      expect(sum?.dataPoints[0]?.startTimeUnixNano).toBe(sums[0]?.dataPoints[0]?.startTimeUnixNano);
    }
  });

  it('tries again where the protocol says so, no sooner than it is told, and only there', async () => {
    const telemetry = start({}, { retryMs: 5 });
    answers = [{ status: 503 }, { status: 429, headers: { 'retry-after': '0.2' } }];
    const begin = performance.now();
    telemetry.trace(SPAN);
    await until(() => exports.length === 3);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(200);
    expect(new Set(exports.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(failures).toEqual([]);
    answers = [{ status: 400 }];
    telemetry.trace(SPAN);
    await until(() => failures.length === 1);
    expect([exports.length, failures[0]]).toEqual([4, 'the collector answered 400 to spans']);
    answers = [{ status: 200, body: '{"partialSuccess":{"rejectedSpans":"2"}}' }];
    telemetry.trace(SPAN);
    await until(() => failures.length === 2);
    expect(failures[1]).toMatch(/less 2 of them/);
    await telemetry.close();
  });

  it('keeps spans for a collector that comes back, a bounded number of them, and ends without it', async () => {
    let away = true;
    const telemetry = start(
      {},
      {
        retryMs: 1,
        fetch: (input, init) => (away ? Promise.reject(new TypeError('fetch failed')) : fetch(input, init)),
      },
    );
    for (let i = 0; i < 1100; i += 1) telemetry.trace(SPAN);
    await until(() => failures.length > 0);
    away = false;
    telemetry.trace(SPAN);
    await until(() => exports.length > 0);
    await telemetry.close();
    const spans = exports.flatMap(({ body }) => {
      const { resourceSpans } = body as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
      return resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
    });
    expect(spans.length).toBeGreaterThan(2000);
    expect(spans.length).toBeLessThanOrEqual(2048 + 2);
    expect(failures.some((reason) => /spans were dropped/.test(reason))).toBe(true);
    away = true;
    const alone = start({}, { fetch: () => Promise.reject(new TypeError('fetch failed')), retryMs: 60_000 });
    alone.trace(SPAN);
    const begin = performance.now();
    await alone.close();
    expect(performance.now() - begin).toBeLessThan(5000);
  });
});

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}
interface Metric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly { readonly asDouble: number; readonly startTimeUnixNano: string }[] };
}
