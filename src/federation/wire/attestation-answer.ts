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
  readonly references: readonly ReferenceFrame[];
}

/** A set of signed reference values. */
export interface ReferenceFrame {
  readonly kind: 'dsse' | 'corim';
  readonly bytes: Uint8Array;
  /** Proof that a log has it. */
  readonly receipt?: Uint8Array;
}

/** Evidence with its collateral stays far below this. */
const MAX_ANSWER_BYTES = 1 << 20;

/** Encodes an answer. */
export function encodeAttestationFrame(frame: AttestationFrame): Uint8Array {
  const { evidence, publicKey, taskPolicyDigest, codeDigest, nonce, references } = frame;
  return encode([
    1,
    evidence,
    publicKey,
    taskPolicyDigest,
    codeDigest,
    nonce,
    references.map((set) => [set.kind, set.bytes, set.receipt ?? null]),
  ]);
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
  const sets = Array.isArray(references) ? references.map(referenceOf) : [undefined];
  if (
    !(evidence instanceof Uint8Array) ||
    !(publicKey instanceof Uint8Array) ||
    !(taskPolicyDigest instanceof Uint8Array) ||
    !(codeDigest instanceof Uint8Array) ||
    !(nonce instanceof Uint8Array) ||
    !sets.every((set) => set !== undefined)
  ) {
    throw malformed();
  }
  return { evidence, publicKey, taskPolicyDigest, codeDigest, nonce, references: sets };
}

function referenceOf(fields: unknown): ReferenceFrame | undefined {
  if (!Array.isArray(fields) || fields.length !== 3) return undefined;
  const [kind, bytes, receipt] = fields as unknown[];
  if ((kind !== 'dsse' && kind !== 'corim') || !(bytes instanceof Uint8Array)) return undefined;
  if (receipt !== null && !(receipt instanceof Uint8Array)) return undefined;
  return { kind, bytes, ...(receipt === null ? {} : { receipt }) };
}
