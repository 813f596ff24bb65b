/**
 * Evidence as it travels: one envelope for all kinds, one function that verifies any of them, one digest that names a
 * piece of evidence in transcripts and records.
 *
 * @module
 */

import canonicalize from 'canonicalize';
import { z } from 'zod';

import { sha256, utf8 } from '../../foundations/crypto/index.ts';
import { assertNever } from '../../foundations/numerics/index.ts';
import { AttestationError, malformed } from './errors.ts';
import { parseDcapCollateral, parseJson } from './intel/collateral.ts';
import { verifyIntelQuote } from './intel/verify.ts';
import { verifyNitroDocument } from './nitro/verify.ts';
import { examine, type Verdict } from './result.ts';
import type { TrustRoots } from './roots/trust-root.ts';
import { verifySimulatedEvidence } from './simulated/evidence.ts';
import { verifySnpReport } from './snp/verify.ts';
import { decodeBase64, encodeBase64 } from './text-encodings.ts';
import { verifyAzureToken } from './tokens/azure.ts';
import { verifyConfidentialSpaceToken } from './tokens/confidential-space.ts';
import type { KeySet } from './tokens/key-set.ts';

/** A piece of evidence with what its verification needs beside the roots. Byte strings are raw, certificates DER. */
export type Evidence =
  | {
      readonly kind: 'sev-snp';
      readonly report: Uint8Array;
      readonly endorsement: Uint8Array;
      readonly chain?: readonly Uint8Array[];
      readonly revocationList?: Uint8Array;
    }
  /** TDX and SGX quotes; `collateral` is the text of a DCAP collateral file. */
  | { readonly kind: 'intel'; readonly quote: Uint8Array; readonly collateral?: string }
  | { readonly kind: 'nitro'; readonly document: Uint8Array }
  | { readonly kind: 'gcp-confidential-space'; readonly token: string }
  | { readonly kind: 'azure'; readonly token: string }
  | { readonly kind: 'simulated'; readonly evidence: Uint8Array };

/** What the verifier trusts. */
export interface TrustContext {
  readonly roots: TrustRoots;
  readonly at: Date;
  /** Public keys of the token services; without them tokens of theirs are refused. */
  readonly tokenKeys?: { readonly gcp?: KeySet; readonly azure?: KeySet };
  /** The `aud` that tokens must name. */
  readonly audience?: string;
}

const MAX_ENVELOPE_BYTES = 12 << 20;
const text = z.string();
const envelopeSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    sotto: z.literal('evidence/1'),
    kind: z.literal('sev-snp'),
    report: text,
    endorsement: text,
    chain: z.array(text).max(8).optional(),
    revocationList: text.optional(),
  }),
  z.strictObject({
    sotto: z.literal('evidence/1'),
    kind: z.literal('intel'),
    quote: text,
    collateral: text.optional(),
  }),
  z.strictObject({ sotto: z.literal('evidence/1'), kind: z.literal('nitro'), document: text }),
  z.strictObject({ sotto: z.literal('evidence/1'), kind: z.literal('gcp-confidential-space'), token: text }),
  z.strictObject({ sotto: z.literal('evidence/1'), kind: z.literal('azure'), token: text }),
  z.strictObject({ sotto: z.literal('evidence/1'), kind: z.literal('simulated'), evidence: text }),
]);

/** Encodes evidence as canonical JSON [RFC8785], byte strings in base64. */
export function encodeEvidence(evidence: Evidence): Uint8Array {
  const members = Object.entries(evidence).map(([name, value]): [string, unknown] => {
    if (value instanceof Uint8Array) return [name, encodeBase64(value)];
    if (Array.isArray(value)) return [name, value.map((item: Uint8Array) => encodeBase64(item))];
    return [name, value];
  });
  return utf8(canonicalize({ sotto: 'evidence/1', ...Object.fromEntries(members) }) as string);
}

/**
 * Decodes an envelope.
 * @throws {AttestationError} `attestation/malformed`.
 */
export function decodeEvidence(bytes: Uint8Array): Evidence {
  if (bytes.length > MAX_ENVELOPE_BYTES) malformed(`evidence: longer than ${MAX_ENVELOPE_BYTES} bytes`);
  let json: string;
  try {
    json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    malformed('evidence is not UTF-8', cause);
  }
  const envelope = parseJson(json, envelopeSchema, 'evidence');
  switch (envelope.kind) {
    case 'sev-snp':
      return {
        kind: 'sev-snp',
        report: decodeBase64(envelope.report, 'report'),
        endorsement: decodeBase64(envelope.endorsement, 'endorsement'),
        ...(envelope.chain ? { chain: envelope.chain.map((item) => decodeBase64(item, 'chain')) } : {}),
        ...(envelope.revocationList
          ? { revocationList: decodeBase64(envelope.revocationList, 'revocation list') }
          : {}),
      };
    case 'intel':
      return {
        kind: 'intel',
        quote: decodeBase64(envelope.quote, 'quote'),
        ...(envelope.collateral === undefined ? {} : { collateral: envelope.collateral }),
      };
    case 'nitro':
      return { kind: 'nitro', document: decodeBase64(envelope.document, 'document') };
    case 'gcp-confidential-space':
    case 'azure':
      return { kind: envelope.kind, token: envelope.token };
    case 'simulated':
      return { kind: 'simulated', evidence: decodeBase64(envelope.evidence, 'evidence') };
    default:
      return assertNever(envelope);
  }
}

/** Names a piece of evidence: SHA-256 of its canonical encoding. */
export function computeEvidenceDigest(evidence: Evidence): Uint8Array {
  return sha256(encodeEvidence(evidence));
}

/** A verdict for tokens whose issuer's keys nobody gave. */
const noKeys = (service: string): Promise<Verdict> =>
  examine(async ({ check }) =>
    check('keys of the token service', () => {
      throw new AttestationError(
        'attestation/collateral-missing',
        `no keys of ${service} were given: pin them as \`tokens\` of the policy`,
      );
    }),
  );

/**
 * Verifies evidence of any kind, offline.
 * @returns a verdict; bad evidence is a refusal, never an exception.
 */
export async function verifyEvidence(evidence: Evidence, context: TrustContext): Promise<Verdict> {
  const { tokenKeys } = context;
  switch (evidence.kind) {
    case 'sev-snp':
      return verifySnpReport(evidence.report, evidence, context);
    case 'intel': {
      const { collateral } = evidence;
      let parsed: ReturnType<typeof parseDcapCollateral> | undefined;
      const reading = await examine(async ({ check }) => {
        if (collateral !== undefined) parsed = await check('collateral decodes', () => parseDcapCollateral(collateral));
      });
      return reading.ok ? verifyIntelQuote(evidence.quote, parsed, context) : reading;
    }
    case 'nitro':
      return verifyNitroDocument(evidence.document, context);
    case 'gcp-confidential-space':
      return tokenKeys?.gcp === undefined
        ? noKeys('Confidential Space')
        : verifyConfidentialSpaceToken(evidence.token, { ...context, keys: tokenKeys.gcp });
    case 'azure':
      return tokenKeys?.azure === undefined
        ? noKeys('Azure Attestation')
        : verifyAzureToken(evidence.token, { ...context, keys: tokenKeys.azure });
    case 'simulated':
      return verifySimulatedEvidence(evidence.evidence, context);
    default:
      return assertNever(evidence);
  }
}
