/**
 * What the coordinator does with the answers of the unmask stage: rebuild the secrets it was given enough shares of, and
 * list the masks (and noise shares) to take out of the sum. Self masks of survivors and, for each lost member, its masks
 * with surviving neighbours: exactly survivors + lost × surviving neighbours expansions.
 *
 * @module
 */

import { CryptoError, equalBytes } from '../../foundations/crypto/index.ts';
import type { Mask } from '../../foundations/kernels/index.ts';
import { createSecretJoiner, FIELD_25519, type Share } from '../sharing/index.ts';
import type { AggregatorState } from './aggregator-state.ts';
import type { ResolvedConfig } from './config.ts';
import { derivePairMaskKey, deriveSelfMaskKey } from './derive.ts';
import { SecAggError } from './errors.ts';
import type { Graph } from './graph.ts';
import { createPairKey, encapsulationLength, rebuildMaskSecret } from './keys.ts';
import { depositLength, openDeposit } from './recovery.ts';
import type { RosterEntry } from './roster.ts';
import { sealedBundleLength } from './shares.ts';

/** What comes out of the sum. */
export interface Unmasking {
  readonly masks: readonly Mask[];
  /** Seeds of the noise shares to subtract. */
  readonly noiseSeeds: readonly Uint8Array[];
  /** X25519 agreements that were computed. */
  readonly agreements: number;
}

/** The owners whose shares a member holds, ascending: its neighbours that shared, and in the complete graph itself. */
export function ownersHeldBy(place: number, sharers: ReadonlySet<number>, graph: Graph): readonly number[] {
  const owners = graph.neighbors(place).filter((neighbor) => sharers.has(neighbor));
  if (graph.kind === 'complete') {
    owners.push(place);
    owners.sort((a, b) => a - b);
  }
  return owners;
}

/** Where the parts of a shareKeys body lie, for one sender. */
export function bundleLayout(
  config: ResolvedConfig,
  sender: number,
  neighbors: readonly number[],
): {
  readonly length: number;
  readonly deposit: { readonly start: number; readonly end: number };
  part(receiver: number): { readonly start: number; readonly end: number };
} {
  const sealed = sealedBundleLength(config);
  const encapsulation = encapsulationLength(config.keyAgreement);
  const starts = new Map<number, { start: number; end: number }>();
  let at = 0;
  for (const receiver of neighbors) {
    const end = at + sealed + encapsulation + (sender < receiver ? encapsulation : 0);
    starts.set(receiver, { start: at, end });
    at = end;
  }
  const deposit = { start: at, end: at + (config.setup === 'task' ? depositLength(neighbors.length) : 0) };
  return {
    length: deposit.end,
    deposit,
    part: (receiver) => starts.get(receiver) as { start: number; end: number },
  };
}

/**
 * Rebuilds secrets from the answers and lists what to take out of the sum.
 * @throws {SecAggError} `secagg/too-few-survivors` when a secret lacks shares, `secagg/bad-shares` when the shares of a
 *   lost member give something else than what it advertised.
 */
export function planUnmasking(
  state: AggregatorState,
  {
    config,
    graph,
    opened,
  }: { readonly config: ResolvedConfig; readonly graph: Graph; readonly opened: ReadonlySet<number> },
): Unmasking {
  const session = state.session as Uint8Array;
  const { sharers, survivors, answers } = state;
  const shares = collectShares(state, { graph, opened });
  const joiner = createSecretJoiner({ threshold: config.threshold });
  const masks: Mask[] = [];
  const noiseSeeds: Uint8Array[] = [];
  let agreements = 0;
  for (const owner of [...sharers].toSorted((a, b) => a - b)) {
    const held = shares.get(owner) as OwnerShares;
    if (held.secret.length < config.threshold) {
      throw new SecAggError(
        'secagg/too-few-survivors',
        `${held.secret.length} holders answered for participant "${state.cohort[owner]}", ${config.threshold} have to`,
        { details: { stage: 'unmask', participants: answers.size, threshold: config.threshold } },
      );
    }
    const secret = FIELD_25519.encode(joiner.join(held.secret));
    if (survivors.has(owner)) {
      masks.push({ key: deriveSelfMaskKey(secret, session), sign: -1 });
      if (opened.has(owner)) noiseSeeds.push(FIELD_25519.encode(joiner.join(held.noise)));
      continue;
    }
    const recovered = recoverPairMasks(state, { config, graph, owner, secret });
    if (config.setup === 'round') agreements += recovered.length;
    masks.push(...recovered);
  }
  return { masks, noiseSeeds, agreements };
}

interface OwnerShares {
  readonly secret: Share[];
  readonly noise: Share[];
}

function collectShares(
  { sharers, survivors, answers }: AggregatorState,
  { graph, opened }: { readonly graph: Graph; readonly opened: ReadonlySet<number> },
): ReadonlyMap<number, OwnerShares> {
  const shares = new Map<number, OwnerShares>();
  for (const owner of sharers) shares.set(owner, { secret: [], noise: [] });
  for (const holder of [...answers.keys()].toSorted((a, b) => a - b)) {
    const body = answers.get(holder) as Uint8Array;
    const owners = ownersHeldBy(holder, sharers, graph);
    const read = (index: number): Share => ({
      x: holder + 1,
      value: FIELD_25519.decode(body.subarray(32 * index, 32 * index + 32)),
    });
    owners.forEach((owner, i) => (shares.get(owner) as OwnerShares).secret.push(read(i)));
    owners
      .filter((owner) => survivors.has(owner) && opened.has(owner))
      .forEach((owner, i) => (shares.get(owner) as OwnerShares).noise.push(read(owners.length + i)));
  }
  return shares;
}

/** The masks between a lost member and its surviving neighbours, signed so that they cancel what the survivors added. */
function recoverPairMasks(
  state: AggregatorState,
  {
    config,
    graph,
    owner,
    secret,
  }: { readonly config: ResolvedConfig; readonly graph: Graph; readonly owner: number; readonly secret: Uint8Array },
): readonly Mask[] {
  const session = state.session as Uint8Array;
  const present = graph.neighbors(owner).filter((neighbor) => state.entries.has(neighbor));
  const surviving = present.filter((neighbor) => state.survivors.has(neighbor));
  // The survivor with the lower place added the pair's mask; it is subtracted now, and the other way round.
  const signOf = (neighbor: number) => (neighbor < owner ? (-1 as const) : (1 as const));
  const refuse = () =>
    new SecAggError(
      'secagg/bad-shares',
      `the shares of participant "${state.cohort[owner]}" do not give what it advertised`,
      { details: { participants: [state.cohort[owner]] } },
    );
  const body = state.bundles.get(owner) as Uint8Array;
  if (config.setup === 'task') {
    const { deposit } = bundleLayout(config, owner, present);
    try {
      const keys = openDeposit(body.subarray(deposit.start, deposit.end), { roundKey: secret, session });
      return surviving.map((neighbor) => ({
        key: (keys[present.indexOf(neighbor)] as Uint8Array).slice(),
        sign: signOf(neighbor),
      }));
    } catch (error) {
      if (error instanceof CryptoError) throw refuse();
      throw error;
    }
  }
  const lost = createPairKey(secret, config.keyAgreement);
  if (!equalBytes(lost.publicKey, (state.entries.get(owner) as RosterEntry).maskKey)) throw refuse();
  return surviving.map((neighbor) => {
    const peer = state.entries.get(neighbor) as RosterEntry;
    const lower = owner < neighbor;
    const received = lower ? NO_BYTES : maskCiphertext(state, { config, graph, from: neighbor, to: owner });
    const pairSecret = rebuildMaskSecret(lost, peer.maskKey, { lower, received });
    return { key: derivePairMaskKey(pairSecret, session), sign: signOf(neighbor) };
  });
}

const NO_BYTES = new Uint8Array(0);

/** The encapsulation for a pair's mask that the lower member sent to the higher one. */
function maskCiphertext(
  state: AggregatorState,
  {
    config,
    graph,
    from,
    to,
  }: { readonly config: ResolvedConfig; readonly graph: Graph; readonly from: number; readonly to: number },
): Uint8Array {
  const length = encapsulationLength(config.keyAgreement);
  if (length === 0) return NO_BYTES;
  const present = graph.neighbors(from).filter((neighbor) => state.entries.has(neighbor));
  const { end } = bundleLayout(config, from, present).part(to);
  return (state.bundles.get(from) as Uint8Array).subarray(end - length, end);
}
