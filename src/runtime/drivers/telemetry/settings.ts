/**
 * What the environment says about telemetry, by the names that every OpenTelemetry SDK reads.
 *
 * @module
 */

import { SottoError } from '../../../foundations/numerics/index.ts';

/** Settings that cannot be followed. */
export class TelemetryError extends SottoError<'telemetry/settings'> {}

/** Where to send, and how. */
export interface OtlpSettings {
  readonly metricsUrl: string;
  readonly tracesUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Between two exports of metrics. */
  readonly intervalMs: number;
  readonly resource: Readonly<Record<string, string>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings; undefined where no collector is named, or `OTEL_SDK_DISABLED` is `true`.
 * @throws {@link TelemetryError} naming the variable and what it may be.
 */
export function readOtlpSettings(env: Environment): OtlpSettings | undefined {
  if (env.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return undefined;
  const base = filled(env.OTEL_EXPORTER_OTLP_ENDPOINT);
  // A signal's own address is taken as it is; the common one is what paths are appended to.
  const urlOf = (name: string, path: string): string | undefined => {
    const own = filled(env[name]);
    if (own !== undefined) return assertUrl(name, own);
    return base && assertUrl('OTEL_EXPORTER_OTLP_ENDPOINT', `${base.replace(/\/+$/, '')}${path}`);
  };
  const metricsUrl = urlOf('OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', '/v1/metrics');
  const tracesUrl = urlOf('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', '/v1/traces');
  if (metricsUrl === undefined && tracesUrl === undefined) return undefined;
  if (metricsUrl === undefined || tracesUrl === undefined) {
    throw refused(
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'must be set, or both OTEL_EXPORTER_OTLP_METRICS_ENDPOINT and …_TRACES_ENDPOINT',
    );
  }
  const protocol = filled(env.OTEL_EXPORTER_OTLP_PROTOCOL);
  if (protocol !== undefined && protocol !== 'http/json') {
    throw refused('OTEL_EXPORTER_OTLP_PROTOCOL', `must be http/json, got ${protocol}`);
  }
  const name = filled(env.OTEL_SERVICE_NAME);
  return {
    metricsUrl,
    tracesUrl,
    headers: readPairs('OTEL_EXPORTER_OTLP_HEADERS', env),
    timeoutMs: readMs('OTEL_EXPORTER_OTLP_TIMEOUT', env, 10_000),
    intervalMs: readMs('OTEL_METRIC_EXPORT_INTERVAL', env, 60_000),
    resource: {
      ...readPairs('OTEL_RESOURCE_ATTRIBUTES', env),
      ...(name === undefined ? {} : { 'service.name': name }),
    },
  };
}

/** A variable that is set to nothing is not set. */
function filled(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim();
}

function assertUrl(name: string, text: string): string {
  if (URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)) return text;
  throw refused(name, 'must be an address that begins with http:// or https://');
}

/** Pairs `key=value` joined by commas, percent-encoded [W3C Baggage]. Values may be secret: they are never shown. */
function readPairs(name: string, env: Environment): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const part of (filled(env[name]) ?? '').split(',')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    if (at <= 0) throw refused(name, 'must be key=value, key=value, …');
    try {
      pairs[part.slice(0, at).trim()] = decodeURIComponent(part.slice(at + 1).trim());
    } catch (cause) {
      throw refused(name, 'must be percent-encoded', cause);
    }
  }
  return pairs;
}

function readMs(name: string, env: Environment, preset: number): number {
  const text = filled(env[name]);
  const value = text === undefined ? preset : Number(text);
  if (Number.isInteger(value) && value > 0 && value <= 24 * 3600 * 1000) return value;
  throw refused(name, 'must be milliseconds, an integer > 0');
}

function refused(name: string, rule: string, cause?: unknown): TelemetryError {
  return new TelemetryError('telemetry/settings', `${name} ${rule}`, { details: { name }, cause });
}
