/**
 * What members hold for each other: shares of the self-mask seed, of the recovery secret and, where noise is removed, of
 * the noise seed, sealed from member to member.
 *
 * @module
 */

import { CryptoError, openSealed, seal, SEAL_OVERHEAD_BYTES } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { FIELD_25519, splitSecret } from '../sharing/index.ts';
import type { ResolvedConfig } from './config.ts';
import { deriveShareKey, ONE_TIME_NONCE } from './derive.ts';
import { SecAggError } from './errors.ts';

/** One holder's shares of one member's secrets, 32 bytes each. */
export interface HeldShares {
  readonly selfMask: Uint8Array;
  readonly recovery: Uint8Array;
  readonly noise: Uint8Array | undefined;
}

/** The secrets a member shares, as field elements. */
export interface SharedSecrets {
  readonly selfMask: bigint;
  readonly recovery: bigint;
  readonly noise: bigint | undefined;
}

/** Bytes of one sealed bundle, without the hybrid's encapsulations. */
export function sealedBundleLength(config: ResolvedConfig): number {
  return (config.noise === undefined ? 64 : 96) + SEAL_OVERHEAD_BYTES;
}

/** Splits the secrets among the holders. @returns one bundle a holder, in their order. */
export function splitSecrets(
  secrets: SharedSecrets,
  { threshold, holders }: { readonly threshold: number; readonly holders: readonly number[] },
  rng: Rng,
): readonly HeldShares[] {
  const options = { threshold, coordinates: holders.map((place) => place + 1) };
  const split = (secret: bigint) => splitSecret(secret, options, rng).map(({ value }) => FIELD_25519.encode(value));
  const selfMask = split(secrets.selfMask);
  const recovery = split(secrets.recovery);
  const noise = secrets.noise === undefined ? undefined : split(secrets.noise);
  return holders.map((_, i) => ({
    selfMask: selfMask[i] as Uint8Array,
    recovery: recovery[i] as Uint8Array,
    noise: noise?.[i],
  }));
}

/** Where a bundle goes. */
export interface BundleRoute {
  readonly session: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** Seals a bundle under the key of its direction; session, sender and receiver are in the key. */
export function sealBundle(shares: HeldShares, key: Uint8Array, route: BundleRoute): Uint8Array {
  const plaintext = new Uint8Array(shares.noise === undefined ? 64 : 96);
  plaintext.set(shares.selfMask);
  plaintext.set(shares.recovery, 32);
  if (shares.noise !== undefined) plaintext.set(shares.noise, 64);
  const sealed = seal(plaintext, {
    key: deriveShareKey(key, route),
    nonce: ONE_TIME_NONCE,
    associatedData: route.session,
  });
  plaintext.fill(0);
  return sealed;
}

/**
 * Opens a bundle.
 * @throws {SecAggError} `secagg/tampered-share` when it was altered or sealed for another view of the round.
 */
export function openBundle(
  sealed: Uint8Array,
  key: Uint8Array,
  { sender, ...route }: BundleRoute & { readonly sender: string },
): HeldShares {
  try {
    const plaintext = openSealed(sealed, {
      key: deriveShareKey(key, route),
      nonce: ONE_TIME_NONCE,
      associatedData: route.session,
    });
    const shares = {
      selfMask: plaintext.subarray(0, 32),
      recovery: plaintext.subarray(32, 64),
      noise: plaintext.length > 64 ? plaintext.subarray(64, 96) : undefined,
    };
    for (const share of [shares.selfMask, shares.recovery, shares.noise]) {
      if (share !== undefined) FIELD_25519.decode(share);
    }
    return shares;
  } catch (cause) {
    const why = cause instanceof CryptoError ? 'does not open' : 'holds something else than shares';
    throw new SecAggError('secagg/tampered-share', `the sealed bundle from participant "${sender}" ${why}`, {
      details: { participants: [sender] },
    });
  }
}
