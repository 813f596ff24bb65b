/**
 * Key sets of token services, as files and policies carry them. [RFC7517] §5
 *
 * @module
 */

import type { JSONWebKeySet } from 'jose';
import { z } from 'zod';

import { malformed } from '../errors.ts';

/** A set of public keys, as an issuer publishes it. */
export type KeySet = JSONWebKeySet;

/** Schema of a set: RSA and EC keys, and none with private members: that would be a leak, not a key to trust. */
export const keySetSchema = z.looseObject({
  keys: z
    .array(
      z
        .looseObject({ kty: z.enum(['RSA', 'EC']), kid: z.string().optional() })
        .refine((key) => !('d' in key), 'must not be a private key'),
    )
    .min(1)
    .max(64),
});

/** Reads a JWKS. @throws {AttestationError} `attestation/malformed`. */
export function parseKeySet(text: string): KeySet {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    malformed('key set is not JSON', cause);
  }
  const parsed = keySetSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    malformed(`key set is no JWKS of RSA or EC keys: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
  }
  return parsed.data as KeySet;
}
