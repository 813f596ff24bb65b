/**
 * Authenticated and encrypted channels over any transport: an X25519 key a peer and session, signed with the Ed25519
 * identity that the roster names, then AES-256-GCM with a counter as nonce. Every message is bound to the session, its
 * place in the order, sender and receiver; one that is replayed, reordered, redirected or changed does not open.
 *
 * @module
 */

import {
  concatBytes,
  createAgreementKey,
  hkdfSha256,
  openSealed,
  seal,
  sha256,
  type SigningKey,
  utf8,
  verifySignature,
} from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { PartyChannel } from './channel.ts';
import { MpcError } from './errors.ts';

/** Who is who in a session. */
export interface SealedChannelOptions {
  /** The long-term key of this endpoint. */
  readonly identity: SigningKey;
  /** Public identity keys by endpoint, known beforehand. */
  readonly roster: readonly Uint8Array[];
  /** Any bytes that name this run and no other; parameters belong in here. */
  readonly sessionId: Uint8Array;
}

const HANDSHAKE = utf8('sotto/mpc/handshake/v1');
const KEY_BYTES = 32;

function refuse(peer: number, cause?: unknown): never {
  throw new MpcError('mpc/authentication-failed', `a message of endpoint ${peer} does not authenticate`, {
    cause,
    details: { endpoint: peer },
  });
}

function header(session: Uint8Array, from: number, to: number, counter: number): Uint8Array {
  const out = new Uint8Array(session.length + 16);
  out.set(session);
  const view = new DataView(out.buffer);
  view.setUint32(session.length, from);
  view.setUint32(session.length + 4, to);
  view.setBigUint64(session.length + 8, BigInt(counter));
  return out;
}

function nonceOf(counter: number): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(4, BigInt(counter));
  return nonce;
}

/**
 * Shakes hands with every endpoint and returns the sealed view of `channel`.
 * Guarantee: what is received from endpoint i was sent to this endpoint, in this order, in this session by the holder
 * of `roster[i]`; nobody else reads it, also when an identity key leaks later.
 * @throws {MpcError} `mpc/authentication-failed` when a peer is not the one of the roster.
 */
export async function sealChannel(
  channel: PartyChannel,
  { identity, roster, sessionId }: SealedChannelOptions,
  rng: Rng,
): Promise<PartyChannel> {
  const { endpoint, endpoints } = channel;
  if (roster.length !== endpoints) {
    throw new RangeError(`"roster" must name ${endpoints} endpoints, got ${roster.length}`);
  }
  const session = sha256(HANDSHAKE, sessionId, ...roster);
  const ephemeral = createAgreementKey(rng.bytes(KEY_BYTES));
  const signed = (from: number, key: Uint8Array) =>
    concatBytes(HANDSHAKE, session, Uint8Array.of(from >> 8, from), key);
  const hello = concatBytes(ephemeral.publicKey, identity.sign(signed(endpoint, ephemeral.publicKey)));
  const peers = Array.from({ length: endpoints }, (_, peer) => peer).filter((peer) => peer !== endpoint);

  await Promise.all(peers.map((peer) => channel.send(peer, hello)));
  const keys = new Map<number, { send: Uint8Array; receive: Uint8Array; sent: number; received: number }>();
  for (const peer of peers) {
    const message = await channel.receive(peer);
    const publicKey = message.subarray(0, KEY_BYTES);
    const signature = message.subarray(KEY_BYTES);
    if (!verifySignature(roster[peer] as Uint8Array, signed(peer, publicKey), signature)) refuse(peer);
    let secret: Uint8Array;
    try {
      secret = ephemeral.agree(publicKey);
    } catch (cause) {
      refuse(peer, cause);
    }
    const [low, high] = peer < endpoint ? [publicKey, ephemeral.publicKey] : [ephemeral.publicKey, publicKey];
    const salt = sha256(session, low, high);
    const derive = (from: number, to: number) =>
      hkdfSha256(secret, { salt, info: utf8(`sotto/mpc/channel/${from}/${to}`), sizeBytes: KEY_BYTES });
    keys.set(peer, { send: derive(endpoint, peer), receive: derive(peer, endpoint), sent: 0, received: 0 });
  }

  return {
    endpoint,
    endpoints,
    async send(to, message) {
      const key = keys.get(to) ?? refuse(to);
      const counter = key.sent;
      key.sent += 1;
      const associatedData = header(session, endpoint, to, counter);
      await channel.send(to, seal(message, { key: key.send, nonce: nonceOf(counter), associatedData }));
    },
    async receive(from) {
      const key = keys.get(from) ?? refuse(from);
      const sealed = await channel.receive(from);
      const counter = key.received;
      key.received += 1;
      try {
        return openSealed(sealed, {
          key: key.receive,
          nonce: nonceOf(counter),
          associatedData: header(session, from, endpoint, counter),
        });
      } catch (cause) {
        return refuse(from, cause);
      }
    },
    close: (reason) => channel.close(reason),
  };
}
