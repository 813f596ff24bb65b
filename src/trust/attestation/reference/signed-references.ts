/**
 * Signed reference values: JSON in a DSSE envelope with Ed25519, or CoRIM in COSE_Sign1 with ECDSA; and the proof that
 * they stand in a transparency log, so that a publisher cannot show one participant other values than the rest.
 *
 * @module
 */

import { z } from 'zod';

import {
  concatBytes,
  sha256,
  type SigningKey,
  toHex,
  utf8,
  verifySignature,
} from '../../../foundations/crypto/index.ts';
import { decodeCoseSign1, verifyCoseSign1 } from '../cose.ts';
import { AttestationError, malformed } from '../errors.ts';
import { parseJson } from '../intel/collateral.ts';
import { decodeBase64, encodeBase64 } from '../text-encodings.ts';
import { decodeCorim, decodeCorimMeta, referenceValuesOfCorim } from './corim.ts';
import { parseReferenceValues, type ReferenceSet, type ReferenceValues } from './reference-values.ts';

/** A publisher whose values are accepted. */
export type ReferenceSigner =
  | { readonly kind: 'ed25519'; readonly name: string; readonly publicKey: Uint8Array }
  /** `spki`: SubjectPublicKeyInfo as DER, P-256, P-384 or P-521. */
  | { readonly kind: 'ecdsa'; readonly name: string; readonly spki: Uint8Array };

/** Reference values as they travel. */
export interface SignedReferences {
  readonly kind: 'dsse' | 'corim';
  readonly bytes: Uint8Array;
  /** A proof of inclusion, in the form of the log that made it. */
  readonly receipt?: Uint8Array;
}

/**
 * A transparency log as far as it matters here: checks that `entry` stands in it.
 * @returns whether the receipt proves it. Must not throw on bad receipts.
 */
export interface ReferenceLog {
  readonly name: string;
  verifyInclusion(entry: Uint8Array, receipt: Uint8Array): Promise<boolean> | boolean;
}

/** Type of the payload in DSSE envelopes. */
export const REFERENCE_PAYLOAD_TYPE = 'application/vnd.sotto.reference-values+json';
const HEADER_CONTENT_TYPE = 3;
const HEADER_CORIM_META = 8;
const MAX_REFERENCE_BYTES = 4 << 20;

const envelopeSchema = z.strictObject({
  payloadType: z.literal(REFERENCE_PAYLOAD_TYPE),
  payload: z.string(),
  signatures: z
    .array(z.strictObject({ keyid: z.string().optional(), sig: z.string() }))
    .min(1)
    .max(16),
});

/** What a DSSE signature covers: the pre-authentication encoding of type and payload. [DSSE] */
export function dssePreAuthentication(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = utf8(payloadType);
  return concatBytes(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload);
}

/**
 * Signs a file of reference values: the envelope that {@link verifyReferences} opens. [DSSE]
 * @param payload - the file, as {@link parseReferenceValues} reads it.
 */
export function signReferenceValues(payload: Uint8Array, key: SigningKey): Uint8Array {
  const sig = key.sign(dssePreAuthentication(REFERENCE_PAYLOAD_TYPE, payload));
  const envelope = {
    payload: encodeBase64(payload),
    payloadType: REFERENCE_PAYLOAD_TYPE,
    signatures: [{ sig: encodeBase64(sig) }],
  };
  return utf8(JSON.stringify(envelope));
}

const unsigned = (message: string): never => {
  throw new AttestationError('attestation/reference-invalid', message);
};

function openDsse(bytes: Uint8Array, signers: readonly ReferenceSigner[]) {
  const text = new TextDecoder('utf-8').decode(bytes);
  const envelope = parseJson(text, envelopeSchema, 'reference values, envelope');
  const payload = decodeBase64(envelope.payload, 'reference values, payload');
  const signed = dssePreAuthentication(envelope.payloadType, payload);
  const signer = signers.find(
    (candidate) =>
      candidate.kind === 'ed25519' &&
      envelope.signatures.some(({ sig }) =>
        verifySignature(candidate.publicKey, signed, decodeBase64(sig, 'reference values, signature')),
      ),
  );
  if (signer === undefined) return unsigned('the reference values are signed by no accepted publisher');
  return { publisher: signer.name, values: parseReferenceValues(new TextDecoder('utf-8').decode(payload)) };
}

async function openCorim(bytes: Uint8Array, { signers, at }: { signers: readonly ReferenceSigner[]; at: Date }) {
  const message = decodeCoseSign1(bytes, 'signed CoRIM');
  const contentType = message.protectedHeader.get(HEADER_CONTENT_TYPE);
  if (contentType !== 'application/rim+cbor' && contentType !== 'application/corim-unsigned+cbor') {
    return unsigned(`the signed CoRIM has the content type ${String(contentType)}`);
  }
  for (const signer of signers) {
    if (signer.kind === 'ecdsa' && (await verifyCoseSign1(message, signer.spki))) {
      const values = referenceValuesOfCorim(decodeCorim(message.payload));
      const meta: unknown = message.protectedHeader.get(HEADER_CORIM_META);
      if (meta !== undefined) {
        if (!(meta instanceof Uint8Array)) malformed('signed CoRIM: the signer’s statement is no byte string');
        assertInForce({ ...decodeCorimMeta(meta), id: `${values.id}, signature,` }, at);
      }
      return { publisher: signer.name, values };
    }
  }
  return unsigned('the CoRIM is signed by no accepted publisher');
}

function assertInForce({ notBefore, notAfter, id }: Omit<ReferenceValues, 'entries'>, at: Date): void {
  if ((notBefore !== undefined && at < notBefore) || (notAfter !== undefined && at > notAfter)) {
    unsigned(`the reference values ${id} are not in force at ${at.toISOString()}`);
  }
}

/**
 * Verifies signed reference values.
 * @param references - the envelope, and the receipt of the log when there is one.
 * @param options - `log` is asked when the policy wants the values logged; a missing or bad receipt is then refused.
 * @throws {AttestationError} `attestation/reference-invalid`, `attestation/reference-not-logged`,
 *   `attestation/malformed`, `attestation/unsupported`.
 */
export async function verifyReferences(
  references: SignedReferences,
  {
    signers,
    at,
    log,
  }: {
    readonly signers: readonly ReferenceSigner[];
    readonly at: Date;
    readonly log?: ReferenceLog;
  },
): Promise<ReferenceSet> {
  const { kind, bytes, receipt } = references;
  if (bytes.length > MAX_REFERENCE_BYTES) malformed(`reference values: longer than ${MAX_REFERENCE_BYTES} bytes`);
  const { publisher, values } = kind === 'dsse' ? openDsse(bytes, signers) : await openCorim(bytes, { signers, at });
  assertInForce(values, at);
  let logged = false;
  if (log !== undefined) {
    logged = receipt !== undefined && (await log.verifyInclusion(bytes, receipt));
    if (!logged) {
      throw new AttestationError(
        'attestation/reference-not-logged',
        receipt === undefined
          ? `the reference values come without a receipt of ${log.name}`
          : `the receipt does not prove that the reference values stand in ${log.name}`,
      );
    }
  }
  return { ...values, publisher, digest: toHex(sha256(bytes)), logged };
}
