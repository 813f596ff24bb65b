/**
 * The update channel of a model: a short signed list of its releases with version, expiry and threshold keys, after the
 * rules of TUF's root and timestamp roles [TUF] in one file: never an older one, never an expired one, never two of one
 * version, new keys only by the signatures of the old ones.
 *
 * @module
 */

import canonicalize from 'canonicalize';
import { z } from 'zod';

import { fromHex, sha256, type SigningKey, toHex, utf8, verifySignature } from '../../foundations/crypto/index.ts';
import { dssePreAuthentication } from '../attestation/index.ts';
import { PackageError, type PackageErrorCode } from './errors.ts';

const PAYLOAD_TYPE = 'application/vnd.sotto.channel+json';
const MAX_CHANNEL_BYTES = 1 << 20;
const hex = z.string().regex(/^[0-9a-f]{64}$/);
const keysSchema = z
  .strictObject({ threshold: z.int().min(1).max(16), publicKeys: z.array(hex).min(1).max(16) })
  .refine(
    ({ threshold, publicKeys }) => new Set(publicKeys).size === publicKeys.length && threshold <= publicKeys.length,
  );

/** Whether a path stays below the folder it is relative to, whoever reads it. */
function staysInside(path: string): boolean {
  return !/[\\\0:]/.test(path) && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

const bodySchema = z.strictObject({
  channel: z.string().min(1).max(200),
  /** Grows by every change. */
  version: z.int().min(1),
  expiresAt: z.iso.datetime(),
  keys: keysSchema,
  releases: z
    .array(
      z.strictObject({
        version: z.string().min(1).max(80),
        sha256: hex,
        sizeBytes: z.int().min(0),
        /** Where it lies, relative to the channel. */
        path: z.string().max(400).refine(staysInside),
      }),
    )
    .max(1000)
    .refine((releases) => new Set(releases.map(({ version }) => version)).size === releases.length),
});
const schema = z.strictObject({
  signed: bodySchema,
  signatures: z.array(z.strictObject({ publicKey: hex, signature: z.string().regex(/^[0-9a-f]{128}$/) })).max(32),
});

/** What a channel says. */
export type ChannelBody = z.infer<typeof bodySchema>;

const stateSchema = z.strictObject({
  channel: z.string().min(1).max(200),
  /** The newest version seen; 0 before the first. */
  version: z.int().min(0),
  /** SHA-256 of what that version signed; null before the first. */
  digest: hex.nullable().default(null),
  keys: keysSchema,
});

/** What a client remembers of a channel between two looks. The first one is given to it with the program. */
export type ChannelState = Readonly<z.infer<typeof stateSchema>>;

/**
 * Reads the state of a channel: what decides whose keys count is never taken on trust.
 * @throws {PackageError} `package/channel-malformed`.
 */
export function parseChannelState(value: unknown): ChannelState {
  const parsed = stateSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  return refuse('package/channel-malformed', 'this is not the state of a channel: sotto channel init makes one');
}

const refuse = (code: PackageErrorCode, detail: string): never => {
  throw new PackageError(code, `channel: ${detail}`, { details: { file: 'channel' } });
};

function signedBytes(body: ChannelBody): Uint8Array {
  return dssePreAuthentication(PAYLOAD_TYPE, utf8(canonicalize(body) as string));
}

/** Signs a channel with some of its keys; more signatures are added by signing again with `earlier`. */
export function signChannel(body: ChannelBody, keys: readonly SigningKey[], earlier?: Uint8Array): Uint8Array {
  const checked = bodySchema.parse(body);
  const before = earlier === undefined ? [] : schema.parse(JSON.parse(new TextDecoder().decode(earlier))).signatures;
  const message = signedBytes(checked);
  const added = keys.map((key) => ({ publicKey: toHex(key.publicKey), signature: toHex(key.sign(message)) }));
  const signatures = [
    ...before.filter((each) => !added.some(({ publicKey }) => publicKey === each.publicKey)),
    ...added,
  ];
  return utf8(canonicalize({ signed: checked, signatures }) as string);
}

/** Counts keys, not signatures: one key that signs twice is one. */
function countSigners(
  { publicKeys }: ChannelBody['keys'],
  signatures: z.infer<typeof schema>['signatures'],
  message: Uint8Array,
): number {
  const valid = new Set<string>();
  for (const { publicKey, signature } of signatures) {
    if (!publicKeys.includes(publicKey) || valid.has(publicKey)) continue;
    if (verifySignature(fromHex(publicKey), message, fromHex(signature))) valid.add(publicKey);
  }
  return valid.size;
}

/** Takes a channel's file apart; nothing is verified. @throws {PackageError} `package/channel-malformed`. */
function parseChannel(bytes: Uint8Array): z.infer<typeof schema> {
  try {
    if (bytes.length > MAX_CHANNEL_BYTES) throw new RangeError('too long');
    return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch {
    return refuse('package/channel-malformed', 'it is not the file of a channel');
  }
}

/**
 * Reads a channel for whoever publishes it: its body, and the keys whose signatures verify. Trusts nobody.
 * @throws {PackageError} `package/channel-malformed`.
 */
export function readChannel(bytes: Uint8Array): { readonly body: ChannelBody; readonly signedBy: readonly string[] } {
  const { signed, signatures } = parseChannel(bytes);
  const message = signedBytes(signed);
  const valid = signatures.filter(({ publicKey, signature }) =>
    verifySignature(fromHex(publicKey), message, fromHex(signature)),
  );
  return { body: signed, signedBy: [...new Set(valid.map(({ publicKey }) => publicKey))] };
}

/** Checks one version against what is known; whether it has expired is not looked at. */
function step(bytes: Uint8Array, state: ChannelState): { readonly body: ChannelBody; readonly state: ChannelState } {
  const { signed, signatures } = parseChannel(bytes);
  const message = signedBytes(signed);
  const byOld = countSigners(state.keys, signatures, message);
  if (byOld < state.keys.threshold) {
    refuse('package/threshold', `${byOld} of the ${state.keys.threshold} trusted signatures that it needs`);
  }
  // [TUF] §5.3.4: new keys must themselves sign, or nobody could sign the next version.
  const byNew = countSigners(signed.keys, signatures, message);
  if (byNew < signed.keys.threshold) {
    refuse('package/threshold', `${byNew} of the ${signed.keys.threshold} signatures of its new keys`);
  }
  if (signed.channel !== state.channel)
    refuse('package/wrong-channel', `it is that of ${signed.channel}, not of ${state.channel}`);
  if (signed.version < state.version) {
    refuse('package/rollback', `version ${signed.version} is older than ${state.version}, which was seen before`);
  }
  const digest = toHex(sha256(message));
  if (signed.version === state.version && state.digest !== null && state.digest !== digest) {
    refuse('package/equivocation', `two versions ${signed.version} are signed: keep both files, they are the evidence`);
  }
  return { body: signed, state: { channel: state.channel, version: signed.version, digest, keys: signed.keys } };
}

/**
 * Reads a channel against what is known of it.
 * @returns its body, and the state to remember: at once, whatever becomes of the package.
 * @throws {PackageError} `package/channel-malformed`, `package/wrong-channel`, `package/threshold`, `package/rollback`,
 * `package/equivocation`, `package/frozen`.
 */
export function openChannel(
  bytes: Uint8Array,
  options: { readonly state: ChannelState; readonly at: Date },
): { readonly body: ChannelBody; readonly state: ChannelState } {
  return followChannel([bytes], options);
}

/**
 * Follows a channel over versions that were missed, oldest first: each is signed by the keys of the one before, so that
 * keys which were exchanged more than once since are found. Only the last one must be in time. [TUF] §5.3
 * @throws {PackageError} as {@link openChannel}.
 */
export function followChannel(
  files: readonly Uint8Array[],
  { state, at }: { readonly state: ChannelState; readonly at: Date },
): { readonly body: ChannelBody; readonly state: ChannelState } {
  let known = parseChannelState(state);
  let body: ChannelBody | undefined;
  for (const file of files) ({ body, state: known } = step(file, known));
  if (body === undefined) return refuse('package/channel-malformed', 'there is no file of a channel');
  if (!(at < new Date(body.expiresAt))) {
    refuse('package/frozen', `it expired at ${body.expiresAt}: newer versions may be held back`);
  }
  return { body, state: known };
}

/**
 * Finds the release of a channel that these bytes are: the newest one, or the one asked for by its version.
 * @throws {PackageError} `package/wrong-channel` when it is none; `package/rollback` when it is an older one and was not
 * asked for.
 */
export function releaseOf(
  body: ChannelBody,
  bytes: Uint8Array,
  { version }: { readonly version?: string | undefined } = {},
): ChannelBody['releases'][number] {
  const digest = toHex(sha256(bytes));
  const found = body.releases.find((release) => release.sha256 === digest && release.sizeBytes === bytes.length);
  if (found === undefined) return refuse('package/wrong-channel', `no release has sha256 ${digest}`);
  const newest = body.releases.at(-1) as ChannelBody['releases'][number];
  if (found.version !== (version ?? newest.version)) {
    const asked = version === undefined ? `the newest is ${newest.version}` : `asked for was ${version}`;
    refuse('package/rollback', `this is release ${found.version}, ${asked}: name it to have an older one`);
  }
  return found;
}
