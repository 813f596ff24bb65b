/**
 * Reads evidence from files in the forms in which it is found: the envelope of `sotto`, bare reports, quotes, documents
 * and tokens, and base64 of any of them.
 *
 * @module
 */

import { readFileSync } from 'node:fs';

import {
  AttestationError,
  decodeBase64,
  decodeEvidence,
  decodePemCertificates,
  type Evidence,
  SNP_REPORT_BYTES,
} from '../trust/attestation/index.ts';
import { UsageError } from './exit-codes.ts';

/** Files that bare evidence needs beside itself. */
export interface EvidenceFiles {
  /** VCEK or VLEK, DER or PEM. */
  readonly endorsement?: string;
  /** ASK and ARK, PEM. */
  readonly chain?: string;
  /** AMD's revocation list, DER. */
  readonly crl?: string;
  /** Intel's collateral, JSON. */
  readonly collateral?: string;
}

/** @throws {UsageError} when the file cannot be read. */
export function readBytes(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    throw new UsageError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** Reads a file as UTF-8. */
export function readText(path: string): string {
  return new TextDecoder().decode(readBytes(path));
}

/** Reads certificates, DER or PEM. @throws {UsageError} when the file cannot be read or is neither. */
export function readCertificates(path: string): readonly Uint8Array[] {
  const bytes = readBytes(path);
  // 0x30 begins a DER sequence, a dash PEM.
  return bytes[0] === 0x30 ? [bytes] : decodePemCertificates(Buffer.from(bytes).toString('latin1'), path);
}

function readSnp(report: Uint8Array, { endorsement, chain, crl }: EvidenceFiles): Evidence {
  if (endorsement === undefined) {
    throw new UsageError('a bare SEV-SNP report needs its VCEK or VLEK: --endorsement FILE');
  }
  const [leaf, ...rest] = readCertificates(endorsement);
  const given = chain === undefined ? rest : readCertificates(chain);
  return {
    kind: 'sev-snp',
    report,
    endorsement: leaf as Uint8Array,
    ...(given.length > 0 ? { chain: given } : {}),
    ...(crl === undefined ? {} : { revocationList: readBytes(crl) }),
  };
}

/** The issuer that a token names, unverified; it chooses the verifier, nothing else. */
function readToken(token: string): Evidence {
  let issuer: unknown;
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { iss?: unknown };
    issuer = claims.iss;
  } catch {
    throw new AttestationError('attestation/malformed', 'the token has no readable claims');
  }
  const azure = typeof issuer === 'string' && issuer.includes('.attest.azure.');
  return { kind: azure ? 'azure' : 'gcp-confidential-space', token };
}

/** Tells what bare bytes are by how they begin. */
function readBare(bytes: Uint8Array, files: EvidenceFiles): Evidence {
  const [first, second, third] = bytes;
  if (bytes.length === SNP_REPORT_BYTES && second === 0 && third === 0) return readSnp(bytes, files);
  if (first !== undefined && first >= 3 && first <= 5 && second === 0 && (third === 2 || third === 3)) {
    return {
      kind: 'intel',
      quote: bytes,
      ...(files.collateral === undefined ? {} : { collateral: readText(files.collateral) }),
    };
  }
  // CBOR: an array of four, with or without the tag of COSE_Sign1; of six, simulated.
  if (first === 0x84 || first === 0xd2) return { kind: 'nitro', document: bytes };
  if (first === 0x86) return { kind: 'simulated', evidence: bytes };
  // A wrong size with a version in front was a report once.
  if (files.endorsement !== undefined) return readSnp(bytes, files);
  throw new AttestationError('attestation/malformed', 'the file is no evidence of a known kind');
}

/**
 * Reads evidence from a file.
 * @throws {UsageError} when files are missing; {@link AttestationError} when the content is no evidence.
 */
export function readEvidenceFile(path: string, files: EvidenceFiles): Evidence {
  const bytes = readBytes(path);
  const text = Buffer.from(bytes.subarray(0, 1 << 20))
    .toString('latin1')
    .trim();
  if (text.startsWith('{')) return decodeEvidence(bytes);
  if (/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(text)) return readToken(text);
  if (text.length > 64 && /^[A-Za-z0-9+/\r\n]+={0,2}$/.test(text)) {
    return readBare(decodeBase64(text.replaceAll(/[\r\n]/g, ''), path), files);
  }
  return readBare(bytes, files);
}
