/**
 * Signed tokens (JWS compact form) with keys that the caller gives. Nothing is fetched: `jku`, `x5u` and `x5c` of the
 * header are never followed. Signatures are checked by `jose`; the strictness of the encoding is ours.
 *
 * @module
 */

import { createLocalJWKSet, jwtVerify, type JWTPayload } from 'jose';

import { AttestationError, malformed } from '../errors.ts';
import { decodeBase64Url } from '../text-encodings.ts';
import type { KeySet } from './key-set.ts';

/** Algorithms of attestation services; no symmetric one, no `none`. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];
const MAX_TOKEN = 65_536;

/** A decoded token; nothing of it is verified. */
export interface DecodedToken {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: JWTPayload & Readonly<Record<string, unknown>>;
}

function decodePart(text: string, what: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(decodeBase64Url(text, what)));
  } catch (cause) {
    if (cause instanceof AttestationError) throw cause;
    malformed(`${what} is not JSON`, cause);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) malformed(`${what} is no object`);
  return value as Readonly<Record<string, unknown>>;
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/**
 * Decodes a token without verifying it.
 * @throws {AttestationError} `attestation/malformed`, `attestation/unsupported` for other algorithms.
 */
export function decodeToken(token: string): DecodedToken {
  if (token.length > MAX_TOKEN) malformed(`token: longer than ${MAX_TOKEN} characters`);
  const parts = token.split('.');
  if (parts.length !== 3) malformed('token: three parts expected');
  const [head, body, signature] = parts as [string, string, string];
  decodeBase64Url(signature, 'token, signature');
  const header = decodePart(head, 'token, header');
  if (typeof header['alg'] !== 'string' || !ALGORITHMS.includes(header['alg'])) {
    throw new AttestationError('attestation/unsupported', `token: algorithm ${String(header['alg'])}`);
  }
  if ('crit' in header) throw new AttestationError('attestation/unsupported', 'token: critical headers');
  const claims = decodePart(body, 'token, claims');
  for (const name of ['iat', 'nbf', 'exp'] as const) {
    if (name === 'nbf' && claims['nbf'] === undefined) continue;
    // 8.64e12 s is the end of Date.
    if (!isTime(claims[name]) || Math.abs(claims[name]) > 8.64e12) malformed(`token: claim ${name} is no time`);
  }
  if (typeof claims['iss'] !== 'string') malformed('token: claim iss is missing');
  return { header, claims };
}

/**
 * Verifies signature, issuer, audience and the time claims.
 * @throws {AttestationError} `attestation/signature-invalid`, `attestation/certificate-expired` (the token's own time),
 *   `attestation/chain-invalid` for another issuer or audience.
 */
export async function assertToken(
  token: string,
  {
    keys,
    issuers,
    audience,
    at,
  }: {
    readonly keys: KeySet;
    /** Texts, or patterns that must match whole. */
    readonly issuers: readonly (string | RegExp)[];
    readonly audience?: string;
    readonly at: Date;
  },
): Promise<void> {
  const { claims } = decodeToken(token);
  try {
    await jwtVerify(token, createLocalJWKSet(keys), {
      algorithms: ALGORITHMS,
      currentDate: at,
      ...(audience === undefined ? {} : { audience }),
    });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    if (code === 'ERR_JWT_EXPIRED') {
      throw new AttestationError('attestation/certificate-expired', `the token has expired at ${at.toISOString()}`);
    }
    if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED') {
      const claim = cause instanceof Error && 'claim' in cause ? String(cause.claim) : '';
      throw new AttestationError(
        claim === 'nbf' || claim === 'iat' ? 'attestation/certificate-expired' : 'attestation/chain-invalid',
        `the token's claim ${claim} does not hold at ${at.toISOString()}`,
      );
    }
    throw new AttestationError(
      'attestation/signature-invalid',
      `the token is signed by none of the given keys (${code})`,
    );
  }
  const issuer = claims.iss as string;
  const accepted = issuers.some((known) =>
    typeof known === 'string' ? known === issuer : known.exec(issuer)?.[0] === issuer,
  );
  if (!accepted) throw new AttestationError('attestation/untrusted-root', `the token is issued by ${issuer}`);
  if (at.getTime() < (claims.iat as number) * 1000) {
    throw new AttestationError('attestation/certificate-expired', `the token is issued after ${at.toISOString()}`);
  }
}
