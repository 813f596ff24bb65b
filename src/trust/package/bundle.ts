/**
 * Sigstore bundles v0.3 around DSSE envelopes [Sigstore, DSSE]: who signed, what, and the proof of a log where there is
 * one. Every field is known or the bundle is refused.
 *
 * @module
 */

import { z } from 'zod';

import { decodeBase64 } from '../attestation/index.ts';
import { PackageError, refuse } from './errors.ts';
import { PAYLOAD_TYPE } from './statement.ts';

export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const MAX_BUNDLE_BYTES = 16 << 20;

const bytes = z.string().max(MAX_BUNDLE_BYTES);
const integer = z.union([z.string().regex(/^(0|[1-9][0-9]{0,18})$/), z.int().min(0).transform(String)]);
const certificate = z.strictObject({ rawBytes: bytes });
const logEntry = z.strictObject({
  logIndex: integer,
  logId: z.strictObject({ keyId: bytes }),
  kindVersion: z.strictObject({ kind: z.string(), version: z.string() }),
  integratedTime: integer.optional(),
  inclusionPromise: z.strictObject({ signedEntryTimestamp: bytes }).optional(),
  inclusionProof: z.strictObject({
    logIndex: integer,
    rootHash: bytes,
    treeSize: integer,
    hashes: z.array(bytes).max(64),
    checkpoint: z.strictObject({ envelope: z.string().max(65_536) }),
  }),
  canonicalizedBody: bytes,
});
const schema = z.strictObject({
  mediaType: z.literal(BUNDLE_TYPE),
  verificationMaterial: z.strictObject({
    publicKey: z
      .strictObject({ hint: z.string().optional(), rawBytes: bytes.optional(), keyDetails: z.string().optional() })
      .optional(),
    x509CertificateChain: z.strictObject({ certificates: z.array(certificate).min(1).max(8) }).optional(),
    certificate: certificate.optional(),
    tlogEntries: z.array(logEntry).max(8).optional(),
    timestampVerificationData: z
      .strictObject({
        rfc3161Timestamps: z
          .array(z.strictObject({ signedTimestamp: bytes }))
          .max(8)
          .optional(),
      })
      .optional(),
  }),
  dsseEnvelope: z.strictObject({
    payload: bytes,
    payloadType: z.literal(PAYLOAD_TYPE),
    signatures: z.array(z.strictObject({ sig: bytes, keyid: z.string().nullable().optional() })).length(1),
  }),
});

/** A transparency-log entry of a keyless signature. */
export type LogEntry = z.infer<typeof logEntry>;

/** Who a bundle says has signed. */
export type BundleSigner =
  | { readonly kind: 'key'; readonly hint: string | undefined; readonly rawBytes: Uint8Array | undefined }
  | { readonly kind: 'x509'; readonly certificates: readonly Uint8Array[] }
  | { readonly kind: 'keyless'; readonly certificate: Uint8Array; readonly entries: readonly LogEntry[] };

/** A bundle that was read; nothing of it is verified. */
export interface SignatureBundle {
  /** The bundle as it came. */
  readonly source: Uint8Array;
  readonly signer: BundleSigner;
  readonly payload: Uint8Array;
  readonly payloadType: string;
  readonly signature: Uint8Array;
}

/** Reads base64 that has one text for one value. @throws {PackageError} `package/signature-malformed`. */
export function readBase64(text: string, file: string, what: string): Uint8Array {
  try {
    return decodeBase64(text, what);
  } catch (cause) {
    return refuse('package/signature-malformed', file, `${what} is not base64`, cause);
  }
}

/**
 * Reads a bundle.
 * @throws {PackageError} `package/signature-malformed`, `package/unknown-critical-field`.
 */
export function parseBundle(text: Uint8Array, file: string): SignatureBundle {
  if (text.length > MAX_BUNDLE_BYTES) refuse('package/signature-malformed', file, 'it is larger than any signature');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch (cause) {
    throw new PackageError('package/signature-malformed', `${file}: it is not JSON`, { cause, details: { file } });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const unknown = parsed.error.issues.find(({ code }) => code === 'unrecognized_keys');
    if (unknown !== undefined) refuse('package/unknown-critical-field', file, unknown.message);
    return refuse('package/signature-malformed', file, z.prettifyError(parsed.error).split('\n')[0] ?? 'no bundle');
  }
  const { verificationMaterial: material, dsseEnvelope: envelope } = parsed.data;
  const { publicKey, x509CertificateChain: chain, certificate: single, tlogEntries: entries = [] } = material;
  if ([publicKey, chain, single].filter((each) => each !== undefined).length !== 1) {
    refuse('package/signature-malformed', file, 'it must name one signer: a key, a chain or a certificate');
  }
  let signer: BundleSigner;
  if (publicKey !== undefined) {
    const { rawBytes } = publicKey;
    const raw = rawBytes === undefined ? undefined : readBase64(rawBytes, file, 'the public key');
    signer = { kind: 'key', hint: publicKey.hint, rawBytes: raw };
  } else if (chain !== undefined) {
    const certificates = chain.certificates.map(({ rawBytes }) => readBase64(rawBytes, file, 'a certificate'));
    signer = { kind: 'x509', certificates };
  } else {
    const der = readBase64((single as z.infer<typeof certificate>).rawBytes, file, 'the certificate');
    signer = { kind: 'keyless', certificate: der, entries };
  }
  return {
    source: text,
    signer,
    payload: readBase64(envelope.payload, file, 'the payload'),
    payloadType: envelope.payloadType,
    signature: readBase64((envelope.signatures[0] as { sig: string }).sig, file, 'the signature'),
  };
}
