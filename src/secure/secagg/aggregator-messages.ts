/**
 * The messages an aggregator sends: the announcement before the draw, the rosters, the routed shares and the collected
 * signatures. Each builder returns a function from a receiver's place to its bytes; what is the same for all is built once.
 *
 * @module
 */

import { concatBytes, sha256 } from '../../foundations/crypto/index.ts';
import type { AggregatorState } from './aggregator-state.ts';
import { encodeBitmap } from './bitmap.ts';
import { ByteWriter } from './codec.ts';
import { countSignaturesNeeded, type ResolvedConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import type { Graph } from './graph.ts';
import { createMerkleTree, type MerkleTree } from './merkle.ts';
import { openMessage } from './messages.ts';
import {
  deriveGraphSeed,
  deriveSession,
  digestCommitments,
  digestRoster,
  drawsByCommitment,
  encodePlace,
  hashPlace,
} from './roster.ts';
import { visiblePlaces } from './roster-view.ts';
import { bundleLayout } from './unmasking.ts';

/** A round whose graph is known. */
export interface RoundGraph {
  readonly state: AggregatorState;
  readonly config: ResolvedConfig;
  readonly graph: Graph;
}

type Builder = (place: number) => Uint8Array;

function rosterTree({ cohort, entries }: AggregatorState): MerkleTree {
  return createMerkleTree(cohort.map((id, place) => hashPlace(id, entries.get(place))));
}

function commitmentsDigest({ cohort, entries }: AggregatorState, config: ResolvedConfig): Uint8Array | undefined {
  if (!drawsByCommitment(config)) return undefined;
  return digestCommitments(cohort.map((_, place) => entries.get(place)?.commitment));
}

/** Announces the roster's root before the graph is drawn. */
export function announceRoster(state: AggregatorState, config: ResolvedConfig): Builder {
  const size = state.cohort.length;
  const out = openMessage('rosterRoot', config).u32(size).raw(rosterTree(state).root);
  const commitments = commitmentsDigest(state, config);
  if (commitments !== undefined) out.raw(commitments);
  const message = out.raw(encodeBitmap(state.entries.keys(), size)).finish();
  return () => message;
}

/** The rosters, with the seed of the graph and the session that follow from them. */
export interface Rosters {
  readonly graphSeed: Uint8Array;
  readonly session: Uint8Array;
  build(graph: Graph): Builder;
}

/** Fixes roster and graph. */
export function buildRosters(state: AggregatorState, config: ResolvedConfig): Rosters {
  return config.graph.kind === 'complete' ? buildFullRoster(state, config) : buildPartialRosters(state, config);
}

function buildFullRoster({ cohort, entries }: AggregatorState, config: ResolvedConfig): Rosters {
  const section = concatBytes(...cohort.map((id, place) => encodePlace(id, entries.get(place))));
  const digest = digestRoster(config, { size: cohort.length, members: sha256(section), commitments: undefined });
  const message = openMessage('roster', config, section.length + 8)
    .u32(cohort.length)
    .block(section)
    .finish();
  const graphSeed = new Uint8Array(32);
  return { graphSeed, session: deriveSession(config, digest, graphSeed), build: () => () => message };
}

function buildPartialRosters(state: AggregatorState, config: ResolvedConfig): Rosters {
  const { cohort, entries } = state;
  const size = cohort.length;
  const tree = rosterTree(state);
  const digest = digestRoster(config, { size, members: tree.root, commitments: commitmentsDigest(state, config) });
  const material = drawMaterial(state, config, digest);
  const graphSeed =
    config.graph.kind === 'harary' && config.graph.draw === 'coordinator'
      ? material
      : deriveGraphSeed(digest, material);
  // A beacon is fetched by each participant itself; the coordinator's word for it would be worth nothing.
  const shown = config.graph.kind === 'harary' && config.graph.draw === 'beacon' ? new Uint8Array(0) : material;
  const auditCount = config.graph.kind === 'harary' ? (config.graph.auditCount ?? 0) : 0;
  const places = cohort.map((id, place) => encodePlace(id, entries.get(place)));
  return {
    graphSeed,
    session: deriveSession(config, digest, graphSeed),
    build: (graph) => (place) => {
      const visible = visiblePlaces(graph, graphSeed, { place, auditCount });
      const out = openMessage('roster', config, 128 + shown.length + visible.length * 128);
      out.u32(size).u32(place).raw(tree.root).raw(shown);
      for (const other of visible) out.raw(places[other] as Uint8Array);
      if (config.malicious) {
        const proof = tree.prove(visible);
        out.u32(proof.length);
        for (const hash of proof) out.raw(hash);
      }
      return out.finish();
    },
  };
}

/** What the graph's seed is made of: all reveals in order, the beacon, or a value of the coordinator's. */
function drawMaterial(state: AggregatorState, config: ResolvedConfig, digest: Uint8Array): Uint8Array {
  if (config.graph.kind === 'harary' && config.graph.draw === 'coordinator') {
    return deriveGraphSeed(digest, new Uint8Array(0));
  }
  if (drawsByCommitment(config)) {
    const reveals = new ByteWriter(state.reveals.size * 16);
    for (const place of [...state.reveals.keys()].toSorted((a, b) => a - b)) {
      reveals.raw(state.reveals.get(place) as Uint8Array);
    }
    return reveals.finish();
  }
  if (state.beacon === undefined) {
    throw new SecAggError('secagg/bad-draw', 'the graph is drawn by a beacon: call "setBeacon" with its value first');
  }
  return state.beacon;
}

/** Routes to each member the bundles its neighbours sealed for it. */
export function routeShares({ state, config, graph }: RoundGraph): Builder {
  const layouts = new Map<number, ReturnType<typeof bundleLayout>>();
  const presentNeighbors = (place: number) => graph.neighbors(place).filter((other) => state.entries.has(other));
  for (const sender of state.sharers) layouts.set(sender, bundleLayout(config, sender, presentNeighbors(sender)));
  return (place) => {
    const neighbors = presentNeighbors(place);
    const senders = neighbors.filter((neighbor) => state.sharers.has(neighbor));
    const out = openMessage('routedShares', config, 16 + senders.length * 128);
    out.raw(
      encodeBitmap(
        senders.map((sender) => neighbors.indexOf(sender)),
        neighbors.length,
      ),
    );
    for (const sender of senders) {
      const { start, end } = (layouts.get(sender) as ReturnType<typeof bundleLayout>).part(place);
      out.raw((state.bundles.get(sender) as Uint8Array).subarray(start, end));
    }
    return out.finish();
  };
}

/** Hands each member as many verified signatures as it needs: of its holders first, then of others. */
export function shareSignatures({ state, config, graph }: RoundGraph): Builder {
  const needed = countSignaturesNeeded(config, state.cohort.length);
  const own = graph.kind === 'complete' ? 1 : 0;
  return (place) => {
    const signed = (member: number) => member !== place && state.signatures.has(member);
    const signers = graph
      .neighbors(place)
      .filter(signed)
      .slice(0, needed.holders - own);
    const missing = needed.members - 1 - signers.length;
    if (missing > 0) {
      const chosen = new Set(signers);
      const others = [...state.signatures.keys()].filter((member) => signed(member) && !chosen.has(member));
      signers.push(...others.slice(0, missing));
    }
    const out = openMessage('signatures', config, 4 + signers.length * 68).u32(signers.length);
    for (const signer of signers) out.u32(signer).raw(state.signatures.get(signer) as Uint8Array);
    return out.finish();
  };
}
