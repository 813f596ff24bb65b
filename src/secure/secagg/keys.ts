/**
 * The keys of one participant and the secrets it shares with each peer.
 *
 * Two key pairs with different fates: the *channel* keys seal shares and are never revealed; the *mask* keys give the
 * pairwise masks, and follow from one field element that can be Shamir-shared, so that the coordinator rebuilds them for
 * somebody who was lost. In the hybrid each pair also holds ML-KEM-768 keys; encapsulations use coins derived from the
 * same secrets, so that one recovered element rebuilds a mask secret in either role.
 *
 * @module
 */

import {
  concatBytes,
  createAgreementKey,
  createKemKey,
  encapsulateKem,
  equalBytes,
  hkdfExpand,
  hkdfExtract,
  KEM_CIPHERTEXT_BYTES,
  KEM_PUBLIC_KEY_BYTES,
  sha256,
  utf8,
  type AgreementKey,
  type KemKey,
} from '../../foundations/crypto/index.ts';

/** Whether pair secrets also rest on ML-KEM-768. */
export type KeyAgreement = 'x25519' | 'x25519-mlkem768';

const LABEL = {
  x25519: utf8('sotto/secagg/key/x25519'),
  kem: utf8('sotto/secagg/key/ml-kem-768'),
  coins: utf8('sotto/secagg/key/coins'),
  pair: utf8('sotto/secagg/pair'),
};
const NO_BYTES = new Uint8Array(0);

/** Length of a public key: X25519, followed by ML-KEM-768 in the hybrid. */
export function publicKeyLength(agreement: KeyAgreement): number {
  return agreement === 'x25519' ? 32 : 32 + KEM_PUBLIC_KEY_BYTES;
}

/** Length of an encapsulation that accompanies a pair in the hybrid, else 0. */
export function encapsulationLength(agreement: KeyAgreement): number {
  return agreement === 'x25519' ? 0 : KEM_CIPHERTEXT_BYTES;
}

/** A key pair that follows from 32 secret bytes. */
export interface PairKey {
  readonly publicKey: Uint8Array;
  /** Coordinates the two halves of a pair: the half that encapsulates. */
  encapsulateTo(peerKey: Uint8Array): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array };
  /** The half that receives the encapsulation. */
  decapsulate(ciphertext: Uint8Array): Uint8Array;
  /** The plain Diffie–Hellman secret. */
  agree(peerKey: Uint8Array): Uint8Array;
}

/** Derives the key pair of a secret. */
export function createPairKey(secret: Uint8Array, agreement: KeyAgreement): PairKey {
  const root = hkdfExtract(secret, LABEL.x25519);
  const exchange: AgreementKey = createAgreementKey(hkdfExpand(root, LABEL.x25519));
  const kem: KemKey | undefined = agreement === 'x25519' ? undefined : createKemKey(hkdfExpand(root, LABEL.kem, 64));
  return {
    publicKey: kem === undefined ? exchange.publicKey : concatBytes(exchange.publicKey, kem.publicKey),
    agree: (peerKey) => exchange.agree(peerKey.subarray(0, 32)),
    encapsulateTo(peerKey) {
      if (kem === undefined) return { ciphertext: NO_BYTES, secret: NO_BYTES };
      const coins = hkdfExpand(root, concatBytes(LABEL.coins, sha256(peerKey)));
      return encapsulateKem(peerKey.subarray(32), coins);
    },
    decapsulate: (ciphertext) => (kem === undefined ? NO_BYTES : kem.decapsulate(ciphertext)),
  };
}

/** Joins the secrets of a pair into one uniform key. Bound to the ciphertext, as the hybrid has to be. */
function combinePairSecrets(shared: Uint8Array, encapsulated: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return encapsulated.length === 0
    ? hkdfExtract(shared, LABEL.pair)
    : hkdfExtract(concatBytes(shared, encapsulated, sha256(ciphertext)), LABEL.pair);
}

/** What a peer has advertised. */
export interface PeerKeys {
  readonly channelKey: Uint8Array;
  readonly maskKey: Uint8Array;
}

/** Both key pairs of a participant, and the pair secrets it has worked out so far. */
export interface KeyRing {
  readonly channelKey: Uint8Array;
  readonly maskKey: Uint8Array;
  /** X25519 agreements computed so far. */
  readonly agreements: number;
  /** Key to seal for a peer, with the encapsulation it needs to open (empty without the hybrid). */
  sealingKey(peer: PeerKeys): { readonly key: Uint8Array; readonly ciphertext: Uint8Array };
  /** Key to open what a peer sealed. */
  openingKey(peer: PeerKeys, ciphertext: Uint8Array): Uint8Array;
  /** The encapsulation that a peer with the higher place needs for the pair's mask. */
  maskCiphertext(peer: PeerKeys): Uint8Array;
  /** The pair's mask secret; `received` is the lower member's encapsulation when this party is the higher one. */
  maskSecret(peer: PeerKeys, received?: Uint8Array): Uint8Array;
}

interface PairCache {
  channelShared?: Uint8Array;
  maskShared?: Uint8Array;
  sealing?: { key: Uint8Array; ciphertext: Uint8Array };
  opening?: { key: Uint8Array; ciphertext: Uint8Array };
  encapsulation?: { ciphertext: Uint8Array; secret: Uint8Array };
  mask?: Uint8Array;
  received?: { key: Uint8Array; ciphertext: Uint8Array };
}

/**
 * Creates the key ring of two secrets of 32 bytes each. It remembers what it derived for each peer, so that a task that
 * keeps its ring agrees once with each peer.
 */
export function createKeyRing({
  channelSecret,
  maskSecret,
  agreement,
}: {
  readonly channelSecret: Uint8Array;
  readonly maskSecret: Uint8Array;
  readonly agreement: KeyAgreement;
}): KeyRing {
  const channel = createPairKey(channelSecret, agreement);
  const mask = createPairKey(maskSecret, agreement);
  const pairs = new Map<string, PairCache>();
  let agreements = 0;

  /** Caches by the object a round's roster keeps for a peer, so that naming a peer by its keys happens once a round. */
  const met = new WeakMap<PeerKeys, PairCache>();
  const cacheOf = (peer: PeerKeys): PairCache => {
    let cache = met.get(peer);
    if (cache === undefined) {
      cache = cacheByKeys(peer);
      met.set(peer, cache);
    }
    return cache;
  };
  const cacheByKeys = ({ channelKey, maskKey }: PeerKeys): PairCache => {
    const named = agreement === 'x25519' ? concatBytes(channelKey, maskKey) : sha256(channelKey, maskKey);
    const name = String.fromCharCode(...named);
    let cache = pairs.get(name);
    if (cache === undefined) {
      cache = {};
      pairs.set(name, cache);
    }
    return cache;
  };
  const channelShared = (cache: PairCache, peer: PeerKeys): Uint8Array => {
    if (cache.channelShared === undefined) {
      agreements += 1;
      cache.channelShared = channel.agree(peer.channelKey);
    }
    return cache.channelShared;
  };
  const encapsulation = (cache: PairCache, peer: PeerKeys) =>
    (cache.encapsulation ??= mask.encapsulateTo(peer.maskKey));

  return {
    channelKey: channel.publicKey,
    maskKey: mask.publicKey,
    get agreements() {
      return agreements;
    },
    sealingKey(peer) {
      const cache = cacheOf(peer);
      if (cache.sealing === undefined) {
        const { ciphertext, secret } = channel.encapsulateTo(peer.channelKey);
        cache.sealing = { key: combinePairSecrets(channelShared(cache, peer), secret, ciphertext), ciphertext };
      }
      return cache.sealing;
    },
    openingKey(peer, ciphertext) {
      const cache = cacheOf(peer);
      if (agreement === 'x25519') return this.sealingKey(peer).key;
      if (cache.opening === undefined || !equalBytes(cache.opening.ciphertext, ciphertext)) {
        const secret = channel.decapsulate(ciphertext);
        const key = combinePairSecrets(channelShared(cache, peer), secret, ciphertext);
        cache.opening = { key, ciphertext: ciphertext.slice() };
      }
      return cache.opening.key;
    },
    maskCiphertext: (peer) => encapsulation(cacheOf(peer), peer).ciphertext,
    maskSecret(peer, received) {
      const cache = cacheOf(peer);
      if (cache.maskShared === undefined) {
        agreements += 1;
        cache.maskShared = mask.agree(peer.maskKey);
      }
      if (received === undefined || agreement === 'x25519') {
        if (cache.mask === undefined) {
          const { ciphertext, secret } = encapsulation(cache, peer);
          cache.mask = combinePairSecrets(cache.maskShared, secret, ciphertext);
        }
        return cache.mask;
      }
      if (cache.received === undefined || !equalBytes(cache.received.ciphertext, received)) {
        const key = combinePairSecrets(cache.maskShared, mask.decapsulate(received), received);
        cache.received = { key, ciphertext: received.slice() };
      }
      return cache.received.key;
    },
  };
}

/**
 * Rebuilds the mask secret that a lost participant held with a peer, from the participant's reconstructed key pair.
 * @param lower - whether the lost participant has the lower place, and so encapsulated to the peer.
 * @param received - the peer's encapsulation to the lost participant, when the peer has the lower place.
 */
export function rebuildMaskSecret(
  lost: PairKey,
  peerMaskKey: Uint8Array,
  { lower, received }: { readonly lower: boolean; readonly received: Uint8Array },
): Uint8Array {
  const shared = lost.agree(peerMaskKey);
  if (!lower) return combinePairSecrets(shared, lost.decapsulate(received), received);
  const { ciphertext, secret } = lost.encapsulateTo(peerMaskKey);
  return combinePairSecrets(shared, secret, ciphertext);
}
