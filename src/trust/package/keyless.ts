/**
 * Keyless signatures: a short-lived certificate for an identity, and a transparency log that saw the signature while the
 * certificate was valid. Everything the bundle itself can prove is checked here; that the certificate comes from the
 * authority and the checkpoint from the log it names takes Sigstore's trust root, which is the caller's to bring
 * (`anchor`, by the optional peer `@sigstore/verify`). [Sigstore]
 *
 * @module
 */

import { sha256, toHex } from '../../foundations/crypto/index.ts';
import {
  type Certificate,
  decodeDirectoryString,
  encodeBase64,
  parseCertificate,
  readAlternativeNames,
} from '../attestation/index.ts';
import { hashLeaf, verifyInclusion } from '../log/index.ts';
import { type BundleSigner, type LogEntry, readBase64, type SignatureBundle } from './bundle.ts';
import { refuse } from './errors.ts';
import { assertCodeSigning, assertEnvelope, checkingCertificates } from './certificate-checks.ts';

/** An identity whose keyless signatures count. */
export interface KeylessTrust {
  readonly kind: 'keyless';
  /** E-mail address or address of a workflow, exactly. */
  readonly identity: string;
  /** Who vouched for it at sign-in. */
  readonly issuer: string;
  /**
   * Checks certificate and log against Sigstore's trust root; must throw when they do not hold. `unanchored` accepts what
   * the bundle proves by itself: no more than that somebody made a certificate with this identity in it.
   */
  readonly anchor?: ((bundle: SignatureBundle) => Promise<void>) | 'unanchored';
}

const OID_ISSUER = '1.3.6.1.4.1.57264.1.8';
const OID_ISSUER_OLD = '1.3.6.1.4.1.57264.1.1';
const decoder = new TextDecoder();

function issuerOf(certificate: Certificate): string | undefined {
  const current = certificate.extensions.get(OID_ISSUER);
  if (current !== undefined) return decodeDirectoryString(current.value, 'issuer');
  const old = certificate.extensions.get(OID_ISSUER_OLD);
  return old === undefined ? undefined : decoder.decode(old.value);
}

/** Field of a nested JSON value, or undefined. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Record<string | number, unknown>)[key];
  }
  return found;
}

function assertEntry(
  entry: LogEntry,
  bundle: SignatureBundle,
  { certificate, file }: { certificate: Certificate; file: string },
): void {
  const fail = (detail: string): never => refuse('package/log-proof-invalid', file, detail);
  const body = readBase64(entry.canonicalizedBody, file, 'the body of the log entry');
  const { inclusionProof: proof, kindVersion } = entry;
  if (kindVersion.kind !== 'dsse' || kindVersion.version !== '0.0.1') {
    fail(`a log entry of kind ${kindVersion.kind} ${kindVersion.version} is not known`);
  }
  let content: unknown;
  try {
    content = JSON.parse(decoder.decode(body));
  } catch {
    fail('the body of the log entry is not JSON');
  }
  const logged = at(content, 'spec', 'signatures', 0, 'signature');
  const verifier = at(content, 'spec', 'signatures', 0, 'verifier');
  if (at(content, 'kind') !== 'dsse' || at(content, 'spec', 'payloadHash', 'value') !== toHex(sha256(bundle.payload))) {
    fail('the log entry is of another payload');
  }
  if (logged !== encodeBase64(bundle.signature)) fail('the log entry is of another signature');
  const pem = typeof verifier === 'string' ? decoder.decode(readBase64(verifier, file, 'the logged certificate')) : '';
  const der = pem.replaceAll(/-----[A-Z ]+-----|\s+/g, '');
  if (der !== encodeBase64(certificate.der)) fail('the log entry is of another certificate');
  const root = readBase64(proof.rootHash, file, 'the root of the log');
  const lines = proof.checkpoint.envelope.split('\n');
  if (lines[1] !== proof.treeSize || lines[2] !== proof.rootHash) fail('the checkpoint is of another tree');
  const proven = verifyInclusion({
    index: BigInt(proof.logIndex),
    size: BigInt(proof.treeSize),
    root,
    leafHash: hashLeaf(body),
    proof: proof.hashes.map((hash) => readBase64(hash, file, 'a hash of the log')),
  });
  if (!proven) fail('the proof of inclusion does not lead to the root');
  const seconds = Number(entry.integratedTime ?? Number.NaN);
  const time = new Date(seconds * 1000);
  if (!(time >= certificate.notBefore && time <= certificate.notAfter)) {
    refuse('package/certificate-expired', file, 'the log saw the signature when its certificate was not valid');
  }
}

/**
 * Checks a keyless signature.
 * @throws {PackageError} `package/identity-mismatch`, `package/log-proof-invalid`, `package/keyless-unanchored`,
 * `package/certificate-expired`, `package/certificate-usage`, `package/signature-invalid`.
 */
export async function checkKeyless(
  bundle: SignatureBundle,
  signer: Extract<BundleSigner, { kind: 'keyless' }>,
  { identity, issuer, anchor }: KeylessTrust,
  file: string,
): Promise<{ readonly kind: 'keyless'; readonly name: string }> {
  return checkingCertificates(file, async () => {
    const certificate = parseCertificate(signer.certificate, 'certificate');
    const identities = readAlternativeNames(certificate);
    if (identities.length !== 1 || identities[0] !== identity) {
      refuse(
        'package/identity-mismatch',
        file,
        `it was signed by ${identities.join(', ') || 'nobody named'}, not by ${identity}`,
      );
    }
    if (issuerOf(certificate) !== issuer) {
      refuse(
        'package/identity-mismatch',
        file,
        `${issuerOf(certificate) ?? 'nobody'} vouched for the signer, not ${issuer}`,
      );
    }
    assertCodeSigning(certificate, file);
    await assertEnvelope(bundle, certificate.spki, file);
    if (signer.entries.length === 0) refuse('package/log-proof-invalid', file, 'a keyless signature needs a log entry');
    for (const entry of signer.entries) assertEntry(entry, bundle, { certificate, file });
    if (anchor === undefined) {
      refuse(
        'package/keyless-unanchored',
        file,
        'nobody checked its certificate against Sigstore’s trust root: pass `anchor`',
      );
    }
    if (anchor !== 'unanchored') {
      try {
        await anchor(bundle);
      } catch (cause) {
        refuse('package/untrusted-root', file, 'its certificate does not lead to Sigstore’s trust root', cause);
      }
    }
    return { kind: 'keyless', name: identity } as const;
  });
}
