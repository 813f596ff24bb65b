/**
 * What is done with a finding: replace it, redact it, mask it, hash it, encrypt it so that whoever has the key can read
 * it again, keep it, or whatever a function says. [Presidio]
 *
 * @module
 */

import { sha256, sha512 } from '@noble/hashes/sha2.js';

import { assertBytes, openSealed, seal, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { assertInteger } from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { PreparationError } from '../errors.ts';
import type { EntityType, PiiSpan } from './entities.ts';

/** One operator. */
export type PiiOperator =
  /** By default the type in angle brackets. */
  | { readonly kind: 'replace'; readonly with?: string }
  | { readonly kind: 'redact' }
  /** Covers characters, from the start or the end; all by default. Letters of any plane count as one. */
  | { readonly kind: 'mask'; readonly character?: string; readonly count?: number; readonly fromEnd?: boolean }
  /** Salted, in hex. Low-entropy values can be found by trying all: keep the salt secret. */
  | { readonly kind: 'hash'; readonly algorithm?: 'sha256' | 'sha512'; readonly salt: Uint8Array }
  /** AES-256-GCM under a key of 32 bytes; {@link decryptPii} reads it. */
  | { readonly kind: 'encrypt'; readonly key: Uint8Array }
  | { readonly kind: 'keep' }
  | { readonly kind: 'custom'; readonly apply: (value: string, type: EntityType) => string };

/** Operators by entity type; `default` for all others. */
export type PiiOperators = Readonly<Partial<Record<EntityType | 'default', PiiOperator>>>;

/** A rewritten text, and where its replacements are. */
export interface RedactedText {
  readonly text: string;
  readonly spans: readonly (PiiSpan & { readonly operator: PiiOperator['kind'] })[];
}

/**
 * Rewrites a text.
 * @param spans - without overlaps, as a scanner gives them.
 * @param options - `operators`; `rng` for the nonces of `encrypt`.
 * @throws {@link RangeError} when spans overlap or lie outside the text.
 */
export function redactText(
  text: string,
  spans: readonly PiiSpan[],
  { operators = {}, rng }: { operators?: PiiOperators; rng?: Rng } = {},
): RedactedText {
  const parts: string[] = [];
  const replaced: (PiiSpan & { operator: PiiOperator['kind'] })[] = [];
  let at = 0;
  let length = 0;
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    if (span.start < at || span.end < span.start || span.end > text.length) {
      throw new RangeError(
        `"spans" must lie in the text and not overlap, got [${span.start}, ${span.end}) after ${at}`,
      );
    }
    const operator = operators[span.type] ?? operators.default ?? { kind: 'replace' };
    const value = applyOperator(text.slice(span.start, span.end), { type: span.type, operator, rng });
    parts.push(text.slice(at, span.start), value);
    length += span.start - at;
    replaced.push({ ...span, start: length, end: length + value.length, operator: operator.kind });
    length += value.length;
    at = span.end;
  }
  parts.push(text.slice(at));
  return { text: parts.join(''), spans: replaced };
}

function applyOperator(
  value: string,
  { type, operator, rng }: { type: EntityType; operator: PiiOperator; rng: Rng | undefined },
): string {
  switch (operator.kind) {
    case 'replace':
      return operator.with ?? `<${type}>`;
    case 'redact':
      return '';
    case 'keep':
      return value;
    case 'custom':
      return operator.apply(value, type);
    case 'mask':
      return mask(value, operator);
    case 'hash': {
      assertBytes(operator.salt, 'salt');
      const hash = operator.algorithm === 'sha512' ? sha512 : sha256;
      return toHex(hash(new Uint8Array([...operator.salt, ...utf8(value)])));
    }
    case 'encrypt':
      if (rng === undefined) throw new TypeError('"rng" is needed for the operator encrypt');
      return encryptPii(value, { key: operator.key, rng });
  }
}

function mask(value: string, { character = '*', count, fromEnd = false }: PiiOperator & { kind: 'mask' }): string {
  const letters = Array.from(value);
  if (count !== undefined) assertInteger(count, 'count');
  const covered = Math.min(letters.length, count ?? letters.length);
  const isCovered = (i: number): boolean => (fromEnd ? i >= letters.length - covered : i < covered);
  return letters.map((letter, i) => (isCovered(i) ? character : letter)).join('');
}

const ASSOCIATED = utf8('sotto/preparation/pii/v1');
const PREFIX = 'pii1.';

/** Encrypts one value: `pii1.` and, in base64url, a nonce of 12 bytes and what is sealed. */
export function encryptPii(value: string, { key, rng }: { key: Uint8Array; rng: Rng }): string {
  const nonce = rng.bytes(12);
  const sealed = seal(utf8(value), { key, nonce, associatedData: ASSOCIATED });
  const bytes = new Uint8Array([...nonce, ...sealed]);
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return PREFIX + base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/**
 * Reads what {@link encryptPii} made.
 * @throws {@link PreparationError} `preparation/key` when it is no such text.
 * @throws {CryptoError} `crypto/authentication-failed` when the key is another or anything was changed.
 */
export function decryptPii(text: string, { key }: { key: Uint8Array }): string {
  const body = text.slice(PREFIX.length);
  if (!text.startsWith(PREFIX) || !/^[\w-]{38,}$/.test(body)) {
    throw new PreparationError('preparation/key', 'this is not a value that was encrypted here');
  }
  const bytes = Uint8Array.from(atob(body.replaceAll('-', '+').replaceAll('_', '/')), (character) =>
    character.charCodeAt(0),
  );
  const plain = openSealed(bytes.subarray(12), { key, nonce: bytes.subarray(0, 12), associatedData: ASSOCIATED });
  return new TextDecoder().decode(plain);
}
