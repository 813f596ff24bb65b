/**
 * Errors of the package room. Checking a package never throws them: they become problems of its verdict. They are thrown
 * where a package cannot be made, or where what was asked for must not be given.
 *
 * @module
 */

import { SottoError } from '../../foundations/numerics/index.ts';

/** What can be wrong with a package, its signature, its seal or an update channel. */
export type PackageErrorCode =
  // The archive
  | 'package/truncated'
  | 'package/malformed'
  /** A path leaves the folder, is absolute, or is written in a way that some reader takes for another one. */
  | 'package/path'
  /** A link, device or other thing that is no plain file. */
  | 'package/not-a-file'
  | 'package/duplicate'
  /** Larger, or more files, than is ever read. */
  | 'package/too-large'
  /** Compressed: packages are not, so that a small file can never become a large one. */
  | 'package/compressed'
  // The manifest
  | 'package/manifest'
  /** A field that must be understood and is not. */
  | 'package/unknown-critical-field'
  | 'package/unsupported-version'
  // The signature
  | 'package/unsigned'
  | 'package/signature-malformed'
  | 'package/signature-invalid'
  /** Signed, by nobody who is trusted here. */
  | 'package/untrusted-key'
  | 'package/statement'
  | 'package/chain-invalid'
  | 'package/untrusted-root'
  | 'package/certificate-expired'
  | 'package/certificate-usage'
  | 'package/unknown-critical-extension'
  | 'package/identity-mismatch'
  | 'package/log-proof-invalid'
  /** Keyless, and nobody checked that the certificate comes from the authority it names. */
  | 'package/keyless-unanchored'
  // The files
  | 'package/file-changed'
  | 'package/file-missing'
  | 'package/file-unlisted'
  // The seal
  | 'package/sealed'
  | 'package/seal-invalid'
  | 'package/no-matching-identity'
  // The channel
  | 'package/channel-malformed'
  | 'package/threshold'
  | 'package/rollback'
  /** Two channels of one version: somebody is shown another one. */
  | 'package/equivocation'
  /** Nothing newer than a channel that has expired: somebody may be holding newer ones back. */
  | 'package/frozen'
  | 'package/wrong-channel';

/** A package is not as it must be. */
export class PackageError extends SottoError<PackageErrorCode> {}

/** One thing that is wrong, and where. */
export interface PackageProblem {
  readonly code: PackageErrorCode;
  readonly file: string;
  readonly detail: string;
}

/** Throws the error of one file. */
export function refuse(code: PackageErrorCode, file: string, detail: string, cause?: unknown): never {
  throw new PackageError(code, `${file}: ${detail}`, { details: { file }, ...(cause === undefined ? {} : { cause }) });
}

/** Turns an error into a problem; whatever is none of ours is a malformation, never an exception of the verdict. */
export function problemOf(error: unknown, file: string): PackageProblem {
  if (error instanceof PackageError) {
    const { file: named = file } = error.details;
    const name = typeof named === 'string' ? named : file;
    const { message } = error;
    return {
      code: error.code,
      file: name,
      detail: message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message,
    };
  }
  return { code: 'package/malformed', file, detail: error instanceof Error ? error.message : 'it cannot be read' };
}
