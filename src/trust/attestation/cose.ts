/**
 * COSE_Sign1: one signature over a payload. [RFC9052] §4.2, with the ECDSA algorithms of [RFC9053] §2.1.
 *
 * @module
 */

import { decodeCbor, encodeCbor, Tagged } from './cbor.ts';
import { AttestationError, malformed } from './errors.ts';
import { type HashName, verifyRawEcdsa } from './x509/signature.ts';

const TAG_SIGN1 = 18;
const HEADER_ALGORITHM = 1;
const HEADER_CRITICAL = 2;
const ALGORITHMS: Readonly<Record<number, HashName>> = { [-7]: 'SHA-256', [-35]: 'SHA-384', [-36]: 'SHA-512' };

/** A decoded message; nothing of it is verified. */
export interface CoseSign1 {
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: ReadonlyMap<unknown, unknown>;
  /** Null where a producer leaves the header out, against the standard: for the caller to refuse. */
  readonly unprotectedHeader: ReadonlyMap<unknown, unknown> | null;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  readonly hash: HashName;
}

/**
 * Decodes a COSE_Sign1, with or without its tag.
 * @throws {AttestationError} `attestation/malformed`, `attestation/unsupported` for algorithms other than ECDSA.
 */
export function decodeCoseSign1(bytes: Uint8Array, what: string): CoseSign1 {
  let value = decodeCbor(bytes, what);
  if (value instanceof Tagged && value.tag === TAG_SIGN1) ({ value } = value);
  if (!Array.isArray(value) || value.length !== 4) malformed(`${what} is no COSE_Sign1`);
  const [protectedBytes, unprotectedHeader, payload, signature] = value as unknown[];
  if (
    !(protectedBytes instanceof Uint8Array) ||
    !(unprotectedHeader instanceof Map || unprotectedHeader === null) ||
    !(payload instanceof Uint8Array) ||
    !(signature instanceof Uint8Array)
  ) {
    return malformed(`${what} is no COSE_Sign1`);
  }
  const protectedHeader = decodeCbor(protectedBytes, `${what}, protected header`);
  if (!(protectedHeader instanceof Map)) malformed(`${what}: protected header is no map`);
  if (protectedHeader.has(HEADER_CRITICAL)) {
    throw new AttestationError('attestation/unsupported', `${what}: critical headers`);
  }
  const algorithm: unknown = protectedHeader.get(HEADER_ALGORITHM);
  const hash = typeof algorithm === 'number' ? ALGORITHMS[algorithm] : undefined;
  if (hash === undefined) {
    throw new AttestationError('attestation/unsupported', `${what}: COSE algorithm ${String(algorithm)}`);
  }
  return { protectedBytes, protectedHeader, unprotectedHeader, payload, signature, hash };
}

/** The bytes that are signed: the external Sig_structure with empty external data. [RFC9052] §4.4 */
export function coseSigStructure(protectedBytes: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeCbor(['Signature1', protectedBytes, new Uint8Array(0), payload]);
}

/** Verifies the signature with a key of the curve that goes with the algorithm. */
export async function verifyCoseSign1(message: CoseSign1, spki: Uint8Array): Promise<boolean> {
  const data = coseSigStructure(message.protectedBytes, message.payload);
  return verifyRawEcdsa(spki, message.hash, { signature: message.signature, data });
}
