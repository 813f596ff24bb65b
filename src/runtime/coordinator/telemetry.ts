/**
 * What a coordinator tells a collector: its metrics, and an attempt at a round as a span with one child a stage. Numbers
 * and codes alone: no participant, no message of an error, nothing of data.
 *
 * @module
 */

import type { Registry } from 'prom-client';

import type { MetricFamily, TelemetrySpan } from '../drivers/index.ts';
import type { ServiceReport } from './served-task.ts';

/** The span of an attempt that has ended at `nowMs`, milliseconds since 1970. */
export function spanOfAttempt(taskId: string, report: ServiceReport, nowMs: number): TelemetrySpan {
  const { stages = [], outcome, code, epsilon, accuracy } = report;
  const begin = nowMs - report.seconds * 1000;
  return {
    name: 'sotto.attempt',
    startMs: begin,
    endMs: nowMs,
    attributes: {
      'sotto.task': taskId,
      'sotto.round': report.round,
      'sotto.attempt': report.attempt,
      'sotto.outcome': outcome,
      'sotto.contributors': report.contributors,
      'sotto.dropouts': report.dropouts,
      ...(epsilon === null ? {} : { 'sotto.epsilon': epsilon }),
      ...(accuracy === undefined ? {} : { 'sotto.accuracy': accuracy }),
    },
    ...(outcome === 'aborted' ? { failure: code ?? 'aborted' } : {}),
    children: stages.map(({ stage, expected, answered, startMs, endMs, sizeBytes }) => ({
      name: `sotto.stage.${stage}`,
      startMs: begin + startMs,
      endMs: endMs === null ? nowMs : begin + endMs,
      attributes: {
        'sotto.stage': stage,
        'sotto.expected': expected,
        'sotto.answered': answered,
        'sotto.bytes': sizeBytes,
      },
    })),
  };
}

/** Reads a registry of Prometheus metrics; what is neither a counter nor a gauge is left out. */
export async function readMetrics(registry: Registry): Promise<MetricFamily[]> {
  const families = await registry.getMetricsAsJSON();
  return families.flatMap(({ name, help, type, values }) => {
    const kind = String(type);
    if (kind !== 'counter' && kind !== 'gauge') return [];
    const points = values.flatMap(({ value, labels }) =>
      Number.isFinite(value) ? [{ value, labels: labels as MetricFamily['points'][number]['labels'] }] : [],
    );
    return [{ name, help, kind, points }];
  });
}
