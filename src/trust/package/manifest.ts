/**
 * The manifest of a package: what the model is, what it cost in privacy, and which field a reader must understand.
 *
 * @module
 */

import canonicalize from 'canonicalize';
import { z } from 'zod';

import { equalBytes, sha256, toHex, utf8 } from '../../foundations/crypto/index.ts';
import { DEFAULT_LIMITS, encodeArchive, type PackageFiles } from './archive.ts';
import { refuse } from './errors.ts';
import type { ModelSigner } from './keys.ts';
import { SIGNATURE_FILE, signFiles } from './sign.ts';

export const MANIFEST_FILE = 'manifest.json';
export const MODEL_FILE = 'model.safetensors';
const FORMAT = 'sotto-package';

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const schema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  /** Names of fields, here or of later versions, without which the rest would be misread. */
  critical: z.array(z.string()).max(64),
  name: z.string().min(1).max(200),
  createdAt: z.iso.datetime(),
  model: z.strictObject({ file: z.literal(MODEL_FILE), sha256: hex, sizeBytes: z.int().min(0) }),
  privacy: z
    .strictObject({
      epsilon: z.number().min(0),
      delta: z.number().min(0).max(1),
      privacyUnit: z.string(),
      relation: z.string(),
      /** SHA-256 of the ledger's last record. */
      ledgerHead: hex.nullable(),
    })
    .nullable(),
  taskDigest: hex.nullable(),
});
/** Fields this reader understands. */
const KNOWN = new Set(Object.keys(schema.shape));

/** A manifest. `privacy: null`: NOT PRIVATE. */
export type PackageManifest = z.infer<typeof schema>;

/** What a caller says about a package. */
export interface PackageFacts {
  readonly name: string;
  readonly createdAt: Date;
  readonly privacy: PackageManifest['privacy'];
  readonly taskDigest: string | null;
}

/**
 * Reads a manifest.
 * @throws {PackageError} `package/unknown-critical-field`, `package/unsupported-version`, `package/manifest`.
 */
export function parseManifest(bytes: Uint8Array): PackageManifest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    return refuse('package/manifest', MANIFEST_FILE, 'it is not JSON', cause);
  }
  const { format, version, critical } = (value ?? {}) as Record<string, unknown>;
  if (format !== FORMAT) refuse('package/manifest', MANIFEST_FILE, 'it is not the manifest of a package');
  const unknown = Array.isArray(critical) ? critical.find((name) => !KNOWN.has(String(name))) : undefined;
  if (unknown !== undefined) {
    refuse(
      'package/unknown-critical-field',
      MANIFEST_FILE,
      `it demands to understand ${JSON.stringify(unknown)}: update sotto`,
    );
  }
  if (version !== 1)
    refuse('package/unsupported-version', MANIFEST_FILE, `version ${String(version)} is not known: update sotto`);
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    refuse('package/manifest', MANIFEST_FILE, z.prettifyError(parsed.error).split('\n')[0] ?? 'broken');
  if (!equalBytes(bytes, utf8(canonicalize(value) as string))) {
    refuse('package/manifest', MANIFEST_FILE, 'it is not in canonical form');
  }
  return parsed.data as PackageManifest;
}

/**
 * Makes a signed package.
 * @param files - `model.safetensors` and whatever goes with it: cards, ledger, log. Neither manifest nor signature.
 * @throws {PackageError} `package/file-missing` without a model, `package/path`, `package/duplicate`.
 */
export async function createPackage(
  files: PackageFiles,
  { facts, signer }: { readonly facts: PackageFacts; readonly signer: ModelSigner },
): Promise<Uint8Array> {
  const model = files.get(MODEL_FILE);
  if (model === undefined) return refuse('package/file-missing', MODEL_FILE, 'a package needs a model');
  for (const name of [MANIFEST_FILE, SIGNATURE_FILE]) {
    if (files.has(name)) refuse('package/duplicate', name, 'this file is made by the package itself');
  }
  const manifest: PackageManifest = {
    format: FORMAT,
    version: 1,
    critical: ['privacy'],
    name: facts.name,
    createdAt: facts.createdAt.toISOString(),
    model: { file: MODEL_FILE, sha256: toHex(sha256(model)), sizeBytes: model.length },
    privacy: facts.privacy,
    taskDigest: facts.taskDigest,
  };
  const all = new Map([...files, [MANIFEST_FILE, utf8(canonicalize(manifest) as string)] as const]);
  const signature = await signFiles(all, { name: facts.name, signer });
  return encodeArchive(new Map([...all, [SIGNATURE_FILE, signature] as const]), DEFAULT_LIMITS);
}
