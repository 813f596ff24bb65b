/**
 * The messages between coordinator and participants, as canonical CBOR (RFC 8949 §4.2.1, deterministic encoding): one
 * array `[version, kind, taskId, round, attempt, body…]`. Decoding is strict (shortest integers and lengths, nothing of
 * indefinite length, no maps, floats or tags in a message), so that two different byte strings never mean the same.
 *
 * @module
 */

import { decode, encode } from 'cborg';

import { WireError } from './errors.ts';

/** Version of the message layout. It changes with every change that an older peer would misread. */
export const PROTOCOL_VERSION = 1;

/** What every message says about where it belongs. */
export interface MessageAddress {
  readonly taskId: string;
  readonly round: number;
  /** Counts every try of the task, aborted ones included; never reused. */
  readonly attempt: number;
}

/** The coordinator offers a round: the plan and model it means, the cohort, and the current parameters. */
export interface RoundOffer extends MessageAddress {
  readonly kind: 'round-offer';
  /** SHA-256 of the plan's canonical bytes, 32 bytes. */
  readonly planDigest: Uint8Array;
  /** SHA-256 of `parameters`, 32 bytes. */
  readonly modelDigest: Uint8Array;
  readonly cohort: readonly string[];
  /** Float32 little-endian, one a parameter. */
  readonly parameters: Uint8Array;
}

/** A message of the aggregation protocol, in either direction. */
export interface AggregationMessage extends MessageAddress {
  readonly kind: 'aggregation';
  /** In a decoded message a view of its bytes. */
  readonly payload: Uint8Array;
}

/** The coordinator says how the attempt ended. */
export interface RoundClosed extends MessageAddress {
  readonly kind: 'round-closed';
  readonly outcome: 'committed' | 'aborted';
}

/** A participant's message sealed to the coordinator's attested key; what is inside is a message of its own. */
export interface SealedMessage extends MessageAddress {
  readonly kind: 'sealed';
  readonly payload: Uint8Array;
}

export type Message = RoundOffer | AggregationMessage | RoundClosed | SealedMessage;

const KINDS = { 'round-offer': 0, aggregation: 1, 'round-closed': 2, sealed: 3 } as const;

/** Whether bytes look like a sealed message: array of six, version, kind. Decoding them is what proves it. */
export function isSealedMessage(bytes: Uint8Array): boolean {
  return bytes[0] === 0x86 && bytes[1] === PROTOCOL_VERSION && bytes[2] === KINDS.sealed;
}

/** Encodes a message as canonical CBOR. */
export function encodeMessage(message: Message): Uint8Array {
  return encode([
    PROTOCOL_VERSION,
    KINDS[message.kind],
    message.taskId,
    message.round,
    message.attempt,
    ...bodyOf(message),
  ]);
}

function bodyOf(message: Message): unknown[] {
  switch (message.kind) {
    case 'round-offer':
      return [message.planDigest, message.modelDigest, [...message.cohort], message.parameters];
    case 'aggregation':
    case 'sealed':
      return [message.payload];
    case 'round-closed':
      return [message.outcome === 'committed'];
  }
}

/**
 * Decodes a message.
 * @throws {@link WireError} `wire/malformed` when the bytes are not the canonical encoding of a message,
 * `wire/unsupported-version` when they are of another protocol version.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const viewed = viewPayload(bytes);
  if (viewed !== undefined) return viewed;
  let fields: unknown;
  try {
    fields = decode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowNaN: false,
      allowInfinity: false,
    });
  } catch (cause) {
    throw new WireError('wire/malformed', 'a message is not canonical CBOR', { cause });
  }
  if (!Array.isArray(fields) || fields.length < 6) throw malformed('an array of at least 6 fields');
  const [version, kind, taskId, round, attempt, ...body] = fields as unknown[];
  if (version !== PROTOCOL_VERSION) {
    throw new WireError(
      'wire/unsupported-version',
      `this side speaks protocol version ${PROTOCOL_VERSION}: update the older of the two`,
      { details: { supported: PROTOCOL_VERSION } },
    );
  }
  if (!isText(taskId) || !isCount(round) || !isCount(attempt)) throw malformed('task, round and attempt');
  const address = { taskId, round, attempt };
  return decodeBody(kind, body, address);
}

function decodeBody(kind: unknown, body: readonly unknown[], address: MessageAddress): Message {
  if (kind === KINDS['round-offer']) {
    const [planDigest, modelDigest, cohort, parameters] = body;
    if (body.length !== 4 || !isDigest(planDigest) || !isDigest(modelDigest)) throw malformed('two digests');
    if (!Array.isArray(cohort) || !cohort.every(isText)) throw malformed('a cohort');
    if (!(parameters instanceof Uint8Array)) throw malformed('parameters');
    return { kind: 'round-offer', ...address, planDigest, modelDigest, cohort: cohort as string[], parameters };
  }
  if (kind === KINDS.aggregation || kind === KINDS.sealed) {
    const [payload] = body;
    if (body.length !== 1 || !(payload instanceof Uint8Array)) throw malformed('a payload');
    return { kind: kind === KINDS.sealed ? 'sealed' : 'aggregation', ...address, payload };
  }
  if (kind === KINDS['round-closed']) {
    const [committed] = body;
    if (body.length !== 1 || typeof committed !== 'boolean') throw malformed('an outcome');
    return { kind: 'round-closed', ...address, outcome: committed ? 'committed' : 'aborted' };
  }
  throw malformed('a known kind');
}

/** Ids without these need no decoding: printable ASCII. */
const MAX_PLAIN_ID_BYTES = 255;

/**
 * Reads a message that carries a payload without copying it: vectors are most of what a coordinator takes in. Undefined for
 * anything but the one canonical form of such a message; the general decoder then finds another kind, or says what is wrong.
 */
function viewPayload(bytes: Uint8Array): AggregationMessage | SealedMessage | undefined {
  const [array, version, kind] = bytes;
  if (array !== 0x86 || version !== PROTOCOL_VERSION) return undefined;
  if (kind !== KINDS.aggregation && kind !== KINDS.sealed) return undefined;
  const id = readHead(bytes, 3, MAJOR.text);
  if (id === undefined || id.value > MAX_PLAIN_ID_BYTES || id.next + id.value > bytes.length) return undefined;
  let taskId = '';
  for (let at = id.next; at < id.next + id.value; at += 1) {
    const letter = bytes[at] as number;
    if (letter < 0x20 || letter > 0x7e) return undefined;
    taskId += String.fromCharCode(letter);
  }
  const round = readHead(bytes, id.next + id.value, MAJOR.unsigned);
  if (round === undefined) return undefined;
  const attempt = readHead(bytes, round.next, MAJOR.unsigned);
  if (attempt === undefined) return undefined;
  const payload = readHead(bytes, attempt.next, MAJOR.bytes);
  if (payload === undefined || payload.next + payload.value !== bytes.length) return undefined;
  return {
    kind: kind === KINDS.sealed ? 'sealed' : 'aggregation',
    taskId,
    round: round.value,
    attempt: attempt.value,
    payload: new Uint8Array(bytes.buffer, bytes.byteOffset + payload.next, payload.value),
  };
}

/** Major types of [RFC8949] §3.1. */
const MAJOR = { unsigned: 0, bytes: 2, text: 3 } as const;

/** Reads the head of a data item of up to 32 bits in its shortest form [RFC8949 §4.2.1]; undefined for any other. */
function readHead(bytes: Uint8Array, at: number, major: number): { value: number; next: number } | undefined {
  const first = bytes[at];
  if (first === undefined || first >> 5 !== major) return undefined;
  const info = first & 31;
  if (info < 24) return { value: info, next: at + 1 };
  const width = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : 0;
  const next = at + 1 + width;
  if (width === 0 || next > bytes.length) return undefined;
  let value = 0;
  for (let i = at + 1; i < next; i += 1) value = value * 256 + (bytes[i] as number);
  const least = width === 1 ? 24 : 2 ** (4 * width);
  return value < least ? undefined : { value, next };
}

function malformed(expected: string): WireError {
  return new WireError('wire/malformed', `a message does not have ${expected}`);
}

/** Text, and nothing that the decoder had to replace for not being UTF-8: different bytes would mean the same then. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\ufffd');
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isDigest(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === 32;
}
