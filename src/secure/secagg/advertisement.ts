/**
 * The first message of a participant: its keys of the round, its commitment to the draw, and, against a malicious
 * coordinator, its signature under the identity that others admit.
 *
 * @module
 */

import type { ResolvedConfig } from './config.ts';
import type { SecAggIdentity } from './identity.ts';
import type { KeyRing } from './keys.ts';
import { openMessage } from './messages.ts';
import type { SecAggPolicy } from './policy.ts';
import { advertisementMessage, commitReveal, writeEntry, type RosterEntry } from './roster.ts';

/** What an advertisement says, and of whom. */
export interface AdvertisementOptions {
  readonly id: string;
  readonly keyRing: KeyRing;
  readonly reveal: Uint8Array | undefined;
  readonly identity: SecAggIdentity | undefined;
  readonly policy: SecAggPolicy;
}

/** Makes the roster entry of a participant, signed where the configuration asks for it. */
export function createEntry(
  config: ResolvedConfig,
  { id, keyRing, reveal, identity, policy }: AdvertisementOptions,
): RosterEntry {
  const entry: RosterEntry = {
    id,
    channelKey: keyRing.channelKey,
    maskKey: keyRing.maskKey,
    ...(reveal === undefined ? {} : { commitment: commitReveal(config, reveal) }),
  };
  if (!config.malicious || identity === undefined) return entry;
  const { signingKey, certificate } = identity;
  const named: RosterEntry = {
    ...entry,
    ...(policy.admission.kind === 'pinned' ? {} : { identityKey: signingKey.publicKey }),
    ...(certificate === undefined ? {} : { certificate }),
  };
  return { ...named, signature: signingKey.sign(advertisementMessage(config, named)) };
}

/** Writes the message. */
export function writeAdvertisement(config: ResolvedConfig, entry: RosterEntry): Uint8Array {
  const out = openMessage('advertiseKeys', config);
  writeEntry(out, entry);
  return out.finish();
}
