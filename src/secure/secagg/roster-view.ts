/**
 * The roster as one participant sees and checks it: its own entry unchanged, its neighbours where the graph puts them,
 * everybody it can see under the root, with a signature its own policy admits.
 *
 * @module
 */

import { equalBytes, sha256, verifySignature } from '../../foundations/crypto/index.ts';
import { decodeBitmap } from './bitmap.ts';
import { ByteReader } from './codec.ts';
import { assertCohortSize, type ResolvedConfig } from './config.ts';
import { deriveAuditSeed } from './derive.ts';
import { SecAggError } from './errors.ts';
import { createHararyGraph, permutePlaces, type Graph } from './graph.ts';
import { admittedKey, type SecAggAdmission } from './identity.ts';
import { verifyMerkleProof } from './merkle.ts';
import {
  advertisementMessage,
  commitReveal,
  deriveGraphSeed,
  deriveSession,
  digestCommitments,
  digestRoster,
  drawsByCommitment,
  encodePlace,
  hashPlace,
  readEntry,
  REVEAL_BYTES,
  type RosterEntry,
} from './roster.ts';

/** What a participant knows of the round once the roster is checked. */
export interface RosterView {
  /** Size of the cohort, absent members included. */
  readonly size: number;
  /** The participant's own place. */
  readonly place: number;
  readonly session: Uint8Array;
  /** Present members this participant sees, by place, itself included. */
  readonly members: ReadonlyMap<number, RosterEntry>;
  /** Present neighbours, ascending. */
  readonly neighbors: readonly number[];
}

/** The roster's digest as it was announced before the draw of the graph. */
export interface AnnouncedRoster {
  readonly size: number;
  readonly members: Uint8Array;
  readonly commitments: Uint8Array | undefined;
  readonly present: ReadonlySet<number>;
  readonly digest: Uint8Array;
}

/** What the reader brings along. */
export interface RosterContext {
  readonly config: ResolvedConfig;
  readonly own: RosterEntry;
  readonly admission: SecAggAdmission;
  readonly announced?: AnnouncedRoster | undefined;
  readonly reveal?: Uint8Array | undefined;
  readonly beacon?: Uint8Array | undefined;
}

/** Reads the announcement that precedes the draw of the graph. */
export function readAnnouncement(body: ByteReader, config: ResolvedConfig): AnnouncedRoster {
  const size = readSize(body, config);
  const members = body.raw(32);
  const commitments = drawsByCommitment(config) ? body.raw(32) : undefined;
  const present = decodeBitmap(body.raw(Math.ceil(size / 8)), size);
  body.end();
  return {
    size,
    members: members.slice(),
    commitments: commitments?.slice(),
    present,
    digest: digestRoster(config, { size, members, commitments }),
  };
}

/** Reads and checks the roster. @throws {SecAggError} naming what does not hold. */
export function readRoster(body: ByteReader, context: RosterContext): RosterView {
  const view =
    context.config.graph.kind === 'complete' ? readFullRoster(body, context) : readPartialRoster(body, context);
  verifyMembers(view, context);
  return view;
}

function readSize(body: ByteReader, config: ResolvedConfig): number {
  const size = body.u32();
  if (size > 2 ** 20) throw new SecAggError('secagg/bad-roster', `a cohort of ${size} is beyond the limit of 2^20`);
  assertCohortSize(config, size);
  return size;
}

function readFullRoster(body: ByteReader, { config, own }: RosterContext): RosterView {
  const size = readSize(body, config);
  const section = body.block();
  body.end();
  const reader = new ByteReader(section);
  const members = new Map<number, RosterEntry>();
  let place = -1;
  let previous: string | undefined;
  for (let i = 0; i < size; i += 1) {
    const { id, entry } = readEntry(reader, config);
    if (previous !== undefined && !(previous < id)) throw badRoster('is not sorted by id, or names somebody twice');
    previous = id;
    if (entry !== undefined) members.set(i, entry);
    if (id === own.id) place = i;
  }
  reader.end();
  const digest = digestRoster(config, { size, members: sha256(section), commitments: undefined });
  const neighbors = [...members.keys()].filter((other) => other !== place);
  return { size, place, session: deriveSession(config, digest, new Uint8Array(32)), members, neighbors };
}

function readPartialRoster(body: ByteReader, context: RosterContext): RosterView {
  const { config, own } = context;
  const { graph } = config;
  if (graph.kind === 'complete') throw new TypeError('a complete graph has no partial roster');
  const size = readSize(body, config);
  const place = body.u32();
  if (place >= size) throw badRoster('gives me a place beyond the cohort');
  const membersRoot = body.raw(32);
  let digest: Uint8Array;
  let graphSeed: Uint8Array;
  if (graph.draw === 'coordinator') {
    digest = digestRoster(config, { size, members: membersRoot, commitments: undefined });
    graphSeed = body.raw(32).slice();
  } else {
    const announced = context.announced;
    if (announced === undefined || announced.size !== size || !equalBytes(announced.members, membersRoot)) {
      throw badRoster('is not the one that was announced before the draw');
    }
    digest = announced.digest;
    graphSeed = deriveGraphSeed(digest, readDrawMaterial(body, context, announced, place));
  }
  const drawn = createHararyGraph(size, { degree: graph.degree, seed: graphSeed });
  const expected = visiblePlaces(drawn, graphSeed, { place, auditCount: graph.auditCount ?? 0 });
  const members = new Map<number, RosterEntry>();
  const leaves = expected.map((visible) => {
    const { id, entry } = readEntry(body, config);
    if (entry !== undefined) members.set(visible, entry);
    if ((id === own.id) !== (visible === place)) throw badRoster('puts somebody at a place that is not theirs');
    return { place: visible, id, entry };
  });
  if (config.malicious) {
    const proof = Array.from({ length: body.u32() }, () => body.raw(32));
    verifyMerkleProof(
      leaves.map(({ place: leaf, id, entry }) => ({ place: leaf, hash: hashPlace(id, entry) })),
      { root: membersRoot, size, proof },
    );
    for (const leaf of leaves) {
      if ((leaf.entry !== undefined) !== context.announced?.present.has(leaf.place)) {
        throw badRoster('disagrees with the announcement about who is present');
      }
    }
  }
  body.end();
  const neighbors = drawn.neighbors(place).filter((neighbor) => members.has(neighbor));
  return { size, place, session: deriveSession(config, digest, graphSeed), members, neighbors };
}

/** Reads the reveals of all present members and checks them against the commitments that were announced. */
function readDrawMaterial(
  body: ByteReader,
  { config, reveal, beacon }: RosterContext,
  { size, present, commitments }: AnnouncedRoster,
  place: number,
): Uint8Array {
  if (!drawsByCommitment(config)) {
    if (beacon === undefined) {
      throw new SecAggError('secagg/bad-draw', 'the graph is drawn by a beacon: call "setBeacon" with its value first');
    }
    return beacon;
  }
  const reveals = body.raw(present.size * REVEAL_BYTES);
  const shown: (Uint8Array | undefined)[] = Array.from({ length: size });
  let at = 0;
  let ownFound = false;
  for (const member of [...present].toSorted((a, b) => a - b)) {
    const part = reveals.subarray(at, at + REVEAL_BYTES);
    at += REVEAL_BYTES;
    shown[member] = commitReveal(config, part);
    if (member === place) ownFound = reveal !== undefined && equalBytes(part, reveal);
  }
  if (!ownFound || commitments === undefined || !equalBytes(digestCommitments(shown), commitments)) {
    throw new SecAggError('secagg/bad-draw', 'the reveals do not fit the commitments made before the draw');
  }
  return reveals;
}

/** Places a participant sees: itself, its neighbours, and a sample of the others that nobody chose. */
export function visiblePlaces(
  graph: Graph,
  graphSeed: Uint8Array,
  { place, auditCount }: { readonly place: number; readonly auditCount: number },
): readonly number[] {
  const visible = new Set([place, ...graph.neighbors(place)]);
  if (auditCount > 0) {
    const wanted = Math.min(graph.size, visible.size + auditCount);
    for (const other of permutePlaces(graph.size, deriveAuditSeed(graphSeed, place))) {
      if (visible.size >= wanted) break;
      visible.add(other);
    }
  }
  return [...visible].toSorted((a, b) => a - b);
}

function verifyMembers({ place, members }: RosterView, { config, own, admission }: RosterContext): void {
  const mine = members.get(place);
  if (mine === undefined) throw badRoster('leaves me out');
  if (!equalBytes(encodePlace(mine.id, mine), encodePlace(own.id, own))) {
    throw new SecAggError('secagg/key-substituted', 'the roster shows other keys for me than I advertised');
  }
  const keys = new Set<string>();
  for (const [member, entry] of members) {
    for (const key of [entry.channelKey, entry.maskKey]) {
      const name = String.fromCharCode(...key.subarray(0, 32));
      if (keys.has(name)) throw badRoster('shows one key twice');
      keys.add(name);
    }
    if (!config.malicious || member === place) continue;
    const key = admittedKey(admission, entry);
    if (entry.signature === undefined || !verifySignature(key, advertisementMessage(config, entry), entry.signature)) {
      throw new SecAggError('secagg/bad-signature', `the keys of participant "${entry.id}" are not signed by it`, {
        details: { participants: [entry.id] },
      });
    }
  }
}

function badRoster(what: string): SecAggError {
  return new SecAggError('secagg/bad-roster', `the roster ${what}`);
}
