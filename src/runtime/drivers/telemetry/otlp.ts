/**
 * OpenTelemetry by its wire protocol: metrics and spans as OTLP/JSON over HTTP to a collector, configured by the standard
 * environment variables. The protocol is stable and small; the official SDK is thirty times the size of what is used here.
 * A collector that is away or refuses is told to the log and never holds anything up.
 *
 * Sources: OTLP Specification 1.x (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP": JSON Protobuf encoding, Failures,
 * Throttling); OpenTelemetry Environment Variable Specification.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises';

import { toHex } from '../../../foundations/crypto/index.ts';
import { readEntropy } from '../../../foundations/random/index.ts';
import { readOtlpSettings } from './settings.ts';

export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** A number at a moment. */
export interface MetricPoint {
  readonly value: number;
  readonly labels: Attributes;
}

/** Some numbers of one name. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  /** A counter only grows, from the start of the process on. */
  readonly kind: 'counter' | 'gauge';
  readonly points: readonly MetricPoint[];
}

/** A stretch of time with what is known of it, and the stretches it consists of. Times are milliseconds since 1970. */
export interface TelemetrySpan {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** Code of what went wrong. */
  readonly failure?: string;
  readonly children?: readonly TelemetrySpan[];
}

/** Sends metrics and spans. */
export interface Telemetry {
  /** Asks for the metrics before each export, from now on. */
  observe(read: () => Promise<readonly MetricFamily[]>): void;
  /** Hands over a span with its children: one trace. */
  trace(span: TelemetrySpan): void;
  /** Sends what is left and ends. */
  close(): Promise<void>;
}

/** What the exporter works with. */
export interface TelemetryOptions {
  /** Variables that begin with `OTEL_`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the service, as `service.version`. */
  readonly version: string;
  /** Hears of exports that failed; never of values. */
  readonly onFailure: (reason: string) => void;
  readonly fetch?: typeof fetch;
  /** Pause before the second try; doubles. */
  readonly retryMs?: number;
}

/** Spans that wait for a collector; the oldest are dropped first. */
const MAX_WAITING_SPANS = 2048;
const ATTEMPTS = 4;
const MAX_RETRY_AFTER_MS = 30_000;
/** Answers after which the same export may be tried again [OTLP, Retryable Response Codes]. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);
/** `AGGREGATION_TEMPORALITY_CUMULATIVE`. */
const CUMULATIVE = 2;
/** `SPAN_KIND_INTERNAL`. */
const INTERNAL = 1;
/** `STATUS_CODE_ERROR`. */
const ERROR = 2;

/**
 * Starts the exporter where the environment names a collector; undefined where it does not.
 * @throws {@link TelemetryError} `telemetry/settings` for settings that cannot be followed.
 */
export function createTelemetry({
  env,
  version,
  onFailure,
  fetch: send = fetch,
  retryMs = 1000,
}: TelemetryOptions): Telemetry | undefined {
  const settings = readOtlpSettings(env);
  if (settings === undefined) return undefined;
  const { metricsUrl, tracesUrl, headers, timeoutMs, intervalMs } = settings;
  const startTime = nanos(Date.now());
  const resource = {
    attributes: attributesOf({ 'service.name': 'sotto', 'service.version': version, ...settings.resource }),
  };
  const scope = { name: 'sotto', version };
  const readers: (() => Promise<readonly MetricFamily[]>)[] = [];
  let waiting: object[] = [];
  let dropped = 0;
  let last: Promise<void> = Promise.resolve();
  const ending = new AbortController();

  /** One export, tried again where the protocol says so. @returns whether the collector has it. */
  async function post(url: string, body: object, what: string): Promise<boolean> {
    const text = JSON.stringify(body);
    for (let attempt = 1; ; attempt += 1) {
      let wait = retryMs * 2 ** (attempt - 1);
      let reason: string;
      try {
        const response = await send(url, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: text,
          redirect: 'error',
          signal: AbortSignal.timeout(timeoutMs),
        });
        const answer = await response.text();
        if (response.ok) {
          const rejected = rejectedIn(answer);
          if (rejected > 0) onFailure(`the collector took the ${what}, less ${rejected} of them`);
          return true;
        }
        reason = `the collector answered ${response.status} to ${what}`;
        if (!RETRYABLE.has(response.status)) {
          onFailure(reason);
          return false;
        }
        const after = Number(response.headers.get('retry-after') ?? Number.NaN) * 1000;
        if (after >= 0) wait = Math.min(after, MAX_RETRY_AFTER_MS);
      } catch {
        reason = `the collector does not answer: ${what} wait`;
      }
      if (attempt >= ATTEMPTS || ending.signal.aborted) {
        onFailure(reason);
        return false;
      }
      await delay(wait, undefined, { signal: ending.signal }).catch(() => {});
    }
  }

  async function exportMetrics(): Promise<void> {
    if (readers.length === 0) return;
    const families = (await Promise.all(readers.map((read) => read()))).flat();
    const time = nanos(Date.now());
    const metrics = families.map(({ name, help, kind, points }) => {
      const dataPoints = points.map(({ value, labels }) => ({
        attributes: attributesOf(labels),
        ...(kind === 'counter' ? { startTimeUnixNano: startTime } : {}),
        timeUnixNano: time,
        asDouble: value,
      }));
      const data =
        kind === 'counter'
          ? { sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } }
          : { gauge: { dataPoints } };
      return { name, description: help, ...data };
    });
    await post(metricsUrl, { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }] }, 'metrics');
  }

  async function exportSpans(): Promise<void> {
    if (waiting.length === 0) return;
    const spans = waiting;
    waiting = [];
    if (dropped > 0) onFailure(`${dropped} spans were dropped while the collector was away`);
    dropped = 0;
    const kept = await post(tracesUrl, { resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] }, 'spans');
    if (!kept) hold(spans, { first: true });
  }

  function hold(spans: readonly object[], { first = false } = {}): void {
    const all = first ? [...spans, ...waiting] : [...waiting, ...spans];
    dropped += Math.max(0, all.length - MAX_WAITING_SPANS);
    waiting = all.slice(-MAX_WAITING_SPANS);
  }

  /** Exports never overlap, and a failing one fails nothing else. */
  function flush(...exports: readonly (() => Promise<void>)[]): Promise<void> {
    last = last.then(async () => {
      for (const each of exports) {
        await each().catch((error: unknown) => onFailure(error instanceof Error ? error.message : String(error)));
      }
    });
    return last;
  }

  const timer = setInterval(() => void flush(exportMetrics, exportSpans), intervalMs);
  timer.unref();
  return {
    observe: (read) => void readers.push(read),
    trace(span) {
      hold(encodeTrace(span));
      void flush(exportSpans);
    },
    async close() {
      clearInterval(timer);
      ending.abort();
      await flush(exportMetrics, exportSpans);
    },
  };
}

/** A span and what is below it, as OTLP has them: flat, each naming its parent. */
function encodeTrace(root: TelemetrySpan): object[] {
  const traceId = toHex(readEntropy(16));
  const spans: object[] = [];
  const add = ({ name, startMs, endMs, attributes, failure, children = [] }: TelemetrySpan, parent?: string): void => {
    const spanId = toHex(readEntropy(8));
    spans.push({
      traceId,
      spanId,
      ...(parent === undefined ? {} : { parentSpanId: parent }),
      name,
      kind: INTERNAL,
      startTimeUnixNano: nanos(startMs),
      endTimeUnixNano: nanos(endMs),
      attributes: attributesOf(attributes),
      status: failure === undefined ? {} : { code: ERROR, message: failure },
    });
    for (const child of children) add(child, spanId);
  };
  add(root);
  return spans;
}

/** 64-bit integers are strings in the JSON encoding. */
function nanos(ms: number): string {
  return String(BigInt(Math.round(ms * 1000)) * 1000n);
}

function attributesOf(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: encodeValue(value) }));
}

function encodeValue(value: AttributeValue): object {
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'string') return { stringValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** What a collector says it did not take [OTLP, Partial Success]. */
function rejectedIn(answer: string): number {
  try {
    const { partialSuccess = {} } = JSON.parse(answer) as {
      partialSuccess?: { rejectedDataPoints?: string | number; rejectedSpans?: string | number };
    };
    return Number(partialSuccess.rejectedDataPoints ?? partialSuccess.rejectedSpans ?? 0);
  } catch {
    return 0;
  }
}
