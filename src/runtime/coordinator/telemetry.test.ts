/** A served task under a collector: every attempt a trace, the metrics of `/metrics`, and nobody named. */
import { rmSync } from 'node:fs';

import { expect, it } from 'vitest';

import { createDatabaseFolder } from '../../../test/harness/database-folder.ts';
import { smallTask, startParticipant, until } from '../../../test/harness/service.ts';
import { createTelemetry } from '../drivers/index.ts';
import { serve } from './serve.ts';

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface Span {
  readonly name: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly Attribute[];
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

it('a served task: a trace an attempt with a span a stage, the metrics, and no participant', async () => {
  const bodies: { path: string; text: string }[] = [];
  const telemetry = createTelemetry({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.test:4318' },
    version: '1',
    onFailure: (reason) => expect.fail(reason),
    fetch: (input, init) => {
      bodies.push({ path: new URL(input as string).pathname, text: init?.body as string });
      return Promise.resolve(new Response('{}'));
    },
  });
  if (telemetry === undefined) throw new Error('no telemetry');
  const folder = await createDatabaseFolder();
  const served = await serve({
    folder,
    host: '127.0.0.1',
    port: 0,
    telemetry,
    factsOf: (task) => Promise.resolve({ inputShape: task.model.input ?? [6] }),
    log: () => {},
  });
  const begin = Date.now();
  const { id } = (await served.service.createTask(smallTask({ rounds: 2, stageTimeoutMs: 15_000 }))).status();
  const participants = await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (name) =>
      startParticipant(name, { url: served.url, taskId: id, token: (await served.service.invite(id)).token }),
    ),
  );
  await Promise.all(participants.map(({ finished }) => finished));
  await until(() => bodies.filter(({ path }) => path === '/v1/traces').length === 2);
  await served.close();
  rmSync(folder, { recursive: true, force: true });

  const spans = bodies
    .filter(({ path }) => path === '/v1/traces')
    .map(
      ({ text }) =>
        (JSON.parse(text) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }).resourceSpans[0]?.scopeSpans[0]
          ?.spans ?? [],
    );
  for (const [i, [root, ...stages]] of spans.entries()) {
    expect(root?.name).toBe('sotto.attempt');
    expect(root?.attributes).toEqual(
      expect.arrayContaining([
        { key: 'sotto.task', value: { stringValue: id } },
        { key: 'sotto.round', value: { intValue: String(i + 1) } },
        { key: 'sotto.outcome', value: { stringValue: 'committed' } },
        { key: 'sotto.contributors', value: { intValue: '4' } },
        { key: 'sotto.epsilon', value: { doubleValue: expect.any(Number) as number } },
      ]),
    );
    expect(stages.map(({ name }) => name)).toEqual(
      ['advertiseKeys', 'shareKeys', 'maskedInput', 'unmask'].map((stage) => `sotto.stage.${stage}`),
    );
    for (const { parentSpanId, startTimeUnixNano, endTimeUnixNano } of stages) {
      expect(parentSpanId).toBe(root?.spanId);
      expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
      // By the wall clock, within this test; milliseconds of rounding aside.
      expect(Number(BigInt(startTimeUnixNano) / 1_000_000n)).toBeGreaterThanOrEqual(begin - 50);
      expect(Number(BigInt(endTimeUnixNano) / 1_000_000n)).toBeLessThanOrEqual(Date.now() + 50);
    }
  }
  const metrics = bodies.find(({ path }) => path === '/v1/metrics')?.text ?? '';
  const { resourceMetrics } = JSON.parse(metrics) as {
    resourceMetrics: { scopeMetrics: { metrics: { name: string; gauge?: unknown; sum?: unknown }[] }[] }[];
  };
  const named = new Map(resourceMetrics[0]?.scopeMetrics[0]?.metrics.map((metric) => [metric.name, metric]));
  expect(named.get('sotto_round')?.gauge).toMatchObject({ dataPoints: [{ asDouble: 2 }] });
  expect(named.get('sotto_attempts_total')?.sum).toMatchObject({
    isMonotonic: true,
    dataPoints: [
      {
        asDouble: 2,
        attributes: expect.arrayContaining([{ key: 'outcome', value: { stringValue: 'committed' } }]) as unknown,
      },
    ],
  });
  expect(bodies.map(({ text }) => text).join('')).not.toMatch(/"p-[0-9a-f]{16}"/);
});
