/**
 * Sums by aggregation servers that do not collude: a participant sends one message with a sealed and signed share for each
 * server, the coordinator carries the shares and joins the servers' sums. Any one server sees uniform bits, and the
 * coordinator sealed ones; each server counts for itself who has signed.
 *
 * @module
 */

import type { SigningKey } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { createRing, decodeRing, encodeRing } from '../../foundations/vector/index.ts';
import { assertShareSigned, createAggregationServer, joinServerSums, splitForServers } from '../../secure/mpc/index.ts';
import type { MessageAddress } from '../wire/index.ts';
import {
  type AnsweredAttempts,
  assertOnRoster,
  type Assistant,
  createAssistant,
  decodeParts,
  encodeParts,
} from './assistant.ts';

/** What all parties of such a sum know. */
export interface SharedSum {
  readonly bitWidth: number;
  readonly entries: number;
  /** Most contributors. */
  readonly participants: number;
  /** Names and X25519 keys, in order; at least two. */
  readonly servers: readonly { readonly name: string; readonly publicKey: Uint8Array }[];
  readonly planDigest: Uint8Array;
}

/** Sealing and signature of a share, and more. */
const SHARE_OVERHEAD_BYTES = 256;

const roundOf = ({ planDigest }: SharedSum, address: MessageAddress) => ({ ...address, configDigest: planDigest });

/**
 * Splits a contribution into sealed shares, each signed.
 * @param contribution - grid integers, noise included; length `entries`.
 */
export function sealShares(
  contribution: Int32Array,
  {
    sum,
    address,
    from,
    identity,
  }: {
    readonly sum: SharedSum;
    readonly address: MessageAddress;
    readonly from: string;
    readonly identity: SigningKey;
  },
  rng: Rng,
): Uint8Array {
  const ring = createRing({ bitWidth: sum.bitWidth });
  const serverKeys = sum.servers.map(({ publicKey }) => publicKey);
  const round = roundOf(sum, address);
  return encodeParts(splitForServers(encodeRing(contribution, ring), { ring, serverKeys, from, round, identity }, rng));
}

/**
 * Reads a contribution on its way to the servers, who check the same again: a bad one is refused at its sender's, and does
 * not cost the others their sum.
 * @returns one share a server.
 * @throws {@link MpcError} `mpc/unsigned`; {@link AssistantError} `assistants/malformed`.
 */
export function readShares(
  payload: Uint8Array,
  {
    sum,
    address,
    from,
    roster,
  }: {
    readonly sum: SharedSum;
    readonly address: MessageAddress;
    readonly from: string;
    readonly roster: ReadonlyMap<string, Uint8Array>;
  },
): readonly Uint8Array[] {
  const shares = decodeParts(payload, sum.servers.length);
  const round = roundOf(sum, address);
  shares.forEach((share, server) => assertShareSigned(share, { round, from, server }, roster));
  return shares;
}

/**
 * Creates one server.
 * Guarantee: one sum an attempt, over at least `minContributors` signers of the roster, whatever the coordinator says.
 * @param options - `privateKey`: X25519, of the public key in `sum`; `roster`: identity keys by participant, from a source
 * that is not the coordinator where the coordinator is not believed.
 */
export function createServerAssistant({
  sum,
  name,
  taskId,
  privateKey,
  roster,
  minContributors,
  answered,
}: {
  readonly sum: SharedSum;
  readonly name: string;
  readonly taskId: string;
  readonly privateKey: Uint8Array;
  readonly roster: ReadonlyMap<string, Uint8Array>;
  readonly minContributors: number;
  readonly answered: AnsweredAttempts;
}): Assistant {
  const server = sum.servers.findIndex((one) => one.name === name);
  if (server === -1) throw new RangeError(`"name" must be one of the servers of the task, got ${JSON.stringify(name)}`);
  return createAssistant({
    name,
    taskId,
    planDigest: sum.planDigest,
    minContributors,
    // The last server's share is the vector itself.
    largest: { contributors: sum.participants, partBytes: 8 * sum.entries + SHARE_OVERHEAD_BYTES, claimBytes: 0 },
    answered,
    async work(request, claim) {
      assertOnRoster(request, roster, name);
      const own = createAggregationServer({
        ring: createRing({ bitWidth: sum.bitWidth }),
        entries: sum.entries,
        server,
        servers: sum.servers.length,
        threshold: minContributors,
        privateKey,
        roster,
        round: roundOf(sum, { taskId, round: request.round, attempt: request.attempt }),
      });
      for (const [from, share] of request.contributions) own.receive(from, share ?? new Uint8Array());
      await claim();
      return own.sum(request.contributions.map(([from]) => from));
    },
  });
}

/** Joins the answers of all servers. @returns grid integers. */
export function joinAnswers(answers: readonly Uint8Array[], sum: SharedSum): Float64Array {
  const ring = createRing({ bitWidth: sum.bitWidth });
  return decodeRing(joinServerSums(answers, { ring, entries: sum.entries, servers: sum.servers.length }), ring);
}
