/**
 * Sums by aggregation servers that do not collude: a participant sends one message with a sealed share for each server,
 * the coordinator carries the shares and joins the servers' sums. Any one server sees uniform bits, and the coordinator
 * sealed ones.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import { createRing, decodeRing, encodeRing } from '../../foundations/vector/index.ts';
import { createAggregationServer, joinServerSums, splitForServers } from '../../secure/mpc/index.ts';
import type { MessageAddress } from '../wire/index.ts';
import { type AnsweredAttempts, type Assistant, createAssistant, encodeParts } from './assistant.ts';

/** What all parties of such a sum know. */
export interface SharedSum {
  readonly bitWidth: number;
  readonly entries: number;
  /** Names and X25519 keys, in order; at least two. */
  readonly servers: readonly { readonly name: string; readonly publicKey: Uint8Array }[];
  readonly planDigest: Uint8Array;
}

const roundOf = ({ planDigest }: SharedSum, address: MessageAddress) => ({ ...address, configDigest: planDigest });

/**
 * Splits a contribution into sealed shares.
 * @param contribution - grid integers, noise included; length `entries`.
 */
export function sealShares(
  contribution: Int32Array,
  { sum, address, from }: { readonly sum: SharedSum; readonly address: MessageAddress; readonly from: string },
  rng: Rng,
): Uint8Array {
  const ring = createRing({ bitWidth: sum.bitWidth });
  const serverKeys = sum.servers.map(({ publicKey }) => publicKey);
  const round = roundOf(sum, address);
  return encodeParts(splitForServers(encodeRing(contribution, ring), { ring, serverKeys, from, round }, rng));
}

/** Creates one server. @param options - `privateKey`: X25519, of the public key in `sum`. */
export function createServerAssistant({
  sum,
  name,
  taskId,
  privateKey,
  minContributors,
  answered,
}: {
  readonly sum: SharedSum;
  readonly name: string;
  readonly taskId: string;
  readonly privateKey: Uint8Array;
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
    answered,
    async work(request, claim) {
      const own = createAggregationServer({
        ring: createRing({ bitWidth: sum.bitWidth }),
        entries: sum.entries,
        server,
        servers: sum.servers.length,
        threshold: minContributors,
        privateKey,
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
