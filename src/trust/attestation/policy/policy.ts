/**
 * The attestation policy: what a participant demands before it sends anything. Data that can stand in a file; silent
 * fields mean the strict reading.
 *
 * @module
 */

import { z } from 'zod';

import { AttestationError } from '../errors.ts';
import { TCB_STATUSES, TEE_KINDS } from '../result.ts';
import { keySetSchema } from '../tokens/key-set.ts';

const hex32 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits');
const registers = z
  .record(z.string(), z.string().min(1))
  .refine((value) => Object.keys(value).length > 0, 'at least one register must be named');
const versions = z.record(z.string(), z.int().min(0));

/** Schema of the policy, for task and participant files. */
export const attestationPolicySchema = z.strictObject({
  /** Kinds of environments that are accepted. */
  tees: z.array(z.enum(TEE_KINDS)).min(1),
  /** Accepted states by exact values; one of them must match in all registers it names. */
  measurements: z.array(registers).default([]),
  /** Accepted publishers of signed reference values. */
  references: z
    .strictObject({
      signers: z
        .array(
          z.discriminatedUnion('kind', [
            z.strictObject({ kind: z.literal('ed25519'), name: z.string().min(1), publicKey: hex32 }),
            z.strictObject({ kind: z.literal('ecdsa'), name: z.string().min(1), spki: z.string().min(1) }),
          ]),
        )
        .min(1),
      /** Values must stand in a transparency log. */
      requireLogged: z.boolean().default(true),
      /** That log: its key and those of its witnesses (NAME+ID+KEY), and how many witnesses must have signed. */
      log: z.strictObject({ keys: z.array(z.string().min(1)).min(1), witnesses: z.int().min(0).default(0) }).optional(),
    })
    .optional(),
  /** Token services that are believed: their public keys, got out of band, and whom or by whom a token must be. */
  tokens: z
    .strictObject({
      gcp: z.strictObject({ keys: keySetSchema, audience: z.string().min(1) }).optional(),
      azure: z.strictObject({ keys: keySetSchema, issuers: z.array(z.url()).min(1) }).optional(),
    })
    .optional(),
  /** Smallest version numbers, per kind of environment. */
  minimumTcb: z.partialRecord(z.enum(TEE_KINDS), versions).default({}),
  acceptedTcbStatuses: z
    .array(z.enum(TCB_STATUSES).exclude(['Revoked']))
    .min(1)
    .default(['UpToDate', 'NotRated']),
  /** Advisories that are known and accepted; every other one is refused. */
  acceptedAdvisories: z.array(z.string()).default([]),
  debug: z.enum(['forbid', 'allow']).default('forbid'),
  /** Revocation lists (Intel's collateral, AMD's list) must have been checked. */
  requireRevocationCheck: z.boolean().default(true),
  /** Highest privilege level of SNP guests: 0 is the most privileged. */
  maximumVmpl: z.int().min(0).max(3).default(0),
  /** Oldest evidence by its own clock, and longest wait between a challenge and its answer. */
  maxAgeSeconds: z.int().min(1).max(86_400).default(300),
  /** Tolerated lead of the producer's clock over ours. */
  maxClockSkewSeconds: z.int().min(0).max(3600).default(60),
  /**
   * What the report data must be: `sotto` the hash of nonce, key, task policy and code; `nonce-key` SHA-512 of nonce and
   * key; `nonce` the nonce itself; `none` nothing, which proves no freshness.
   */
  binding: z.enum(['sotto', 'nonce-key', 'nonce', 'none']).default('sotto'),
  /** Accepted code, SHA-256; reference values may add more. */
  codeDigests: z.array(hex32).default([]),
  /** After this time the evidence must be fresh again. */
  recheckSeconds: z.int().min(1).max(604_800).default(3600),
});

export type AttestationPolicy = z.output<typeof attestationPolicySchema>;

/** The participant's field: a policy, or false for a coordinator that needs to prove nothing. */
export const requireAttestationSchema = z.union([z.literal(false), attestationPolicySchema]).default(false);

/**
 * Parses a policy.
 * @param options - `insecureSimulated` must be true for a policy that accepts simulated evidence; it comes from an
 *   explicit flag, never from a file.
 * @throws {AttestationError} `attestation/policy-invalid`.
 */
export function parseAttestationPolicy(
  value: unknown,
  { insecureSimulated = false }: { readonly insecureSimulated?: boolean } = {},
): AttestationPolicy {
  const parsed = attestationPolicySchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AttestationError(
      'attestation/policy-invalid',
      `attestation policy: ${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? 'has another shape'}`,
    );
  }
  assertPolicySound(parsed.data, { insecureSimulated });
  return parsed.data;
}

/**
 * Checks what the schema cannot: combinations that would demand nothing.
 * @throws {AttestationError} `attestation/policy-invalid`.
 */
export function assertPolicySound(
  policy: AttestationPolicy,
  { insecureSimulated }: { readonly insecureSimulated: boolean },
): void {
  const fail = (message: string): never => {
    throw new AttestationError('attestation/policy-invalid', `attestation policy: ${message}`);
  };
  if (policy.tees.includes('simulated') && !insecureSimulated) {
    fail('tees: simulated evidence needs the explicit option --insecure-simulated-attestation');
  }
  if (policy.binding !== 'sotto' || policy.references !== undefined) return;
  if (policy.codeDigests.length === 0) {
    fail('codeDigests: with the binding "sotto" the accepted code must be named here or by reference values');
  }
  if (policy.measurements.length === 0) {
    fail('measurements: with the binding "sotto" what may run must be named here or by reference values');
  }
}
