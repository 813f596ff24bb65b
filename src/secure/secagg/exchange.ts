/**
 * The exchange of shares as one participant does it: what it seals for its neighbours before anybody sends an input, and
 * what it opens of theirs. The masks of a pair follow here too, because a pair masks only when both have shared.
 *
 * @module
 */

import type { Mask } from '../../foundations/kernels/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { FIELD_25519 } from '../sharing/index.ts';
import { decodeBitmap } from './bitmap.ts';
import type { ByteReader, ByteWriter } from './codec.ts';
import type { ResolvedConfig } from './config.ts';
import { derivePairMaskKey } from './derive.ts';
import { encapsulationLength, type KeyRing } from './keys.ts';
import { sealDeposit } from './recovery.ts';
import type { RosterView } from './roster-view.ts';
import type { RosterEntry } from './roster.ts';
import {
  openBundle,
  sealBundle,
  sealedBundleLength,
  splitSecrets,
  type HeldShares,
  type SharedSecrets,
} from './shares.ts';

/** What the exchange works with. */
export interface Exchange {
  readonly config: ResolvedConfig;
  readonly view: RosterView;
  readonly keyRing: KeyRing;
}

function peerAt({ members }: RosterView, place: number): RosterEntry {
  return members.get(place) as RosterEntry;
}

/** Who holds shares of this participant's secrets: its present neighbours, and in the complete graph itself. */
export function holdersOf({ neighbors, place }: RosterView, { graph }: ResolvedConfig): readonly number[] {
  return graph.kind === 'complete' ? [...neighbors, place].toSorted((a, b) => a - b) : neighbors;
}

/**
 * Splits the secrets among the holders and writes what goes to each: the sealed bundle, with the encapsulations of the
 * hybrid.
 * @returns the participant's own shares, in the complete graph.
 */
export function writeBundles(
  out: ByteWriter,
  secrets: SharedSecrets,
  { config, view, keyRing }: Exchange,
  rng: Rng,
): HeldShares | undefined {
  const { place, session } = view;
  const holders = holdersOf(view, config);
  const bundles = splitSecrets(secrets, { threshold: config.threshold, holders }, rng);
  let own: HeldShares | undefined;
  holders.forEach((holder, i) => {
    const bundle = bundles[i] as HeldShares;
    if (holder === place) {
      own = bundle;
      return;
    }
    const peer = peerAt(view, holder);
    const { key, ciphertext } = keyRing.sealingKey(peer);
    out.raw(sealBundle(bundle, key, { session, from: place, to: holder })).raw(ciphertext);
    if (place < holder) out.raw(keyRing.maskCiphertext(peer));
  });
  return own;
}

/** Seals the pair mask keys of this round for the coordinator to open should this participant be lost. */
export function sealOwnDeposit(recovery: bigint, { view, keyRing }: Exchange): Uint8Array {
  const { neighbors, session } = view;
  const maskKeys = neighbors.map((neighbor) => derivePairMaskKey(keyRing.maskSecret(peerAt(view, neighbor)), session));
  return sealDeposit(maskKeys, { roundKey: FIELD_25519.encode(recovery), session });
}

/**
 * Opens the bundles that arrived.
 * @returns the shares by the place of their owner, and the mask this participant has with each of these owners.
 * @throws {SecAggError} `secagg/tampered-share` naming the sender.
 */
export function readBundles(
  body: ByteReader,
  { config, view, keyRing }: Exchange,
): { readonly shares: ReadonlyMap<number, HeldShares>; readonly masks: readonly Mask[] } {
  const { neighbors, place, session } = view;
  const sent = decodeBitmap(body.raw(Math.ceil(neighbors.length / 8)), neighbors.length);
  const encapsulation = encapsulationLength(config.keyAgreement);
  const shares = new Map<number, HeldShares>();
  const masks: Mask[] = [];
  neighbors.forEach((neighbor, i) => {
    if (!sent.has(i)) return;
    const peer = peerAt(view, neighbor);
    const sealed = body.raw(sealedBundleLength(config));
    const openingKey = keyRing.openingKey(peer, body.raw(encapsulation));
    shares.set(neighbor, openBundle(sealed, openingKey, { session, from: neighbor, to: place, sender: peer.id }));
    const lower = place < neighbor;
    const secret = lower ? keyRing.maskSecret(peer) : keyRing.maskSecret(peer, body.raw(encapsulation));
    masks.push({ key: derivePairMaskKey(secret, session), sign: lower ? 1 : -1 });
  });
  body.end();
  return { shares, masks };
}
