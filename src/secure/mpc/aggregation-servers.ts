/**
 * Aggregation by several servers that do not collude: every participant splits its (noised) contribution, each server
 * adds up one share of everybody, and the sums of the servers give the sum of the contributions. What one server sees is
 * uniform. Pure: bytes in, bytes out.
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
  utf8,
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

/**
 * Splits a contribution among servers and seals each share to its server, so that the coordinator may carry them all.
 * @param residues - of the ring, noise included.
 * @returns one message a server: 16 bytes for all but the last, which gets the vector, plus 48 bytes of sealing.
 */
export function splitForServers(
  residues: Uint32Array,
  {
    ring,
    serverKeys,
    from,
    round,
  }: {
    readonly ring: Ring;
    readonly serverKeys: readonly Uint8Array[];
    readonly from: string;
    readonly round: SharedRound;
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
    return concatBytes(
      ephemeral.publicKey,
      seal(plain, { key, nonce: new Uint8Array(12), associatedData: associate(round, from, server) }),
    );
  });
}

/** One server's side of one round. */
export interface AggregationServer {
  readonly contributors: readonly string[];
  /** @throws {MpcError} `authentication-failed` when the share is for another server, round or participant. */
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
      const ephemeral = message.subarray(0, KEY_BYTES);
      let plain: Uint8Array;
      try {
        const key = boxKey(own.agree(ephemeral), ephemeral, own.publicKey);
        plain = openSealed(message.subarray(KEY_BYTES), {
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
