/**
 * The answer to a participant's challenge on the wire: canonical CBOR `[version, evidence, key, policy, code, nonce,
 * references]`. Here it is bytes; what it proves is judged by whoever asked.
 *
 * @module
 */

import { decode, encode } from 'cborg';

import { WireError } from './errors.ts';

/** Parts of an answer. */
export interface AttestationFrame {
  readonly evidence: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly taskPolicyDigest: Uint8Array;
  readonly codeDigest: Uint8Array;
  readonly nonce: Uint8Array;
  /** Signed reference values as JSON text, one a set. */
  readonly references: readonly string[];
}

/** Evidence with its collateral stays far below this. */
const MAX_ANSWER_BYTES = 1 << 20;

/** Encodes an answer. */
export function encodeAttestationFrame(frame: AttestationFrame): Uint8Array {
  const { evidence, publicKey, taskPolicyDigest, codeDigest, nonce, references } = frame;
  return encode([1, evidence, publicKey, taskPolicyDigest, codeDigest, nonce, [...references]]);
}

/** Decodes an answer. @throws {@link WireError} `wire/malformed`. */
export function decodeAttestationFrame(bytes: Uint8Array): AttestationFrame {
  const malformed = (cause?: unknown): WireError =>
    new WireError('wire/malformed', 'the answer to the challenge is not as it must be', { cause });
  if (bytes.length > MAX_ANSWER_BYTES) throw malformed();
  let fields: unknown;
  try {
    fields = decode(bytes, { strict: true, allowIndefinite: false });
  } catch (cause) {
    throw malformed(cause);
  }
  if (!Array.isArray(fields) || fields.length !== 7 || fields[0] !== 1) throw malformed();
  const [, evidence, publicKey, taskPolicyDigest, codeDigest, nonce, references] = fields as unknown[];
  const texts: unknown[] = Array.isArray(references) ? (references as unknown[]) : [undefined];
  if (
    !(evidence instanceof Uint8Array) ||
    !(publicKey instanceof Uint8Array) ||
    !(taskPolicyDigest instanceof Uint8Array) ||
    !(codeDigest instanceof Uint8Array) ||
    !(nonce instanceof Uint8Array) ||
    !texts.every((text) => typeof text === 'string')
  ) {
    throw malformed();
  }
  return { evidence, publicKey, taskPolicyDigest, codeDigest, nonce, references: texts };
}
