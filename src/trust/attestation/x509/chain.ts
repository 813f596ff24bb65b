/**
 * Path validation from a leaf to a pinned root. [RFC5280] §6.1, without name constraints and policies, whose critical
 * forms are refused.
 *
 * @module
 */

import { equalBytes } from '../../../foundations/crypto/index.ts';
import { AttestationError } from '../errors.ts';
import type { TrustRoot } from '../roots/trust-root.ts';
import { type Certificate, KEY_USAGE, OID_BASIC_CONSTRAINTS, OID_KEY_USAGE, parseCertificate } from './certificate.ts';
import { verifyX509Signature } from './signature.ts';

/** A path whose every link is checked. */
export interface VerifiedChain {
  /** From the leaf to the root. */
  readonly certificates: readonly Certificate[];
  readonly root: TrustRoot;
  /** When the first of the certificates expires. */
  readonly notAfter: Date;
}

const MAX_CHAIN = 8;
const PROCESSED = new Set([OID_BASIC_CONSTRAINTS, OID_KEY_USAGE]);

/** @throws {AttestationError} `attestation/certificate-expired` when `at` lies outside of the validity. */
function assertValidAt(certificate: Certificate, at: Date): void {
  if (!(at >= certificate.notBefore && at <= certificate.notAfter)) {
    throw new AttestationError(
      'attestation/certificate-expired',
      `${certificate.commonName} is valid from ${certificate.notBefore.toISOString()} to ${certificate.notAfter.toISOString()}, not at ${at.toISOString()}`,
    );
  }
}

function assertLink(child: Certificate, parent: Certificate, authoritiesBelow: number): void {
  const fail = (reason: string): never => {
    throw new AttestationError('attestation/chain-invalid', `${child.commonName} ← ${parent.commonName}: ${reason}`);
  };
  if (!equalBytes(child.issuer, parent.subject)) fail('issuer and subject differ');
  if (!parent.isAuthority) fail('the issuer is no certification authority');
  if (!(parent.keyUsage?.has(KEY_USAGE.keyCertSign) ?? true)) fail('the issuer may not sign certificates');
  if (parent.pathLength !== undefined && authoritiesBelow > parent.pathLength) fail('the path is longer than allowed');
}

function assertNoUnknownCritical(certificate: Certificate, processed: readonly string[]): void {
  for (const [oid, { critical }] of certificate.extensions) {
    if (critical && !PROCESSED.has(oid) && !processed.includes(oid)) {
      throw new AttestationError(
        'attestation/chain-invalid',
        `${certificate.commonName} has the unknown critical extension ${oid}`,
      );
    }
  }
}

/** Finds the pinned root that ends the path: the last certificate itself, or its issuer. */
async function findAnchor(
  path: readonly Certificate[],
  roots: readonly TrustRoot[],
): Promise<{ readonly root: TrustRoot; readonly full: readonly Certificate[] }> {
  const last = path.at(-1) as Certificate;
  for (const root of roots) {
    const pinned = parseCertificate(root.der, root.name);
    if (equalBytes(last.der, pinned.der)) return { root, full: path };
    if (path.length > 1 && equalBytes(last.subject, pinned.subject) && equalBytes(last.spki, pinned.spki)) {
      // The vendor may issue its root anew: the key is what is pinned, and it must have signed this form of it.
      const signed = { signature: last.signature, data: last.tbs };
      if (await verifyX509Signature(last.signatureAlgorithm, pinned.spki, signed)) return { root, full: path };
    }
    if (equalBytes(last.issuer, pinned.subject) && !equalBytes(last.subject, pinned.subject)) {
      return { root, full: [...path, pinned] };
    }
  }
  throw new AttestationError('attestation/untrusted-root', `${last.subjectName} leads to none of the pinned roots`, {
    details: { pinned: roots.map(({ name }) => name) },
  });
}

/**
 * Verifies a path.
 * @param path - leaf first, each certificate issued by the next; the root at its end may be left out.
 * @param options - `roots` are the pinned ones, `at` the time at which all must be valid; `leafExtensions` are those of the
 * leaf that the caller looks at itself, so that they may be critical.
 * @throws {AttestationError} `attestation/untrusted-root`, `attestation/chain-invalid`,
 *   `attestation/certificate-expired`.
 */
export async function verifyChain(
  path: readonly Certificate[],
  {
    roots,
    at,
    leafExtensions = [],
  }: { readonly roots: readonly TrustRoot[]; readonly at: Date; readonly leafExtensions?: readonly string[] },
): Promise<VerifiedChain> {
  if (path.length === 0 || path.length > MAX_CHAIN) {
    throw new AttestationError('attestation/chain-invalid', `a chain of ${path.length} certificates`);
  }
  const { root, full } = await findAnchor(path, roots);
  for (const [index, certificate] of full.entries()) {
    assertNoUnknownCritical(certificate, index === 0 ? leafExtensions : []);
    const parent = full[index + 1];
    if (parent !== undefined) {
      assertLink(certificate, parent, index);
      const signed = { signature: certificate.signature, data: certificate.tbs };
      if (!(await verifyX509Signature(certificate.signatureAlgorithm, parent.spki, signed))) {
        throw new AttestationError(
          'attestation/chain-invalid',
          `${certificate.commonName} is not signed by ${parent.commonName}`,
        );
      }
    }
  }
  for (const certificate of full) assertValidAt(certificate, at);
  const notAfter = new Date(Math.min(...full.map((certificate) => certificate.notAfter.getTime())));
  return { certificates: full, root, notAfter };
}
