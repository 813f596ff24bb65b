/**
 * The update channel of a model: a short signed list of its releases with version, expiry and threshold keys, after the
 * rules of TUF's root and timestamp roles [TUF] in one file: never an older one, never an expired one, new keys only by
 * the signatures of the old ones.
 *
 * @module
 */

import canonicalize from 'canonicalize';
import { z } from 'zod';

import { fromHex, sha256, type SigningKey, toHex, utf8, verifySignature } from '../../foundations/crypto/index.ts';
import { dssePreAuthentication } from '../attestation/index.ts';
import { PackageError, type PackageErrorCode } from './errors.ts';

const PAYLOAD_TYPE = 'application/vnd.sotto.channel+json';
const hex = z.string().regex(/^[0-9a-f]{64}$/);
const keysSchema = z.strictObject({ threshold: z.int().min(1).max(16), publicKeys: z.array(hex).min(1).max(16) });
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
        path: z.string().max(400),
      }),
    )
    .max(1000),
});
const schema = z.strictObject({
  signed: bodySchema,
  signatures: z.array(z.strictObject({ publicKey: hex, signature: z.string().regex(/^[0-9a-f]{128}$/) })).max(32),
});

/** What a channel says. */
export type ChannelBody = z.infer<typeof bodySchema>;

/** What a client remembers of a channel between two looks. The first one is given to it with the program. */
export interface ChannelState {
  readonly channel: string;
  /** The newest version seen; 0 before the first. */
  readonly version: number;
  readonly keys: ChannelBody['keys'];
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

/**
 * Reads a channel against what is known of it.
 * @returns its body, and the state to remember.
 * @throws {PackageError} `package/channel-malformed`, `package/wrong-channel`, `package/threshold`, `package/rollback`,
 * `package/frozen`.
 */
export function openChannel(
  bytes: Uint8Array,
  { state, at }: { readonly state: ChannelState; readonly at: Date },
): { readonly body: ChannelBody; readonly state: ChannelState } {
  let file: z.infer<typeof schema>;
  try {
    file = schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch {
    return refuse('package/channel-malformed', 'it is not the file of a channel');
  }
  const { signed, signatures } = file;
  if (
    new Set(signed.keys.publicKeys).size !== signed.keys.publicKeys.length ||
    signed.keys.threshold > signed.keys.publicKeys.length
  ) {
    refuse('package/channel-malformed', 'its threshold cannot be reached by its keys');
  }
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
  if (!(at < new Date(signed.expiresAt))) {
    refuse('package/frozen', `it expired at ${signed.expiresAt}: newer versions may be held back`);
  }
  return { body: signed, state: { channel: state.channel, version: signed.version, keys: signed.keys } };
}

/** Finds the release of a channel that these bytes are. @throws {PackageError} `package/wrong-channel` when none is. */
export function releaseOf(body: ChannelBody, bytes: Uint8Array): ChannelBody['releases'][number] {
  const digest = toHex(sha256(bytes));
  const found = body.releases.find((release) => release.sha256 === digest && release.sizeBytes === bytes.length);
  return found ?? refuse('package/wrong-channel', `no release has sha256 ${digest}`);
}
