/**
 * The in-toto statement that a model signature covers: which files, with which digests. [InToto] Statement v1, predicate
 * `https://model_signing/signature/v1.0` of OpenSSF model signing [OMS].
 *
 * @module
 */

import canonicalize from 'canonicalize';
import { z } from 'zod';

import { concatBytes, fromHex, sha256, toHex, utf8 } from '../../foundations/crypto/index.ts';
import { assertPackagePath, type PackageFiles } from './archive.ts';
import { PackageError, refuse } from './errors.ts';

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const PREDICATE_TYPE = 'https://model_signing/signature/v1.0';
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const schema = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.array(z.strictObject({ name: z.string(), digest: z.strictObject({ sha256: hex }) })).length(1),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.strictObject({
    serialization: z.strictObject({
      method: z.literal('files'),
      hash_type: z.literal('sha256'),
      allow_symlinks: z.boolean(),
      ignore_paths: z.array(z.string()).max(1024).optional(),
    }),
    resources: z
      .array(z.strictObject({ name: z.string(), digest: hex, algorithm: z.literal('sha256') }))
      .min(1)
      .max(100_000),
  }),
});

/** A statement that was read and is whole in itself. */
export interface ModelStatement {
  readonly name: string;
  /** Path → SHA-256 in hexadecimal; `.` alone for a model that is one file. */
  readonly resources: ReadonlyMap<string, string>;
  readonly ignoredPaths: readonly string[];
}

/** SHA-256 over the raw digests of the resources, in their order: the digest of the subject. */
function subjectDigest(digests: readonly string[]): string {
  return toHex(sha256(concatBytes(...digests.map(fromHex))));
}

/** Makes the statement over files, as canonical JSON. */
export function encodeStatement(
  files: PackageFiles,
  { name, ignoredPaths }: { readonly name: string; readonly ignoredPaths: readonly string[] },
): Uint8Array {
  const resources = [...files.keys()].sort().map((path) => {
    assertPackagePath(path);
    return { name: path, digest: toHex(sha256(files.get(path) as Uint8Array)), algorithm: 'sha256' };
  });
  const statement = {
    _type: STATEMENT_TYPE,
    subject: [{ name, digest: { sha256: subjectDigest(resources.map(({ digest }) => digest)) } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false, ignore_paths: ignoredPaths },
      resources,
    },
  };
  return utf8(canonicalize(statement) as string);
}

/** @throws {PackageError} `package/path` when a name in a statement leaves the folder. */
function assertResourceName(name: string): void {
  const bad =
    name.length === 0 ||
    name.length > 4096 ||
    name.startsWith('/') ||
    /[\\\0]/.test(name) ||
    /^[A-Za-z]:/.test(name) ||
    name.split('/').some((part) => part === '' || part === '.' || part === '..');
  if (bad) refuse('package/path', name.slice(0, 100), 'the signature lists a path that leaves the folder');
}

/**
 * Reads a statement and checks it against itself.
 * @throws {PackageError} `package/statement`, `package/path`, `package/duplicate`.
 */
export function parseStatement(payload: Uint8Array, file: string): ModelStatement {
  let statement: z.infer<typeof schema>;
  try {
    statement = schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause).split('\n')[0] : 'it is not JSON';
    throw new PackageError('package/statement', `${file}: the signed statement is not one of a model: ${why}`, {
      details: { file },
    });
  }
  const { resources, serialization } = statement.predicate;
  const found = new Map<string, string>();
  for (const { name, digest } of resources) {
    if (!(name === '.' && resources.length === 1)) assertResourceName(name);
    if (found.has(name)) refuse('package/duplicate', name, 'the signature lists it twice');
    found.set(name, digest);
  }
  const subject = statement.subject[0] as (typeof statement.subject)[number];
  if (subject.digest.sha256 !== subjectDigest(resources.map(({ digest }) => digest))) {
    refuse('package/statement', file, 'the digest of its subject is not that of the files it lists');
  }
  return { name: subject.name, resources: found, ignoredPaths: serialization.ignore_paths ?? [] };
}
