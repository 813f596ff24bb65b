/**
 * Aggregation by several servers that do not collude: every participant splits its (noised) contribution, each server
 * adds up one share of everybody, and the sums of the servers give the sum of the contributions. What one server sees is
 * uniform. Pure: bytes in, bytes out.
 *
 * Participants sign every share, and every server checks the signatures against a roster of its own: whoever carries the
 * shares cannot make contributors up to be alone with one of them, as long as one server is honest.
 *
 * @module
 */

import {
  concatBytes,
  createAgreementKey,
  equalBytes,
  hkdfSha256,
  openSealed,
  seal,
  sha256,
  type SigningKey,
  utf8,
  verifySignature,
} from '../../foundations/crypto/index.ts';
import { assertInteger } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { Ring } from '../../foundations/vector/index.ts';
import { type AdditiveShare, addShareInto, SHARE_SEED_BYTES, splitAdditive } from '../sharing/index.ts';
import { MpcError } from './errors.ts';

/** Which sum a share is for. */
export interface SharedRound {
  readonly taskId: string;
  readonly round: number;
  readonly attempt: number;
  readonly configDigest: Uint8Array;
}

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

function associate(round: SharedRound, from: string, server: number): Uint8Array {
  const { taskId, round: number, attempt, configDigest } = round;
  return sha256(
    utf8(JSON.stringify(['sotto/mpc/aggregation-share/v1', taskId, number, attempt, from, server])),
    configDigest,
  );
}

function boxKey(secret: Uint8Array, ephemeral: Uint8Array, recipient: Uint8Array): Uint8Array {
  return hkdfSha256(secret, {
    salt: sha256(ephemeral, recipient),
    info: utf8('sotto/mpc/aggregation-share'),
    sizeBytes: KEY_BYTES,
  });
}

/** What a participant signs: for which sum, server and sealed share. */
function statement(round: SharedRound, from: string, server: number, sealed: Uint8Array): Uint8Array {
  return concatBytes(utf8('sotto/mpc/signed-share/v1'), associate(round, from, server), sha256(sealed));
}

/** Which share of whom a message should be. */
export interface ShareLabel {
  readonly round: SharedRound;
  readonly from: string;
  readonly server: number;
}

/**
 * Checks that a message is a share which its sender has signed for this sum and server. Needs no key of the server's.
 * @param roster - Ed25519 keys by participant.
 * @throws {MpcError} `mpc/unsigned` naming the participant.
 */
export function assertShareSigned(
  message: Uint8Array,
  { round, from, server }: ShareLabel,
  roster: ReadonlyMap<string, Uint8Array>,
): void {
  const identity = roster.get(from);
  const sealed = message.subarray(SIGNATURE_BYTES);
  const signature = message.subarray(0, SIGNATURE_BYTES);
  if (
    identity === undefined ||
    message.length <= SIGNATURE_BYTES ||
    !verifySignature(identity, statement(round, from, server, sealed), signature)
  ) {
    throw new MpcError('mpc/unsigned', `the share of ${JSON.stringify(from)} is not signed for this server and round`, {
      details: { participant: from },
    });
  }
}

/**
 * Splits a contribution among servers, seals each share to its server, so that the coordinator may carry them all, and
 * signs what was sealed.
 * @param residues - of the ring, noise included.
 * @returns one message a server: 16 bytes for all but the last, which gets the vector, plus 48 bytes of sealing and a
 * signature of 64.
 */
export function splitForServers(
  residues: Uint32Array,
  {
    ring,
    serverKeys,
    from,
    round,
    identity,
  }: {
    readonly ring: Ring;
    readonly serverKeys: readonly Uint8Array[];
    readonly from: string;
    readonly round: SharedRound;
    /** The participant's, of the roster that the servers know. */
    readonly identity: SigningKey;
  },
  rng: Rng,
): readonly Uint8Array[] {
  const shares = splitAdditive(residues, { ring, parties: serverKeys.length }, rng);
  return shares.map((share, server) => {
    const plain = share.kind === 'seed' ? share.seed : new Uint8Array(share.residues.buffer);
    const ephemeral = createAgreementKey(rng.bytes(KEY_BYTES));
    const recipient = serverKeys[server] as Uint8Array;
    const key = boxKey(ephemeral.agree(recipient), ephemeral.publicKey, recipient);
    // The key is used for one message: a fixed nonce is never repeated.
    const sealed = concatBytes(
      ephemeral.publicKey,
      seal(plain, { key, nonce: new Uint8Array(12), associatedData: associate(round, from, server) }),
    );
    return concatBytes(identity.sign(statement(round, from, server, sealed)), sealed);
  });
}

/** One server's side of one round. */
export interface AggregationServer {
  readonly contributors: readonly string[];
  /**
   * @throws {MpcError} `mpc/unsigned` when nobody of the roster signed it for this server and round,
   * `authentication-failed` when it does not open.
   */
  receive(from: string, message: Uint8Array): void;
  /**
   * Returns this server's sum over a set of contributors that all servers have. Once: two different sets would give away
   * their difference.
   * @throws {MpcError} `too-few-parties` below the threshold, `malformed-message` for unknown ones or a second set.
   */
  sum(contributors: readonly string[]): Uint8Array;
}

/** Creates one server's side of one round. */
export function createAggregationServer({
  ring,
  entries,
  server,
  servers,
  threshold,
  privateKey,
  roster,
  round,
}: {
  readonly ring: Ring;
  readonly entries: number;
  readonly server: number;
  readonly servers: number;
  /** Fewest contributors of a sum, at least 2. */
  readonly threshold: number;
  /** X25519. */
  readonly privateKey: Uint8Array;
  /** Ed25519 keys of those who may contribute, from a source that is not whoever carries the shares. */
  readonly roster: ReadonlyMap<string, Uint8Array>;
  readonly round: SharedRound;
}): AggregationServer {
  assertInteger(servers, 'servers', { min: 2 });
  assertInteger(server, 'server', { max: servers - 1 });
  assertInteger(threshold, 'threshold', { min: 2 });
  const own = createAgreementKey(privateKey);
  const shares = new Map<string, AdditiveShare>();
  const wanted = server === servers - 1 ? entries * ring.limbs * 4 : SHARE_SEED_BYTES;
  let answered: string | undefined;
  return {
    get contributors() {
      return [...shares.keys()].sort();
    },
    receive(from, message) {
      if (shares.has(from))
        throw new MpcError('mpc/malformed-message', `${JSON.stringify(from)} has contributed already`);
      assertShareSigned(message, { round, from, server }, roster);
      const sealed = message.subarray(SIGNATURE_BYTES);
      const ephemeral = sealed.subarray(0, KEY_BYTES);
      let plain: Uint8Array;
      try {
        const key = boxKey(own.agree(ephemeral), ephemeral, own.publicKey);
        plain = openSealed(sealed.subarray(KEY_BYTES), {
          key,
          nonce: new Uint8Array(12),
          associatedData: associate(round, from, server),
        });
      } catch (cause) {
        throw new MpcError(
          'mpc/authentication-failed',
          `the share of ${JSON.stringify(from)} is not one for this server and round`,
          { cause, details: { participant: from } },
        );
      }
      if (plain.length !== wanted)
        throw new MpcError('mpc/malformed-message', `a share of ${plain.length} bytes, ${wanted} are right`);
      shares.set(
        from,
        server === servers - 1 ? { kind: 'residues', residues: wordsOf(plain) } : { kind: 'seed', seed: plain },
      );
    },
    sum(contributors) {
      const set = [...new Set(contributors)].sort();
      if (set.length < threshold) {
        throw new MpcError(
          'mpc/too-few-parties',
          `a sum of ${set.length} contributions is not formed, ${threshold} are needed`,
          { details: { contributors: set.length, threshold } },
        );
      }
      const name = JSON.stringify(set);
      if (answered !== undefined && answered !== name) {
        throw new MpcError(
          'mpc/malformed-message',
          'this round was summed over another set: the difference of two sums is a contribution',
        );
      }
      const total = new Uint32Array(entries * ring.limbs);
      for (const from of set) {
        const share = shares.get(from);
        if (share === undefined)
          throw new MpcError('mpc/malformed-message', `there is no share of ${JSON.stringify(from)}`);
        addShareInto(total, share, ring);
      }
      answered = name;
      return concatBytes(sha256(utf8(name), associate(round, '', 0)), new Uint8Array(total.buffer));
    },
  };
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(bytes.length / 4);
  new Uint8Array(words.buffer).set(bytes);
  return words;
}

/**
 * Joins the sums of all servers.
 * @throws {MpcError} `mpc/parameters-differ` when they are over different sets or rounds.
 */
export function joinServerSums(
  sums: readonly Uint8Array[],
  { ring, entries, servers }: { readonly ring: Ring; readonly entries: number; readonly servers: number },
): Uint32Array {
  const total = new Uint32Array(entries * ring.limbs);
  const [first] = sums;
  if (first === undefined || sums.length !== servers)
    throw new MpcError('mpc/parameters-differ', `the sums of ${servers} servers are needed, got ${sums.length}`);
  for (const sum of sums) {
    if (sum.length !== 32 + total.byteLength || !equalBytes(sum.subarray(0, 32), first.subarray(0, 32))) {
      throw new MpcError('mpc/parameters-differ', 'the servers have summed different sets or rounds');
    }
    addShareInto(total, { kind: 'residues', residues: wordsOf(sum.subarray(32)) }, ring);
  }
  return total;
}
