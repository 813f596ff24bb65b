/**
 * A party beside coordinator and participants that a sum needs: an aggregation server that holds one share of everything,
 * or the holder of a decryption key. It is asked once an attempt and answers with what may be known; it must not collude
 * with the coordinator. Requests and answers are bytes, so that it may live in the same process or behind an address.
 *
 * @module
 */

import { decode, encode } from 'cborg';

import { toHex, sha256 } from '../../foundations/crypto/index.ts';
import type { MessageAddress } from '../wire/index.ts';
import { AssistantError } from './errors.ts';

/** One assistant. */
export interface Assistant {
  readonly name: string;
  /** A request of the task has no more bytes. */
  readonly maxRequestBytes: number;
  /** @throws a typed error when it refuses; it has opened nothing then. */
  answer(request: Uint8Array): Promise<Uint8Array>;
}

/** Remembers which attempts were answered, across restarts; `claim` is atomic and durable before it resolves. */
export interface AnsweredAttempts {
  /**
   * Claims an attempt for one request.
   * @param request - its digest, hexadecimal.
   * @returns false when the attempt was claimed for another request: the same one may be answered again.
   */
  claim(attempt: string, request: string): Promise<boolean>;
}

/** Keeps the answered attempts in memory: for tests, and for assistants that end with their task. */
export function createAnsweredAttempts(): AnsweredAttempts {
  const claimed = new Map<string, string>();
  return {
    claim(attempt, request) {
      const known = claimed.get(attempt);
      if (known === undefined) claimed.set(attempt, request);
      return Promise.resolve(known === undefined || known === request);
    },
  };
}

/** What every request says. */
export interface AssistantRequest extends MessageAddress {
  /** The assistant that is meant. */
  readonly assistant: string;
  /** 32 bytes. */
  readonly planDigest: Uint8Array;
  /** One entry a contributor: its id, and the parts of its message that are for this assistant. */
  readonly contributions: readonly (readonly [from: string, ...parts: Uint8Array[]])[];
  /** What the coordinator believes the answer is about; empty where it cannot know. */
  readonly claim: Uint8Array;
}

const VERSION = 1;
const STRICT = { strict: true, allowIndefinite: false, allowUndefined: false, allowNaN: false, allowInfinity: false };

/** Encodes a request as canonical CBOR. */
export function encodeRequest(request: AssistantRequest): Uint8Array {
  const { assistant, taskId, round, attempt, planDigest, contributions, claim } = request;
  return encode([
    VERSION,
    assistant,
    taskId,
    round,
    attempt,
    planDigest,
    contributions.map((entry) => [...entry]),
    claim,
  ]);
}

/** Decodes a request. @throws {@link AssistantError} `assistants/malformed`. */
export function decodeRequest(bytes: Uint8Array): AssistantRequest {
  const fields = decodeArray(bytes, 8);
  const [version, assistant, taskId, round, attempt, planDigest, contributions, claim] = fields;
  if (
    version !== VERSION ||
    typeof assistant !== 'string' ||
    typeof taskId !== 'string' ||
    !isCount(round) ||
    !isCount(attempt) ||
    !(planDigest instanceof Uint8Array && planDigest.length === 32) ||
    !(claim instanceof Uint8Array) ||
    !Array.isArray(contributions) ||
    !contributions.every(isEntry)
  ) {
    throw malformed('a request');
  }
  return { assistant, taskId, round, attempt, planDigest, contributions, claim };
}

/** Encodes the parts of a contribution. */
export function encodeParts(parts: readonly Uint8Array[]): Uint8Array {
  return encode([...parts]);
}

/** Decodes the parts of a contribution. @throws {@link AssistantError} `assistants/malformed`. */
export function decodeParts(bytes: Uint8Array, count: number): readonly Uint8Array[] {
  const parts = decodeArray(bytes, count);
  if (!parts.every((part) => part instanceof Uint8Array)) throw malformed('a contribution');
  return parts as Uint8Array[];
}

function decodeArray(bytes: Uint8Array, length: number): unknown[] {
  let fields: unknown;
  try {
    fields = decode(bytes, STRICT);
  } catch (cause) {
    throw new AssistantError('assistants/malformed', 'bytes are not canonical CBOR', { cause });
  }
  if (!Array.isArray(fields) || fields.length !== length) throw malformed(`an array of ${length} fields`);
  return fields as unknown[];
}

function isEntry(entry: unknown): entry is readonly [string, ...Uint8Array[]] {
  if (!Array.isArray(entry)) return false;
  const [from, ...parts] = entry as unknown[];
  return typeof from === 'string' && parts.every((part) => part instanceof Uint8Array);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function malformed(expected: string): AssistantError {
  return new AssistantError('assistants/malformed', `the bytes are not ${expected}`);
}

/** @throws {@link AssistantError} `assistants/unknown-contributor` when somebody in the sum is not on the assistant's roster. */
export function assertOnRoster(
  { contributions }: AssistantRequest,
  roster: ReadonlyMap<string, Uint8Array>,
  name: string,
): void {
  const strangers = contributions.flatMap(([from]) => (roster.has(from) ? [] : [from]));
  if (strangers.length === 0) return;
  throw new AssistantError('assistants/unknown-contributor', `${strangers.join(', ')}: not on the roster of ${name}`, {
    details: { participants: strangers },
  });
}

/** Of a request apart from contributions, and of a contribution apart from its parts: names, lengths, digests. */
const REQUEST_BYTES = 4096;
const ENTRY_BYTES = 512;

/** Answers kept for a coordinator that asks the very same again, after a crash for instance. */
const KEPT_ANSWERS = 4;

/**
 * Wraps the work of an assistant: the request is checked, the attempt claimed durably before anything is opened, and the
 * same request gets the same answer again. Another request for an attempt that was answered is refused: the difference of
 * two sums would be somebody's contribution.
 * @param options - `minContributors`: this assistant's own floor, whatever the coordinator asks for; `largest`: most
 * contributors, and bytes of what one of them and the coordinator may say.
 */
export function createAssistant({
  name,
  taskId,
  planDigest,
  minContributors,
  largest,
  answered,
  work,
}: {
  readonly name: string;
  readonly taskId: string;
  readonly planDigest: Uint8Array;
  readonly minContributors: number;
  readonly largest: { readonly contributors: number; readonly partBytes: number; readonly claimBytes: number };
  readonly answered: AnsweredAttempts;
  /** Checks everything, then claims the attempt, then opens. */
  readonly work: (request: AssistantRequest, claim: () => Promise<void>) => Promise<Uint8Array>;
}): Assistant {
  const kept = new Map<string, Promise<Uint8Array>>();
  async function perform(bytes: Uint8Array, digest: string): Promise<Uint8Array> {
    const request = decodeRequest(bytes);
    if (request.assistant !== name || request.taskId !== taskId || toHex(request.planDigest) !== toHex(planDigest)) {
      throw new AssistantError('assistants/wrong-task', `${name} was asked for another task, plan or assistant`);
    }
    const contributors = new Set(request.contributions.map(([from]) => from)).size;
    if (contributors !== request.contributions.length) throw malformed('a set: somebody is in it twice');
    if (contributors < minContributors) {
      throw new AssistantError(
        'assistants/too-few',
        `a sum of ${contributors} contributions is not opened, ${minContributors} are needed`,
        { details: { contributors, threshold: minContributors } },
      );
    }
    return work(request, async () => {
      if (await answered.claim(JSON.stringify([name, request.taskId, request.attempt]), digest)) return;
      throw new AssistantError('assistants/already-answered', `attempt ${request.attempt} was answered before`, {
        details: { attempt: request.attempt },
      });
    });
  }
  return {
    name,
    maxRequestBytes: largest.contributors * (largest.partBytes + ENTRY_BYTES) + largest.claimBytes + REQUEST_BYTES,
    answer(bytes) {
      const digest = toHex(sha256(bytes));
      const known = kept.get(digest);
      if (known !== undefined) return known;
      const answer = perform(bytes, digest);
      kept.set(digest, answer);
      answer.catch(() => kept.delete(digest));
      for (const old of [...kept.keys()].slice(0, -KEPT_ANSWERS)) kept.delete(old);
      return answer;
    },
  };
}
