/**
 * Events as JSON in Google's DpEvent algebra: an object with `type` and snake_case fields. What is read is checked field
 * by field; an unknown type or an unknown field is refused, because a fact left out of the account is a wrong account.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import { AccountingError } from '../errors.ts';
import type { DpEvent, DpEventKind } from './event.ts';
import { createEvent, EVENT_SCHEMAS, findKind } from './schema.ts';

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Writes an event as a JSON value. */
export function eventToJson(event: DpEvent): { readonly [key: string]: Json } {
  const schema = EVENT_SCHEMAS[event.kind];
  const json: Record<string, Json> = { type: schema.type };
  for (const [name, [jsonName, { nested, infinite }]] of Object.entries(schema.fields)) {
    const value = (event as unknown as Record<string, unknown>)[name];
    if (nested === 'event') json[jsonName] = eventToJson(value as DpEvent);
    else if (nested === 'events') json[jsonName] = (value as readonly DpEvent[]).map(eventToJson);
    else json[jsonName] = infinite === true && value === Infinity ? 'Infinity' : (value as Json);
  }
  return json;
}

/**
 * Reads an event from a JSON value.
 * @throws {AccountingError} 'accounting/invalid-event' naming the path of what is unknown or out of range.
 */
export function eventFromJson(value: unknown, path = 'event'): DpEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AccountingError('accounting/invalid-event', `"${path}" must be an object with a "type"`);
  }
  const { type, ...rest } = value as Record<string, unknown>;
  const expanded = expandReferenceForm(type, rest);
  if (expanded !== undefined) return eventFromJson(expanded, path);
  const kind = kindOf(type, path);
  const { fields } = EVENT_SCHEMAS[kind];
  const known = new Set(Object.values(fields).map(([jsonName]) => jsonName));
  const stranger = Object.keys(rest).find((name) => !known.has(name));
  if (stranger !== undefined) {
    throw new AccountingError('accounting/invalid-event', `"${path}.${stranger}" is no field of ${String(type)}`);
  }
  const made: Record<string, unknown> = {};
  for (const [name, [jsonName, { nested, infinite }]] of Object.entries(fields)) {
    const given = rest[jsonName];
    if (nested === 'event') made[name] = eventFromJson(given, `${path}.${jsonName}`);
    else if (nested === 'events') {
      if (!Array.isArray(given)) {
        throw new AccountingError('accounting/invalid-event', `"${path}.${jsonName}" must be a list of events`);
      }
      made[name] = given.map((item, i) => eventFromJson(item, `${path}.${jsonName}[${i}]`));
    } else made[name] = infinite === true && given === 'Infinity' ? Infinity : given;
  }
  return createEvent(kind, made as never) as DpEvent;
}

function kindOf(type: unknown, path: string): DpEventKind {
  const kind = findKind(type);
  if (kind === undefined) {
    throw new AccountingError('accounting/invalid-event', `"${path}.type" is no known event: ${JSON.stringify(type)}`);
  }
  return kind;
}

/**
 * The reference rows state a whole run of the rounded distributed mechanisms in one set of parameters, with `q` and
 * `steps` beside those of one round: the same facts as composition of Poisson-sampled rounds.
 */
function expandReferenceForm(type: unknown, fields: Record<string, unknown>): unknown {
  const rounded =
    (type === 'DistributedDiscreteGaussian' && 'num_clients' in fields) || type === 'RoundedDistributedDiscreteGaussian'
      ? 'RoundedDistributedDiscreteGaussian'
      : (type === 'Skellam' && 'central_stddev' in fields) || type === 'RoundedSkellam'
        ? 'RoundedSkellam'
        : undefined;
  if (rounded === undefined || (type === rounded && !('q' in fields) && !('steps' in fields))) return undefined;
  const { q = 1, steps = 1, ...round } = fields;
  const inner = { type: rounded, ...round };
  const sampled = q === 1 ? inner : { type: 'PoissonSampled', sampling_probability: q, event: inner };
  return steps === 1 ? sampled : { type: 'SelfComposed', event: sampled, count: steps };
}

/** Writes an event as canonical JSON text (RFC 8785): equal events have equal texts. */
export function encodeEvent(event: DpEvent): string {
  return canonicalize(eventToJson(event)) as string;
}
