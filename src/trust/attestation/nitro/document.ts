/**
 * Decoder of AWS Nitro attestation documents: a COSE_Sign1 around a CBOR map. [AWSNitro] attestation process, §3
 *
 * @module
 */

import { toHex } from '../../../foundations/crypto/index.ts';
import { decodeCbor } from '../cbor.ts';
import { type CoseSign1, decodeCoseSign1 } from '../cose.ts';
import { AttestationError, malformed } from '../errors.ts';

/** A decoded document; nothing of it is verified. */
export interface NitroDocument {
  readonly message: CoseSign1;
  readonly moduleId: string;
  readonly digest: 'SHA384';
  /** Milliseconds since 1970, by the hypervisor's clock. */
  readonly timestampMs: number;
  /** Platform configuration registers by index, in hexadecimal. */
  readonly pcrs: ReadonlyMap<number, string>;
  readonly certificate: Uint8Array;
  /** Authorities from the root to the leaf's issuer; empty when the document has none. */
  readonly authorities: readonly Uint8Array[];
  readonly publicKey: Uint8Array | null;
  readonly userData: Uint8Array | null;
  readonly nonce: Uint8Array | null;
}

const MAX_DOCUMENT_BYTES = 32_768;
const MAX_OPTIONAL_BYTES = 1024;
const MAX_CERTIFICATE_BYTES = 2048;
const FIELDS = new Set([
  'module_id',
  'digest',
  'timestamp',
  'pcrs',
  'certificate',
  'cabundle',
  'public_key',
  'user_data',
  'nonce',
]);

function bytesOf(value: unknown, name: string, maxBytes: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length > maxBytes) malformed(`Nitro document: ${name} is no byte string`);
  return value;
}

function optionalBytes(value: unknown, name: string): Uint8Array | null {
  return value === null || value === undefined ? null : bytesOf(value, name, MAX_OPTIONAL_BYTES);
}

function readRegisters(value: unknown): ReadonlyMap<number, string> {
  if (!(value instanceof Map) || value.size === 0 || value.size > 32) malformed('Nitro document: broken pcrs');
  const registers = new Map<number, string>();
  for (const [index, register] of value as Map<unknown, unknown>) {
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index > 31) {
      malformed('Nitro document: PCR index out of range');
    }
    const bytes = bytesOf(register, `PCR${index}`, 64);
    if (![32, 48, 64].includes(bytes.length)) malformed(`Nitro document: PCR${index} of ${bytes.length} bytes`);
    registers.set(index, toHex(bytes));
  }
  return registers;
}

/**
 * Decodes a document.
 * @throws {AttestationError} `attestation/malformed`, `attestation/unsupported`.
 */
export function decodeNitroDocument(bytes: Uint8Array): NitroDocument {
  if (bytes.length > MAX_DOCUMENT_BYTES) malformed(`Nitro document: longer than ${MAX_DOCUMENT_BYTES} bytes`);
  const message = decodeCoseSign1(bytes, 'Nitro document');
  if (message.hash !== 'SHA-384')
    throw new AttestationError('attestation/unsupported', 'Nitro document: ES384 expected');
  // Neither header carries anything else: what is not signed must be empty.
  if ((message.unprotectedHeader?.size ?? 0) > 0 || message.protectedHeader.size > 1) {
    malformed('Nitro document: extra headers');
  }
  const payload = decodeCbor(message.payload, 'Nitro document, payload');
  if (!(payload instanceof Map)) malformed('Nitro document: payload is no map');
  for (const key of payload.keys()) {
    if (typeof key !== 'string' || !FIELDS.has(key)) malformed('Nitro document: unknown field in the payload');
  }
  const field = (name: string): unknown => payload.get(name);
  const moduleId = field('module_id');
  if (typeof moduleId !== 'string' || moduleId.length === 0) malformed('Nitro document: no module_id');
  if (field('digest') !== 'SHA384') malformed('Nitro document: digest is not SHA384');
  const timestampMs = field('timestamp');
  if (typeof timestampMs !== 'number' || !Number.isSafeInteger(timestampMs) || timestampMs <= 0) {
    malformed('Nitro document: broken timestamp');
  }
  // Date covers ±8.64e15 ms.
  if (timestampMs > 8.64e15) malformed('Nitro document: timestamp out of range');
  const bundle = field('cabundle') ?? [];
  if (!Array.isArray(bundle) || bundle.length > 8) malformed('Nitro document: broken cabundle');
  return {
    message,
    moduleId,
    digest: 'SHA384',
    timestampMs,
    pcrs: readRegisters(field('pcrs')),
    certificate: bytesOf(field('certificate'), 'certificate', MAX_CERTIFICATE_BYTES),
    authorities: bundle.map((entry) => bytesOf(entry, 'cabundle', MAX_CERTIFICATE_BYTES)),
    publicKey: optionalBytes(field('public_key'), 'public_key'),
    userData: optionalBytes(field('user_data'), 'user_data'),
    nonce: optionalBytes(field('nonce'), 'nonce'),
  };
}
