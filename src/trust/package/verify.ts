/**
 * The verdict on a package: everything that is wrong with it, each with the file it is wrong with, and the files only
 * when nothing is.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import { equalBytes, sha256, toHex, utf8 } from '../../foundations/crypto/index.ts';
import { type ArchiveLimits, decodeArchive, type PackageFiles } from './archive.ts';
import { PackageError, type PackageProblem, problemOf } from './errors.ts';
import { MANIFEST_FILE, type PackageManifest, parseManifest } from './manifest.ts';
import { isSealed } from './seal.ts';
import { SIGNATURE_FILE } from './sign.ts';
import type { ModelStatement } from './statement.ts';
import { compareFiles, type SignatureTrust, type Signer, verifySignatureBundle } from './verify-signature.ts';

/** What is known of a package or of signed files. */
export interface PackageVerdict {
  readonly ok: boolean;
  readonly problems: readonly PackageProblem[];
  readonly signer: Signer | null;
  readonly manifest: PackageManifest | null;
  /** The files, when `ok`; empty otherwise, so that nothing is loaded from what does not hold. */
  readonly files: PackageFiles;
}

/** Whose signature counts, and when. */
export interface VerifyOptions {
  readonly trust: readonly SignatureTrust[];
  readonly at: Date;
  readonly limits?: ArchiveLimits;
}

const refused = (problems: readonly PackageProblem[], known: Partial<PackageVerdict> = {}): PackageVerdict => ({
  signer: null,
  manifest: null,
  ...known,
  ok: false,
  problems,
  files: new Map(),
});

/**
 * Checks files signed the OpenSSF way, whoever made them.
 * @param files - all files of the folder, the signature among them.
 * @param options - `signatureFile` beside the files; `ignoredPaths` that formats before 1.1.0 do not record.
 * @returns the verdict; never throws, whatever the bytes are.
 */
export async function verifySignedFiles(
  files: PackageFiles,
  {
    trust,
    at,
    signatureFile = SIGNATURE_FILE,
    ignoredPaths = [],
  }: VerifyOptions & { readonly signatureFile?: string; readonly ignoredPaths?: readonly string[] },
): Promise<PackageVerdict & { readonly statement?: ModelStatement }> {
  const bytes = files.get(signatureFile);
  if (bytes === undefined) {
    return refused([{ code: 'package/unsigned', file: signatureFile, detail: 'there is no signature' }]);
  }
  try {
    const { signer, statement } = await verifySignatureBundle(bytes, { trust, at, file: signatureFile });
    const problems = compareFiles(files, statement, { ignoredPaths: [signatureFile, ...ignoredPaths] });
    if (problems.length > 0) return refused(problems, { signer });
    return { ok: true, problems, signer, manifest: null, files, statement };
  } catch (error) {
    return refused([problemOf(error, signatureFile)]);
  }
}

/** What is wrong with the files of a package beyond their signature. */
function checkContent(
  files: PackageFiles,
  statement: ModelStatement | undefined,
): { problems: readonly PackageProblem[]; manifest: PackageManifest | null } {
  // What a signer left out is fine beside a model, where others put it; in a package nothing is there that nobody signed.
  const problems: PackageProblem[] = [...files.keys()]
    .filter((path) => path !== SIGNATURE_FILE && statement?.resources.has(path) !== true)
    .map((file) => ({ code: 'package/file-unlisted', file, detail: 'it is there and not signed' }));
  const bytes = files.get(MANIFEST_FILE);
  if (bytes === undefined) {
    return {
      problems: [{ code: 'package/file-missing', file: MANIFEST_FILE, detail: 'it has no manifest' }],
      manifest: null,
    };
  }
  let manifest: PackageManifest;
  try {
    manifest = parseManifest(bytes);
  } catch (error) {
    return { problems: [problemOf(error, MANIFEST_FILE)], manifest: null };
  }
  const { file, sha256: digest } = manifest.model;
  const model = files.get(file);
  if (model === undefined || toHex(sha256(model)) !== digest) {
    problems.push({ code: 'package/file-changed', file, detail: 'it is not the model of the manifest' });
  }
  const signature = files.get(SIGNATURE_FILE) as Uint8Array;
  const text = canonicalize(JSON.parse(new TextDecoder().decode(signature))) as string;
  if (!equalBytes(signature, utf8(text))) {
    problems.push({ code: 'package/signature-malformed', file: SIGNATURE_FILE, detail: 'it is not in canonical form' });
  }
  return { problems, manifest };
}

/**
 * Checks a package: archive, signature, files, manifest. A sealed one is opened first, see `openSeal`.
 * @param source - the archive, or its files when it was unpacked.
 * @returns the verdict; never throws, whatever the bytes are.
 */
export async function verifyPackage(
  source: Uint8Array | PackageFiles,
  { trust, at, limits }: VerifyOptions,
): Promise<PackageVerdict> {
  let files: PackageFiles;
  try {
    if (source instanceof Uint8Array && isSealed(source)) {
      throw new PackageError('package/sealed', 'the package is sealed: open it with an identity first', {
        details: { file: 'archive' },
      });
    }
    files = source instanceof Uint8Array ? decodeArchive(source, limits) : source;
  } catch (error) {
    return refused([problemOf(error, 'archive')]);
  }
  const verdict = await verifySignedFiles(files, { trust, at });
  if (!verdict.ok) return verdict;
  const { problems, manifest } = checkContent(files, verdict.statement);
  return problems.length > 0 ? refused(problems, { signer: verdict.signer, manifest }) : { ...verdict, manifest };
}
