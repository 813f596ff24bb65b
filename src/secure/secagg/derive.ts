/**
 * Every key of a round, each under its own label and bound to the session (context, roster and graph): a party with
 * another view of anything derives other keys, so its masks do not cancel and its sealed shares do not open.
 *
 * @module
 */

import { concatBytes, hkdfExpand, hkdfExtract, utf8 } from '../../foundations/crypto/index.ts';

const LABEL = {
  seed: utf8('sotto/secagg/seed'),
  selfMask: utf8('sotto/secagg/self-mask'),
  pairMask: utf8('sotto/secagg/pair-mask'),
  shares: utf8('sotto/secagg/shares'),
  recovery: utf8('sotto/secagg/recovery'),
  noise: utf8('sotto/secagg/noise'),
  removal: utf8('sotto/secagg/noise-removal'),
  audit: utf8('sotto/secagg/audit'),
};

/** Keys whose key is used once carry a constant nonce. */
export const ONE_TIME_NONCE = new Uint8Array(12);

/** Key of the mask that hides a participant's own vector until it is known to have survived. */
export function deriveSelfMaskKey(seed: Uint8Array, session: Uint8Array): Uint8Array {
  return hkdfExpand(hkdfExtract(seed, LABEL.seed), concatBytes(LABEL.selfMask, session));
}

/** Key of the mask that a pair adds and subtracts in this session alone. */
export function derivePairMaskKey(pairSecret: Uint8Array, session: Uint8Array): Uint8Array {
  return hkdfExpand(pairSecret, concatBytes(LABEL.pairMask, session));
}

/** Key under which one member seals shares for another, once in a session. */
export function deriveShareKey(
  pairSecret: Uint8Array,
  { session, from, to }: { readonly session: Uint8Array; readonly from: number; readonly to: number },
): Uint8Array {
  const direction = new Uint8Array(8);
  new DataView(direction.buffer).setUint32(0, from, true);
  new DataView(direction.buffer).setUint32(4, to, true);
  return hkdfExpand(pairSecret, concatBytes(LABEL.shares, session, direction));
}

/** Key under which a participant deposits its pair mask keys of one round, where pair secrets outlive the round. */
export function deriveRecoveryKey(roundKey: Uint8Array, session: Uint8Array): Uint8Array {
  return hkdfExpand(hkdfExtract(roundKey, LABEL.seed), concatBytes(LABEL.recovery, session));
}

/** Key of the generator that a participant's noise share is drawn from. */
export function deriveNoiseKey(seed: Uint8Array, session: Uint8Array): Uint8Array {
  return hkdfExpand(hkdfExtract(seed, LABEL.seed), concatBytes(LABEL.noise, session));
}

/** Seed of the order in which excess noise shares are removed. */
export function deriveRemovalSeed(session: Uint8Array, survivors: Uint8Array): Uint8Array {
  return hkdfExpand(session, concatBytes(LABEL.removal, survivors));
}

/** Seed of the sample of members that a participant verifies beyond its neighbours. */
export function deriveAuditSeed(graphSeed: Uint8Array, place: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, place, true);
  return hkdfExpand(graphSeed, concatBytes(LABEL.audit, bytes));
}
