/**
 * Signatures of requests: a participant proves with its identity key that a request is its own, fresh and whole. What
 * is signed is `sotto/request/1`, method, path with query, body digest, time and nonce, one a line.
 *
 * @module
 */

import { fromHex, sha256, toHex, utf8, verifySignature, type SigningKey } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { WireError } from './errors.ts';

/** A request as it is signed. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query, without scheme and host. */
  readonly path: string;
  readonly body: Uint8Array;
}

/** What a verified signature says. */
export interface RequestClaims {
  readonly identityKey: Uint8Array;
  /** Milliseconds since 1970, by the sender's clock. */
  readonly timeMs: number;
  readonly nonce: string;
}

const SCHEME = 'Sotto-Ed25519';
const HEADER = /^Sotto-Ed25519 key=([0-9a-f]{64}),time=(\d{1,15}),nonce=([0-9a-f]{32}),signature=([0-9a-f]{128})$/;

function message({ method, path, body }: SignedRequest, timeMs: number, nonce: string): Uint8Array {
  return utf8(['sotto/request/1', method.toUpperCase(), path, toHex(sha256(body)), String(timeMs), nonce].join('\n'));
}

/** Makes the value of the `Authorization` header. */
export function signRequest(
  request: SignedRequest,
  { key, timeMs }: { key: SigningKey; timeMs: number },
  rng: Rng,
): string {
  const nonce = toHex(rng.bytes(16));
  const signature = key.sign(message(request, timeMs, nonce));
  return `${SCHEME} key=${toHex(key.publicKey)},time=${timeMs},nonce=${nonce},signature=${toHex(signature)}`;
}

/**
 * Verifies an `Authorization` header against the request it came with.
 * @throws {@link WireError} `wire/signature-refused` when it is malformed or does not verify. Time and nonce are the
 * caller's to judge.
 */
export function verifyRequest(request: SignedRequest, header: string | undefined): RequestClaims {
  const { signature, ...claims } = readHeader(header);
  if (!verifySignature(claims.identityKey, message(request, claims.timeMs, claims.nonce), signature)) {
    throw new WireError('wire/signature-refused', 'the signature of the request does not verify');
  }
  return claims;
}

/**
 * Reads what an `Authorization` header claims, before there is a body to verify it with. Nothing of it is proven.
 * @throws {@link WireError} `wire/signature-refused` when it is malformed.
 */
export function readClaims(header: string | undefined): RequestClaims {
  const { identityKey, timeMs, nonce } = readHeader(header);
  return { identityKey, timeMs, nonce };
}

function readHeader(header: string | undefined): RequestClaims & { readonly signature: Uint8Array } {
  const match = HEADER.exec(header ?? '');
  if (match === null) throw new WireError('wire/signature-refused', 'the request is not signed as it must be');
  const [, key = '', time = '', nonce = '', signature = ''] = match;
  return { identityKey: fromHex(key), timeMs: Number(time), nonce, signature: fromHex(signature) };
}
