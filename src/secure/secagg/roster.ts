/**
 * The roster: what each member advertised, in the order of the ids, hashed to one digest that everything later in the
 * round is bound to. In the complete graph everybody reads all of it; in the sparse graph a participant gets the entries
 * of its neighbours and of a drawn sample, with one Merkle proof for all of them.
 *
 * @module
 */

import { concatBytes, sha256, utf8 } from '../../foundations/crypto/index.ts';
import { ByteReader, ByteWriter } from './codec.ts';
import type { ResolvedConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import { publicKeyLength } from './keys.ts';
import { hashLeaf } from './merkle.ts';

/** What a member advertised. */
export interface RosterEntry {
  readonly id: string;
  readonly channelKey: Uint8Array;
  readonly maskKey: Uint8Array;
  /** Commitment to this member's part of the draw of the graph. */
  readonly commitment?: Uint8Array;
  readonly identityKey?: Uint8Array;
  readonly certificate?: Uint8Array;
  readonly signature?: Uint8Array;
}

const ABSENT = 0;
const PRESENT = 1;
const WITH_IDENTITY = 2;
const WITH_CERTIFICATE = 4;

/** Whether members commit to a part of the draw. */
export function drawsByCommitment({ graph }: ResolvedConfig): boolean {
  return graph.kind === 'harary' && graph.draw === 'commit-reveal';
}

/** Writes an entry; without its signature it is what the signature is over. */
export function writeEntry(out: ByteWriter, entry: RosterEntry): void {
  out.text(entry.id);
  out.u8(
    PRESENT |
      (entry.identityKey === undefined ? 0 : WITH_IDENTITY) |
      (entry.certificate === undefined ? 0 : WITH_CERTIFICATE),
  );
  out.raw(entry.channelKey).raw(entry.maskKey);
  if (entry.commitment !== undefined) out.raw(entry.commitment);
  if (entry.identityKey !== undefined) out.raw(entry.identityKey);
  if (entry.certificate !== undefined) out.raw(entry.certificate);
  if (entry.signature !== undefined) out.raw(entry.signature);
}

/** Writes the entry of somebody who did not advertise. */
export function writeAbsentEntry(out: ByteWriter, id: string): void {
  out.text(id).u8(ABSENT);
}

/** Reads an entry. @returns the id, and the entry unless its owner is absent. */
export function readEntry(reader: ByteReader, config: ResolvedConfig): { id: string; entry: RosterEntry | undefined } {
  const id = reader.text();
  const flags = reader.u8();
  if (flags === ABSENT) return { id, entry: undefined };
  if ((flags & PRESENT) === 0 || flags > 7) throw malformed('a roster entry has unknown flags');
  const length = publicKeyLength(config.keyAgreement);
  const entry: { -readonly [K in keyof RosterEntry]: RosterEntry[K] } = {
    id,
    channelKey: reader.raw(length),
    maskKey: reader.raw(length),
  };
  if (drawsByCommitment(config)) entry.commitment = reader.raw(32);
  if ((flags & WITH_IDENTITY) !== 0) entry.identityKey = reader.raw(32);
  if ((flags & WITH_CERTIFICATE) !== 0) entry.certificate = reader.raw(64);
  if (config.malicious) entry.signature = reader.raw(64);
  return { id, entry };
}

/** Encodes one place of the roster. */
export function encodePlace(id: string, entry: RosterEntry | undefined): Uint8Array {
  const out = new ByteWriter(160);
  if (entry === undefined) writeAbsentEntry(out, id);
  else writeEntry(out, entry);
  return out.finish();
}

/** The message a member signs when it advertises: its keys, under the whole context of the round. */
export function advertisementMessage(config: ResolvedConfig, entry: RosterEntry): Uint8Array {
  const { signature: _signature, ...unsigned } = entry;
  return concatBytes(utf8('sotto/secagg/advertise'), config.contextDigest, encodePlace(entry.id, unsigned));
}

/** Bytes of a member's part of the draw: enough that nobody guesses it, and few, because everybody reads all of them. */
export const REVEAL_BYTES = 16;

/** The commitment to a reveal. */
export function commitReveal(config: ResolvedConfig, reveal: Uint8Array): Uint8Array {
  return sha256(utf8('sotto/secagg/commit'), config.contextDigest, reveal);
}

/** Hashes a place as a leaf of the roster's tree. */
export function hashPlace(id: string, entry: RosterEntry | undefined): Uint8Array {
  return hashLeaf(encodePlace(id, entry));
}

/** Digest of all commitments in order; an absent member counts as 32 zero bytes. */
export function digestCommitments(commitments: readonly (Uint8Array | undefined)[]): Uint8Array {
  const zero = new Uint8Array(32);
  return sha256(utf8('sotto/secagg/commitments'), ...commitments.map((commitment) => commitment ?? zero));
}

/** Digest of the whole roster, from the hash of its members and, where there is a draw, of their commitments. */
export function digestRoster(
  config: ResolvedConfig,
  { size, members, commitments }: { size: number; members: Uint8Array; commitments: Uint8Array | undefined },
): Uint8Array {
  const out = new ByteWriter().raw(utf8('sotto/secagg/roster')).raw(config.contextDigest).u32(size).raw(members);
  if (commitments !== undefined) out.raw(commitments);
  return sha256(out.finish());
}

/** The seed of the graph: every reveal in order, or the beacon, under the roster that was fixed before. */
export function deriveGraphSeed(rosterDigest: Uint8Array, material: Uint8Array): Uint8Array {
  return sha256(utf8('sotto/secagg/graph'), rosterDigest, material);
}

/** What the rest of the round is bound to: context, roster and graph. */
export function deriveSession(config: ResolvedConfig, rosterDigest: Uint8Array, graphSeed: Uint8Array): Uint8Array {
  return sha256(utf8('sotto/secagg/session'), config.contextDigest, rosterDigest, graphSeed);
}

/** The message by which a participant vouches for the survivor set it answers to. */
export function survivorsMessage(session: Uint8Array, survivors: Uint8Array): Uint8Array {
  return concatBytes(utf8('sotto/secagg/survivors'), session, sha256(survivors));
}

function malformed(message: string): SecAggError {
  return new SecAggError('secagg/malformed-message', message);
}
