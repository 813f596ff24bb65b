/**
 * Checks a model signature: the envelope, who signed it, and every file it lists. [OMS]
 *
 * @module
 */

import { sha256, toHex } from '../../foundations/crypto/index.ts';
import {
  type Certificate,
  createTrustRoot,
  OID_EXTENDED_KEY_USAGE,
  parseCertificate,
  verifyChain,
} from '../attestation/index.ts';
import type { PackageFiles } from './archive.ts';
import { type BundleSigner, parseBundle, type SignatureBundle } from './bundle.ts';
import { type PackageErrorCode, type PackageProblem, refuse } from './errors.ts';
import { assertCodeSigning, assertEnvelope, checkingCertificates } from './certificate-checks.ts';
import { keyHint } from './keys.ts';
import { checkKeyless, type KeylessTrust } from './keyless.ts';
import { type ModelStatement, parseStatement } from './statement.ts';

/** Whose signature counts. */
export type SignatureTrust =
  /** A public key: SubjectPublicKeyInfo, DER. */
  | { readonly kind: 'key'; readonly spki: Uint8Array }
  /** Roots of chains, DER. */
  | { readonly kind: 'x509'; readonly roots: readonly Uint8Array[] }
  | KeylessTrust;

/** Who signed. */
export interface Signer {
  readonly kind: SignatureTrust['kind'];
  /** Hint of the key, subject of the certificate, or identity. */
  readonly name: string;
}

/** A signature that holds. */
export interface VerifiedSignature {
  readonly signer: Signer;
  readonly statement: ModelStatement;
}

async function checkKey(
  bundle: SignatureBundle,
  signer: Extract<BundleSigner, { kind: 'key' }>,
  { spki }: Extract<SignatureTrust, { kind: 'key' }>,
  file: string,
): Promise<Signer> {
  const hint = keyHint(spki);
  if (signer.hint !== undefined && signer.hint !== hint) {
    refuse('package/untrusted-key', file, `it was signed by key ${signer.hint.slice(0, 64)}, trusted is ${hint}`);
  }
  await assertEnvelope(bundle, spki, file);
  return { kind: 'key', name: hint };
}

async function checkX509(
  bundle: SignatureBundle,
  certificates: readonly Uint8Array[],
  { roots, at, file }: { readonly roots: readonly Uint8Array[]; readonly at: Date; readonly file: string },
): Promise<Signer> {
  return checkingCertificates(file, async () => {
    const path = certificates.map((der, i) => parseCertificate(der, `certificate ${i + 1}`));
    const leaf = path[0] as Certificate;
    const pinned = roots.map((der, i) => createTrustRoot(`root ${i + 1}`, der));
    await verifyChain(path, { roots: pinned, at, leafExtensions: [OID_EXTENDED_KEY_USAGE] });
    assertCodeSigning(leaf, file);
    await assertEnvelope(bundle, leaf.spki, file);
    return { kind: 'x509', name: leaf.subjectName } as const;
  });
}

async function findSigner(
  bundle: SignatureBundle,
  trust: readonly SignatureTrust[],
  { at, file }: { readonly at: Date; readonly file: string },
): Promise<Signer> {
  const { signer } = bundle;
  let refusal: unknown;
  for (const each of trust) {
    if (each.kind !== signer.kind) continue;
    try {
      if (each.kind === 'key' && signer.kind === 'key') return await checkKey(bundle, signer, each, file);
      if (each.kind === 'x509' && signer.kind === 'x509') {
        return await checkX509(bundle, signer.certificates, { roots: each.roots, at, file });
      }
      if (each.kind === 'keyless' && signer.kind === 'keyless') return await checkKeyless(bundle, signer, each, file);
    } catch (error) {
      refusal ??= error;
    }
  }
  if (refusal !== undefined) throw refusal;
  return refuse('package/untrusted-key', file, `it is signed in ${signer.kind} mode, for which nobody is trusted`);
}

/**
 * Checks a bundle: envelope, signer, statement.
 * @param bytes - the bundle, as it stands in `model.sig`.
 * @throws {PackageError} the first thing that is wrong.
 */
export async function verifySignatureBundle(
  bytes: Uint8Array,
  { trust, at, file }: { readonly trust: readonly SignatureTrust[]; readonly at: Date; readonly file: string },
): Promise<VerifiedSignature> {
  const bundle = parseBundle(bytes, file);
  const signer = await findSigner(bundle, trust, { at, file });
  return { signer, statement: parseStatement(bundle.payload, file) };
}

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** Compares files with a statement; every difference is a problem. */
export function compareFiles(
  files: PackageFiles,
  statement: ModelStatement,
  { ignoredPaths = [] }: { readonly ignoredPaths?: readonly string[] } = {},
): readonly PackageProblem[] {
  const ignored = [...statement.ignoredPaths, ...ignoredPaths];
  const counted = [...files].filter(([path]) => !ignored.some((folder) => isBelow(path, folder)));
  const problems: PackageProblem[] = [];
  const add = (code: PackageErrorCode, file: string, detail: string): void => {
    problems.push({ code, file, detail });
  };
  const single = statement.resources.get('.');
  const listed =
    single === undefined || counted.length !== 1
      ? statement.resources
      : new Map([[(counted[0] as [string, Uint8Array])[0], single]]);
  for (const [path, digest] of listed) {
    // What is ignored is ignored as an addition, never as a file that was signed.
    const bytes = files.get(path);
    if (bytes === undefined) add('package/file-missing', path, 'it is signed and not there');
    else if (toHex(sha256(bytes)) !== digest) {
      add('package/file-changed', path, `its sha256 is ${toHex(sha256(bytes))}, signed was ${digest}`);
    }
  }
  for (const [path] of counted) {
    if (!listed.has(path)) add('package/file-unlisted', path, 'it is there and not signed');
  }
  return problems;
}
